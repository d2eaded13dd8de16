"""libvips is the host's in a library, and confined where the process is wisp's own."""

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
