import numpy as np
import pytest

from wisp.compositing import backgrounds
from wisp.compositing.over import over
from wisp.compositing.poisson import poisson_blend
from wisp.io.images import read_photo, write_image
from wisp.pipeline import cutout


@pytest.fixture
def replaced(wisp, files, tmp_path):
    """Replace the background of the photo, its alpha given, and read the result."""

    def run(background, *words, photo="photo16.png", suffix=".png"):
        out = tmp_path / f"out{suffix}"
        given = ["--alpha", files / "alpha.png", "--background", background, "--overwrite"]
        ran = wisp("replace", files / photo, "-o", out, *given, *words)
        assert (ran.code, ran.errors) == (0, []), ran
        result = read_photo(out)
        assert result.alpha is None
        return result.image

    return run


@pytest.fixture
def matte(files):
    return cutout(files / "photo16.png", alpha=files / "alpha.png")


@pytest.mark.parametrize(("text", "colour"), [("#3366cc", (0.2, 0.4, 0.8)), ("white", (1, 1, 1))])
def test_a_colour(replaced, matte, text, colour):
    expected = over(matte.foreground, matte.alpha, np.array(colour, np.float32))
    np.testing.assert_allclose(replaced(text), expected, atol=1e-4)


def test_a_picture(replaced, matte, files):
    scene = backgrounds.fit_to_size(read_photo(files / "wall.png").image, (60, 81), "cover", "centre")
    expected = over(matte.foreground, matte.alpha, scene)
    np.testing.assert_allclose(replaced(files / "wall.png"), expected, atol=1e-4)


@pytest.mark.parametrize(("fit", "anchor"), [("cover", "left"), ("contain", "top"), ("stretch", "centre")])
def test_fit_and_anchor(replaced, matte, tmp_path, fit, anchor):
    ramp = np.linspace(0, 1, 30 * 200 * 3, dtype=np.float32).reshape(30, 200, 3)
    write_image(tmp_path / "ramp.png", ramp, bits=16)
    scene = backgrounds.fit_to_size(read_photo(tmp_path / "ramp.png").image, (60, 81), fit, anchor)
    expected = over(matte.foreground, matte.alpha, scene)
    found = replaced(tmp_path / "ramp.png", "--fit", fit, "--anchor", anchor)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("text", "sigma"), [("blur", None), ("blur:3", 3.0), ("blur:0.5", 0.5)])
def test_its_own_background_blurred(replaced, matte, files, text, sigma):
    image = read_photo(files / "photo16.png").image
    scene = backgrounds.blur_background(image, matte.alpha, sigma, foreground=matte.foreground)
    np.testing.assert_allclose(replaced(text), over(matte.foreground, matte.alpha, scene), atol=1e-4)


@pytest.mark.parametrize("blend", ["poisson", "poisson-mixed"])
def test_poisson_is_the_librarys(replaced, files, matte, blend):
    scene = np.broadcast_to(np.array([0.2, 0.6, 0.4], np.float32), matte.foreground.shape).copy()
    gradients = "mixed" if blend == "poisson-mixed" else "seamless"
    expected = poisson_blend(matte.foreground, matte.alpha, scene, gradients=gradients)
    found = replaced(files / "wall.png", "--blend", blend)
    np.testing.assert_allclose(found, expected, atol=0.003)
    outside = matte.alpha == 0
    np.testing.assert_allclose(found[outside], scene[outside], atol=0.003)


def test_the_tint_that_poisson_gives_can_be_kept_out(replaced, files, matte):
    inside = matte.alpha == 1
    tinted = replaced(files / "wall.png", "--blend", "poisson")
    kept = replaced(files / "wall.png", "--blend", "poisson", "--keep-colours", "10")
    own = matte.foreground
    assert np.abs(kept - own)[inside].mean() < 0.5 * np.abs(tinted - own)[inside].mean()


def test_copy_takes_the_photos_own_pixels(replaced, files, matte):
    image = read_photo(files / "photo16.png").image
    expected = over(image, matte.alpha, np.array([0, 0, 0], np.float32))
    np.testing.assert_allclose(replaced("black", "--blend", "copy"), expected, atol=1e-4)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".tif"])
def test_every_format_holds_the_result(replaced, matte, suffix):
    expected = over(matte.foreground, matte.alpha, np.array([1, 1, 1], np.float32))
    assert np.abs(replaced("white", suffix=suffix) - expected).mean() < 0.02


def test_a_folder_as_jpegs(wisp, tmp_path, network, subject):
    for name in ("a.png", "b.png"):
        (tmp_path / "album").mkdir(exist_ok=True)
        write_image(tmp_path / "album" / name, subject[0])
    words = ["--background", "navy", "--model", network, "--format", "jpeg"]
    assert wisp("replace", tmp_path / "album", "-o", tmp_path / "out", *words).code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jpeg", "b.jpeg"]


def test_no_subject_leaves_the_background(wisp, tmp_path, network):
    write_image(tmp_path / "dark.png", np.full((40, 50, 3), 0.1, np.float32))
    words = ["--background", "#ff8800", "--model", network]
    ran = wisp("replace", tmp_path / "dark.png", "-o", tmp_path / "o.png", *words)
    assert ran.code == 0
    assert len(ran.errors) == 1
    assert "no subject was found" in ran.errors[0]
    expected = np.broadcast_to(np.array(backgrounds.parse_colour("#ff8800")), (40, 50, 3))
    np.testing.assert_allclose(read_photo(tmp_path / "o.png").image, expected, atol=1 / 255)


@pytest.mark.parametrize(
    ("background", "expected"),
    [
        (
            "nosuch.jpg",
            "is no file and no colour; a picture, a colour (a CSS name or #rrggbb) or blur[:SIGMA]",
        ),
        ("#12", "is no file and no colour"),
        ("blur:much", "does not say how much to blur; blur, or blur: and a number of pixels"),
        ("blur:-1", "does not say how much to blur"),
        ("blur:nan", "does not say how much to blur"),
    ],
)
def test_backgrounds_that_are_none(wisp, files, tmp_path, background, expected):
    words = ["--alpha", files / "alpha.png", "--background", background]
    ran = wisp("replace", files / "photo.png", "-o", tmp_path / "o.png", *words)
    assert ran.code == 2
    assert len(ran.errors) == 1
    assert ran.errors[0].startswith(f"wisp: {background}: {expected}")


def test_a_background_that_cannot_be_read(wisp, files, tmp_path):
    (tmp_path / "wall.png").write_text("plaster")
    words = ["--alpha", files / "alpha.png", "--background", tmp_path / "wall.png"]
    ran = wisp("replace", files / "photo.png", "-o", tmp_path / "o.png", *words)
    assert ran.code == 1
    assert len(ran.errors) == 1
    assert ran.errors[0].startswith(f"wisp: {tmp_path / 'wall.png'}: ")
