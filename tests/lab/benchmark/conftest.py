import pytest

from tiny_networks import bright_disc, write_segmenter
from tiny_peers import write_affine
from wisp.io.images import write_image
from wisp.matting.trimap import trimap_from_alpha

SIZES = {"a": (40, 50), "b/c": (61, 47), "d": (33, 80)}


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Three photos, one in a folder of its own, with true alphas, trimaps, and true foregrounds."""
    folder = tmp_path_factory.mktemp("photos") / "set"
    for number, (name, size) in enumerate(SIZES.items()):
        image, alpha = bright_disc(*size, radius=0.2 + 0.05 * number, softness=4)
        for kind in ("image", "alpha", "trimap", "foreground"):
            (folder / kind / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(folder / "image" / f"{name}.png", image, bits=8)
        write_image(folder / "alpha" / f"{name}.png", alpha, bits=8)
        write_image(folder / "foreground" / f"{name}.png", image, bits=8)
        trimap = trimap_from_alpha(alpha, width=0.05)
        write_image(folder / "trimap" / f"{name}.png", (trimap / 255).astype("float32"), bits=8)
    return folder


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """A MODNet whose alpha is the photo's red, and a segmenter for which what is bright is the subject."""
    place = tmp_path_factory.mktemp("networks")
    modnet = write_affine(place / "modnet.onnx", gain=0.5, offset=0.5)
    return {"modnet": modnet, "segmenter": write_segmenter(place / "segmenter.onnx")}


@pytest.fixture(autouse=True)
def nothing_of_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("WISP_PEERS", raising=False)
    monkeypatch.setenv("WISP_MODELS", str(tmp_path / "models"))
