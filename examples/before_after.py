"""Draw the picture at the top of the README: photo, cut-out, new background.

python examples/before_after.py OUT.jpg
"""

import sys
from pathlib import Path

import numpy as np

import wisp
from wisp.io.images import read_photo, write_image

HERE = Path(__file__).parent


def main(out: Path) -> None:
    """Cut the example photo out and put the three pictures side by side."""
    photo = read_photo(HERE / "portrait.jpg").image
    matte = wisp.cutout(photo)
    rows, columns = np.mgrid[: photo.shape[0], : photo.shape[1]] // 22
    checks = np.where((rows + columns) % 2, 0.82, 1.0).astype(np.float32)
    cut = wisp.composite(matte, np.repeat(checks[..., None], 3, 2))
    replaced = wisp.composite(matte, HERE / "background.jpg")
    write_image(out, np.hstack([photo, cut, replaced]), bits=8, overwrite=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
