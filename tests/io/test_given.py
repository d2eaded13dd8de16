"""Every form in which a picture may be handed to the library gives the values that its file gives."""

import io
import os
from contextlib import contextmanager

import numpy as np
import pytest

import wisp
from tiny_networks import bright_disc
from wisp.core.arrays import TrimapWarning, to_float
from wisp.core.errors import InputError
from wisp.io.given import given_alpha, given_image, given_mask, given_photo, given_trimap
from wisp.io.guidance import read_alpha, read_mask, read_trimap
from wisp.io.images import read_photo, write_image
from wisp.io.vips import libvips


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """photo.png of RGBA, alpha.png of 16 bits, trimap.png."""
    folder = tmp_path_factory.mktemp("given")
    image, alpha = bright_disc(40, 51)
    write_image(folder / "photo.png", np.dstack([image, np.clip(alpha + 0.25, 0, 1)]), bits=8)
    write_image(folder / "alpha.png", alpha, bits=16)
    trimap = np.where(alpha > 0.95, 1, np.where(alpha < 0.05, 0, 128 / 255)).astype(np.float32)
    write_image(folder / "trimap.png", trimap, bits=8)
    return folder


class Path2(os.PathLike):
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


FORMS = {
    "path": lambda file: file,
    "text": str,
    "os.PathLike": Path2,
    "bytes": lambda file: file.read_bytes(),
    "bytearray": lambda file: bytearray(file.read_bytes()),
    "memoryview": lambda file: memoryview(file.read_bytes()),
    "BytesIO": lambda file: io.BytesIO(file.read_bytes()),
    "open file": lambda file: file.open("rb"),
}


@contextmanager
def closing(file, form):
    source = FORMS[form](file)
    yield source
    if form == "open file":
        source.close()


@pytest.mark.parametrize("form", FORMS)
def test_files_in_every_form(files, form):
    expected = read_photo(files / "photo.png")
    with closing(files / "photo.png", form) as source:
        image, alpha = given_photo(source)
    np.testing.assert_array_equal(image, expected.image)
    np.testing.assert_array_equal(alpha, expected.alpha)
    for given, read, name in (
        (given_alpha, read_alpha, "alpha.png"),
        (given_mask, read_mask, "alpha.png"),
        (given_trimap, read_trimap, "trimap.png"),
    ):
        with closing(files / name, form) as source:
            np.testing.assert_array_equal(given(source), read(files / name))


def test_the_whole_way(files):
    by_path = wisp.cutout(files / "photo.png", trimap=files / "trimap.png")
    by_bytes = wisp.cutout(
        (files / "photo.png").read_bytes(), trimap=io.BytesIO((files / "trimap.png").read_bytes())
    )
    np.testing.assert_array_equal(by_bytes.alpha, by_path.alpha)
    np.testing.assert_array_equal(by_bytes.foreground, by_path.foreground)
    on_a_file = wisp.composite(by_path, files / "photo.png")
    np.testing.assert_array_equal(wisp.composite(by_path, (files / "photo.png").read_bytes()), on_a_file)
    alpha = wisp.estimate_alpha(files / "photo.png", (files / "trimap.png").read_bytes(), method="knn")
    assert 0 < alpha.mean() < 1


def test_the_orientation_of_bytes_is_applied(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    exif = pillow.Exif()
    exif[0x0112] = 6
    pillow.fromarray(np.zeros((4, 7, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    assert given_image((tmp_path / "turned.jpg").read_bytes()).shape == (7, 4, 3)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (None, "image: is None; an array is accepted"),
        ([1, 2], "image: is a list"),
        (7, "image: is a int"),
        (b"", "image: is empty; JPEG, PNG"),
        (b"no picture", "image: is not a picture that wisp can read; JPEG, PNG"),
        ("", "image: is an empty path"),
        (io.StringIO("text"), "image: is opened as text; a file opened with 'rb' is accepted"),
        ("https://example.org/a.jpg", "https://example.org/a.jpg: is an address; a file is accepted"),
        ("s3://bucket/a.jpg", "s3://bucket/a.jpg: is an address"),
        ("data:image/png;base64," + "A" * 999, "data:image/png;base64,A*…: is an address"),
    ],
)
def test_what_is_no_picture(source, told):
    with pytest.raises(InputError, match=told):
        wisp.cutout(source)


def test_a_closed_file(files):
    with (files / "photo.png").open("rb") as file:
        pass
    with pytest.raises(InputError, match=r"photo.png: cannot be read \(.*closed.*a file opened with 'rb'"):
        wisp.cutout(file)


class TestPillow:
    pillow = pytest.importorskip("PIL.Image")

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "PA", "1", "RGBX", "YCbCr", "HSV"])
    def test_photos_of_every_mode(self, mode):
        values = np.random.default_rng(1).integers(0, 256, (9, 7, 4), np.uint8)
        picture = self.pillow.fromarray(values)
        picture = picture.convert("RGB").convert(mode) if mode in ("YCbCr", "HSV") else picture.convert(mode)
        image, alpha = given_photo(picture)
        np.testing.assert_array_equal(image, to_float(np.asarray(picture.convert("RGB"))))
        if mode in ("RGBA", "LA", "P", "PA"):  # what has alpha becomes a palette with alpha
            np.testing.assert_array_equal(alpha, to_float(np.asarray(picture.convert("RGBA"))[..., 3]))
        else:
            assert alpha is None

    @pytest.mark.parametrize("how", ["a palette's places", "a palette with alpha", "a colour", "a grey"])
    def test_transparency_that_is_no_channel(self, how, tmp_path):
        values = np.random.default_rng(4).integers(0, 2, (9, 7, 4), np.uint8) * 255
        rgba = self.pillow.fromarray(values)
        options = {}
        if how.startswith("a palette"):
            picture = rgba.quantize(16)
        else:
            picture = rgba.convert("RGB" if how == "a colour" else "L")
            options = {"transparency": (255, 0, 255) if how == "a colour" else 255}
        if how != "a palette with alpha":
            picture.save(tmp_path / "a.png", **options)
            picture = self.pillow.open(tmp_path / "a.png")
        with picture:
            image, alpha = given_photo(picture)
            mask = given_mask(picture)
            read = np.asarray(picture.convert("RGBA"))
        assert set(np.unique(alpha)) == {0, 1}
        np.testing.assert_array_equal(alpha, to_float(read[..., 3]))
        np.testing.assert_array_equal(image, to_float(read[..., :3]))
        np.testing.assert_array_equal(mask, alpha)

    def test_the_last_ink_is_no_alpha(self):
        inks = self.pillow.fromarray(np.full((3, 4, 3), 90, np.uint8)).convert("CMYK")
        for given in (given_mask, given_alpha, given_trimap):
            with pytest.raises(InputError, match="has colours"):
                given(inks)

    def test_sixteen_bits_and_floats(self):
        grey = np.array([[0, 32768, 65535]], np.uint16)
        for picture in (self.pillow.fromarray(grey), self.pillow.fromarray(grey.astype(np.int32))):
            np.testing.assert_array_equal(given_alpha(picture), to_float(grey))
            assert given_image(picture).shape == (1, 3, 3)
            assert given_trimap(picture).tolist() == [[0, 128, 255]]
        floats = np.array([[0, 0.5, 1]], np.float32)
        np.testing.assert_array_equal(given_alpha(self.pillow.fromarray(floats)), floats)
        with pytest.raises(InputError, match="image: has values from 0 to 255"):
            given_image(self.pillow.fromarray(floats * 255))
        with pytest.raises(InputError, match="has values from -1 to 3; 0 to 65535"):
            given_alpha(self.pillow.fromarray(np.array([[-1, 3]], np.int32)))

    def test_its_colour_profile_counts(self, tmp_path):
        values = np.random.default_rng(3).integers(0, 256, (9, 7, 3), np.uint8)
        wide = bytes(libvips().Operation.call("profile_load", "p3"))
        self.pillow.fromarray(values).save(tmp_path / "wide.png", icc_profile=wide)
        with self.pillow.open(tmp_path / "wide.png") as picture:
            found = given_image(picture)
        np.testing.assert_allclose(found, read_photo(tmp_path / "wide.png").image, atol=1e-6)
        assert np.abs(found - to_float(values)).max() > 0.05

    def test_guidance_with_channels(self):
        rng = np.random.default_rng(2)
        grey = rng.integers(0, 256, (5, 6), np.uint8)
        grey[0, 0] = 255
        same = np.dstack([grey, grey, grey])
        np.testing.assert_array_equal(given_mask(self.pillow.fromarray(same)), to_float(grey))
        coloured = rng.integers(0, 256, (5, 6, 3), np.uint8)
        rgba = self.pillow.fromarray(np.dstack([coloured, grey]))
        np.testing.assert_array_equal(given_mask(rgba), to_float(grey))
        with pytest.raises(InputError, match="mask: has colours"):
            given_mask(self.pillow.fromarray(coloured))
        with pytest.raises(InputError, match="mask: has colours"):
            given_mask(self.pillow.fromarray(np.dstack([coloured, np.full((5, 6), 255, np.uint8)])))
        with pytest.raises(
            InputError, match="mask: holds labels or is too dark: its largest value is 1 of 255"
        ):
            given_mask(self.pillow.fromarray((grey > 100).astype(np.uint8)))

    def test_transparent_parts_of_a_trimap_are_background(self):
        greys = np.array([[255, 128, 255]], np.uint8)
        alpha = np.array([[255, 255, 0]], np.uint8)
        assert given_trimap(self.pillow.fromarray(np.dstack([greys] * 3 + [alpha]))).tolist() == [
            [255, 128, 0]
        ]

    def test_a_painted_trimap_is_told(self):
        with pytest.warns(TrimapWarning, match="trimap: "):
            given_trimap(self.pillow.fromarray(np.array([[3, 100, 250]], np.uint8)))
