"""How late `wisp camera` is: a clip plays at its own pace as if it were a camera, and nobody looks.

A 1280×720 clip of 10 s is made of the example's portrait, which moves; or a file is named. Latency is from a
frame's arrival from the decoder until its picture is handed over, with no other load on the machine:
`python benchmarks/camera.py [FILE] [--light]`.
"""

from __future__ import annotations

import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

from wisp.clips.camera import Camera
from wisp.clips.io.codecs import CODECS
from wisp.clips.io.write import FileWriter, Layout
from wisp.clips.live import Backgrounds, run_camera
from wisp.clips.methods import alpha_method
from wisp.clips.screens import Picture
from wisp.core.opencv import opencv
from wisp.io.images import read_photo

SIZE = (720, 1280)
RATE = 30
FRAMES = 300


class Nobody:
    """A screen that nobody looks at."""

    def show(self, picture: Picture, status: str) -> bool:
        """Take the picture, and go on."""
        return True


def main() -> int:
    """Play the clip with each background, and print rate and latency."""
    light = "--light" in sys.argv
    named = [word for word in sys.argv[1:] if not word.startswith("--")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(named[0]) if named else moving_portrait(Path(folder) / "portrait.mp4")
        alpha_of = alpha_method()
        for name in ("blur", "green"):
            with Camera(str(path)) as camera:
                behind = Backgrounds([name], (camera.info.height, camera.info.width))
                result = run_camera(camera, behind, [Nobody()], alpha_of, light=light)
                behind.close()
            median, most = (1000 * result.latency(share) for share in (0.5, 0.95))
            print(
                f"{name}: {camera.info.width}×{camera.info.height}, {result.rate:.1f} pictures a second of "
                f"{float(camera.info.rate):g}, {result.dropped} dropped; latency {median:.0f} ms, 95 % under "
                f"{most:.0f} ms; matted at {result.side} pixels",
                flush=True,
            )
    return 0


def moving_portrait(path: Path) -> Path:
    """Write a clip in which the example's portrait goes to and fro."""
    cv2 = opencv()
    photo = read_photo(Path(__file__).parents[1] / "examples" / "portrait.jpg").image
    height, width = SIZE
    picture = np.rint(255 * cv2.resize(photo, (width + 120, height))).astype(np.uint8)
    layout = Layout(height, width, 3, tick=Fraction(1, RATE), rate=Fraction(RATE))
    writer = FileWriter(path, CODECS["h264"], layout)
    for index in range(FRAMES):
        left = round(60 + 60 * np.sin(index / 20))
        writer.write(picture[:, left : left + width], Fraction(index, RATE), Fraction(1, RATE))
    writer.finish()
    writer.close()
    return path


if __name__ == "__main__":
    sys.exit(main())
