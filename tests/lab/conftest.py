import numpy as np
import pytest

from tiny_networks import bright_disc, write_dim
from wisp.io.images import write_image
from wisp.matting.trimap import trimap_from_alpha


@pytest.fixture(scope="session")
def dim_network(tmp_path_factory):
    """A network of Deep Image Matting for which alpha follows brightness and trimap."""
    return write_dim(tmp_path_factory.mktemp("networks") / "tiny-dim.onnx", gain=1.3)


@pytest.fixture
def matting_set(tmp_path):
    """A folder with image/, alpha/ and trimap/ of two bright discs, of 41×50 and 33×36 pixels."""
    for name, size in (("moon", (41, 50)), ("sun", (33, 36))):
        image, alpha = bright_disc(*size, softness=4)
        trimap = trimap_from_alpha(alpha, width=0.1).astype(np.float32) / np.float32(255)
        for part, values in (("image", image), ("alpha", alpha), ("trimap", trimap)):
            path = tmp_path / "set" / part / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, values, bits=8)
    return tmp_path / "set"
