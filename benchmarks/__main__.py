"""Every benchmark, one after the other: `python -m benchmarks [NAME...]`, what `make bench` runs.

One that needs data which is not there is named and left out. The README's figures are written anew.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
DATA = {
    "classical": "alphamatting-dev",
    "cutout": "portrait-dev",
    "portrait": "portrait-dev",
    "subject": "people-dev",
}
"""Which folder of ../shared/eval a script needs."""


def main() -> int:
    """Run the scripts named on the command line, or all."""
    scripts = {path.stem: path for path in sorted(HERE.glob("[!_]*.py"))}
    unknown = set(sys.argv[1:]) - scripts.keys()
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(scripts)}", file=sys.stderr)
        return 2
    failed = 0
    for name in sys.argv[1:] or scripts:
        folder = HERE.parents[1] / "shared" / "eval" / DATA.get(name, "")
        if not folder.is_dir() and name in DATA:
            print(f"{name}: left out, {folder} is not there", file=sys.stderr)
            continue
        print(f"== {name}", flush=True)
        failed += (
            subprocess.run([sys.executable, scripts[name]], cwd=HERE.parent, check=False).returncode != 0
        )
    subprocess.run([sys.executable, HERE / "_readme.py"], check=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
