"""libvips is the host's in a library, and confined where the process is wisp's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PHOTO = Path(__file__).parent / "data/cases/plain.jpg"
SCRIPT = """
import sys
import pyvips
from wisp.io.images import read_photo
from wisp.io.vips import own_process
if sys.argv[2] == "own":
    own_process()
before = pyvips.cache_get_max()
read_photo(sys.argv[1])
svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
try:
    pyvips.Image.new_from_buffer(svg, "")
    print("open", before == pyvips.cache_get_max())
except pyvips.Error:
    print("blocked", pyvips.cache_get_max())
"""


@pytest.mark.parametrize(("whose", "said"), [("host", "open True"), ("own", "blocked 0")])
def test_whose_process(whose, said):
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(PHOTO), whose], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == said


def test_the_command_line_owns_its_process():
    script = (
        "import wisp.cli, pyvips; wisp.cli.main(['--version']); from wisp.io.vips import libvips; libvips()"
    )
    script += "; print(pyvips.cache_get_max())"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split()[-1] == "0"


def test_photos_that_are_read_side_by_side_set_it_up_once():
    """Started in eight threads at the same moment, in a process of its own, as `wisp cutout FOLDER` does."""
    code = (
        "import os, threading\n"
        "from wisp.io import vips\n"
        "vips.own_process()\n"
        "gate, failed = threading.Barrier(8), []\n"
        "def start():\n"
        "    gate.wait()\n"
        "    try:\n"
        "        vips.libvips()\n"
        "    except Exception as error:\n"
        "        failed.append(error)\n"
        "threads = [threading.Thread(target=start) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "assert not failed, failed\n"
        "assert 'VIPS_CONCURRENCY' not in os.environ\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "VIPS_CONCURRENCY"}
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
