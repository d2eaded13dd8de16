"""What can be wrong with a file or a command, each through the real command line.

Whatever it is: the right exit code, one line on stderr that names the file, no traceback, nothing
half-written, no input touched.
"""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from png_files import one_bit_png
from tiny_networks import write_segmenter
from wisp.io import atomic, images
from wisp.io.images import read_photo, write_image
from wisp.methods import classical_methods

SCRIPT = Path(sys.executable).parent / "wisp"


@pytest.fixture
def fails(wisp, tmp_path, untouched):
    """Run a command that must fail with one line, and check what must hold whatever went wrong."""

    def run(code, culprit, *words):
        before = sorted(tmp_path.rglob("*"))
        untouched(tmp_path)
        ran = wisp(*words)
        assert ran.code == code, ran
        assert len(ran.errors) == 1, ran
        assert ran.errors[0].startswith("wisp: ")
        assert str(culprit) in ran.errors[0]
        assert ran.stdout == ""
        assert sorted(tmp_path.rglob("*")) == before
        return ran.errors[0]

    return run


class TestFiles:
    def test_a_missing_file(self, fails, tmp_path):
        photo = tmp_path / "gone.jpg"
        line = fails(1, photo, "cutout", photo, "-o", tmp_path / "o.png")
        assert "does not exist" in line

    @pytest.mark.parametrize("kept", [0.3, 0.9, 0.9977])
    def test_a_truncated_jpeg(self, fails, files, network, tmp_path, kept):
        whole = (files / "photo.jpg").read_bytes()
        photo = tmp_path / "cut.jpg"
        photo.write_bytes(whole[: int(len(whole) * kept)])
        fails(1, photo, "cutout", photo, "-o", tmp_path / "o.png", "--model", network)

    def test_a_jpeg_that_lacks_its_end_marker_alone_is_whole(self, wisp, files, network, tmp_path):
        whole = (files / "photo.jpg").read_bytes()
        assert whole.endswith(b"\xff\xd9")
        (tmp_path / "cut.jpg").write_bytes(whole[:-2])
        for name, photo in (("a.png", files / "photo.jpg"), ("b.png", tmp_path / "cut.jpg")):
            assert wisp("cutout", photo, "-o", tmp_path / name, "--model", network).code == 0
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

    def test_text_named_png(self, fails, tmp_path, network):
        photo = tmp_path / "text.png"
        photo.write_text("This is not a picture.\n" * 50)
        line = fails(1, photo, "cutout", photo, "-o", tmp_path / "o.png", "--model", network)
        assert "JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF, BMP and PNM are accepted" in line

    def test_zero_bytes(self, fails, tmp_path, network):
        photo = tmp_path / "empty.jpg"
        photo.touch()
        line = fails(1, photo, "cutout", photo, "-o", tmp_path / "o.png", "--model", network)
        assert "is empty" in line

    def test_one_pixel_is_a_photo_too(self, wisp, tmp_path, network):
        write_image(tmp_path / "dot.png", np.full((1, 1, 3), 0.9, np.float32))
        ran = wisp("cutout", tmp_path / "dot.png", "-o", tmp_path / "o.png", "--model", network)
        told = f"wisp: {tmp_path / 'dot.png'}: found people, cut by the frame, 100% sure"
        assert (ran.code, ran.errors) == (0, [told])
        assert read_photo(tmp_path / "o.png").alpha.shape == (1, 1)

    def test_a_decompression_bomb(self, fails, tmp_path, network):
        photo = tmp_path / "bomb.png"
        photo.write_bytes(one_bit_png(12_000))
        words = ["--model", network, "--max-pixels", "100000000"]
        line = fails(1, photo, "cutout", photo, "-o", tmp_path / "o.png", *words)
        assert "12000" in line


class TestGuidance:
    def test_a_trimap_of_another_size(self, fails, files, tmp_path):
        trimap = tmp_path / "trimap.png"
        write_image(trimap, np.zeros((60, 80), np.float32))
        words = ["cutout", files / "photo.png", "-o", tmp_path / "o.png", "--trimap", trimap]
        line = fails(1, trimap, *words)
        assert "is 80×60; the size of the upright photo, 81×60, is accepted" in line

    @pytest.mark.parametrize("kind", ["trimap", "mask", "alpha"])
    def test_labels(self, fails, files, tmp_path, kind):
        labels = tmp_path / "labels.png"
        values = np.zeros((60, 81), np.float32)
        values[4:40, 5:40] = 1 / 255
        write_image(labels, values)
        line = fails(1, labels, "cutout", files / "photo.png", "-o", tmp_path / "o.png", f"--{kind}", labels)
        assert "holds labels or is too dark: its largest value is 1 of 255" in line

    def test_a_photo_in_a_mask_s_place(self, fails, files, tmp_path):
        opaque = tmp_path / "opaque.png"
        write_image(opaque, np.dstack([read_photo(files / "photo.png").image, np.ones((60, 81), np.float32)]))
        line = fails(1, opaque, "cutout", files / "photo.png", "-o", tmp_path / "o.png", "--mask", opaque)
        assert "has colours and nothing transparent" in line

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--alpha", "alpha.png", "--method", "knn"], "--method: changes nothing beside --alpha"),
            (["--alpha", "alpha.png", "--smooth"], "--smooth: changes nothing beside --alpha"),
            (
                ["--trimap", "trimap.png", "--method", "knn", "--no-smooth"],
                "--smooth: changes nothing beside --method knn",
            ),
            (["--alpha", "alpha.png", "--no-ssrn"], "--ssrn: changes nothing beside --alpha"),
            (["--method", "portrait", "--no-ssrn"], "--ssrn: changes nothing beside --method portrait"),
            (["--method", "dlmn", "--ssrn"], "dlmn-mobile: has no SSRN; FILE-ssrn.onnx beside"),
            (
                ["--alpha", "alpha.png", "--refine", "guided-filter"],
                "--refine: changes nothing beside --alpha",
            ),
            (
                ["--alpha", "alpha.png", "--device", "cpu"],
                "--device: changes nothing: with --alpha no",
            ),
            (
                ["--alpha", "alpha.png", "--precision", "int8"],
                "--precision: changes nothing: with --alpha",
            ),
            (
                ["--mask", "alpha.png", "--method", "knn", "--model", "segmenter-mobile"],
                "--model: changes nothing: with --mask and --method knn",
            ),
            (
                ["--trimap", "trimap.png", "--method", "knn", "--model", "dim-mobile"],
                "--model: changes nothing: with --trimap and --method knn no network runs; leave out --model",
            ),
        ],
    )
    @pytest.mark.parametrize("verb", [["cutout"], ["replace", "--background", "red"]])
    def test_options_that_would_be_ignored(self, fails, files, tmp_path, verb, words, told):
        words = [files / word if word.endswith(".png") else word for word in words]
        line = fails(2, told.partition(":")[0], *verb, files / "photo.png", "-o", tmp_path / "o.png", *words)
        assert told in line

    @pytest.mark.parametrize("option", ["--mask", "--alpha"])
    def test_options_of_trimap_that_would_be_ignored(self, fails, files, tmp_path, option):
        words = ["trimap", files / "photo.png", "-o", tmp_path / "o.png", option, files / "alpha.png"]
        line = fails(2, "--device", *words, "--device", "cpu")
        assert f"--device: changes nothing: with {option} no network runs" in line

    def test_a_missing_trimap(self, fails, files, tmp_path):
        trimap = tmp_path / "gone.png"
        fails(1, trimap, "cutout", files / "photo.png", "-o", tmp_path / "o.png", "--trimap", trimap)

    def test_two_kinds_of_guidance(self, fails, files, tmp_path):
        words = ["--trimap", files / "trimap.png", "--alpha", files / "alpha.png"]
        fails(2, "--trimap and --alpha", "cutout", files / "photo.png", "-o", tmp_path / "o.png", *words)


class TestCommands:
    def test_an_unknown_method(self, fails, files, tmp_path):
        words = ["--method", "magic"]
        line = fails(2, "magic", "cutout", files / "photo.png", "-o", tmp_path / "o.png", *words)
        assert all(name in line for name in classical_methods())

    def test_an_unknown_network(self, fails, files, tmp_path):
        words = ["--model", "nosuch"]
        fails(2, "nosuch", "cutout", files / "photo.png", "-o", tmp_path / "o.png", *words)

    def test_a_file_that_is_no_network(self, fails, files, tmp_path):
        words = ["--model", files / "photo.jpg"]
        fails(2, files / "photo.jpg", "cutout", files, "-o", tmp_path / "out", *words)

    def test_a_network_of_another_kind(self, fails, files, tmp_path_factory, tmp_path):
        other = write_segmenter(tmp_path_factory.mktemp("other") / "other.onnx", channels=4)
        words = ["--model", other]
        line = fails(1, other, "cutout", files / "photo.png", "-o", tmp_path / "o.png", *words)
        assert str(files / "photo.png") in line
        assert "is no segmentation network" in line

    def test_a_precision_that_the_network_does_not_have(self, fails, files, network, tmp_path):
        words = ["--model", network, "--precision", "int8"]
        fails(2, network, "cutout", files, "-o", tmp_path / "out", *words)

    def test_an_output_that_exists(self, fails, files, tmp_path):
        out = tmp_path / "o.png"
        out.write_bytes(b"precious")
        line = fails(2, out, "cutout", files / "photo.png", "-o", out, "--trimap", files / "trimap.png")
        assert "--overwrite" in line

    def test_an_output_that_exists_stops_a_folder_before_any_work(self, fails, files, tmp_path, network):
        out = tmp_path / "out"
        out.mkdir()
        (out / "wall.png").write_bytes(b"precious")
        fails(2, out / "wall.png", "cutout", files, "-o", out, "--model", network)

    @pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
    def test_an_output_that_is_the_input(self, fails, files, overwrite):
        photo = files / "photo.png"
        fails(2, photo, "cutout", photo, "-o", photo, "--trimap", files / "trimap.png", *overwrite)

    def test_an_output_that_is_the_guidance(self, fails, files, tmp_path):
        trimap = files / "trimap.png"
        words = ["--trimap", trimap, "--save-alpha", trimap, "--overwrite"]
        fails(2, trimap, "cutout", files / "photo.png", "-o", tmp_path / "o.png", *words)

    def test_an_output_that_is_the_background(self, fails, files):
        wall = files / "wall.png"
        words = ["--background", wall, "-o", wall, "--trimap", files / "trimap.png", "--overwrite"]
        fails(2, wall, "replace", files / "photo.png", *words)

    def test_one_output_named_twice(self, fails, files, tmp_path):
        out = tmp_path / "o.png"
        words = ["--trimap", files / "trimap.png", "--save-alpha", out]
        fails(2, out, "cutout", files / "photo.png", "-o", out, *words)

    def test_a_missing_folder(self, fails, files, tmp_path):
        out = tmp_path / "missing" / "o.png"
        line = fails(2, out, "cutout", files / "photo.png", "-o", out, "--trimap", files / "trimap.png")
        assert "does not exist" in line

    @pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
    def test_a_format_that_holds_no_alpha(self, fails, files, tmp_path, suffix):
        out = tmp_path / f"o{suffix}"
        line = fails(2, out, "cutout", files / "photo.png", "-o", out, "--trimap", files / "trimap.png")
        for able in ("png", "tiff", "webp", "avif"):
            assert able in line

    def test_a_format_that_holds_no_16_bits(self, fails, files, tmp_path):
        out = tmp_path / "o.webp"
        words = ["--trimap", files / "trimap.png", "--bits", "16"]
        line = fails(2, out, "cutout", files / "photo.png", "-o", out, *words)
        assert "png and tiff can" in line

    def test_an_unknown_suffix(self, fails, files, tmp_path):
        out = tmp_path / "o.bmp"
        fails(2, out, "cutout", files / "photo.png", "-o", out, "--trimap", files / "trimap.png")


class TestWriting:
    """The system's refusals, simulated: the tests may run as root, whom nothing is refused."""

    @pytest.fixture
    def words(self, files, tmp_path):
        out, companion = tmp_path / "o.png", tmp_path / "a.png"
        guidance = ["--trimap", files / "trimap.png", "--save-alpha", companion]
        return ["cutout", files / "photo.png", "-o", out, *guidance]

    def test_a_folder_that_cannot_be_written_to(self, fails, words, tmp_path, monkeypatch):
        monkeypatch.setattr(atomic.os, "access", lambda path, mode: False)
        line = fails(2, tmp_path / "o.png", *words)
        assert "cannot be written to" in line

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
    @pytest.mark.parametrize("nth", [1, 2])
    def test_a_disk_that_refuses(self, fails, words, tmp_path, monkeypatch, code, nth):
        original = Path.open
        opened = []

        class Refusing:
            def __init__(self, file):
                self.file = file

            def __enter__(self):
                return self

            def __exit__(self, *error):
                self.file.close()

            def write(self, data):
                self.file.write(data[: len(data) // 2])
                self.file.flush()
                raise OSError(code, os.strerror(code))

        def refusing(path, mode="r", *args, **kwargs):
            file = original(path, mode, *args, **kwargs)
            if "w" not in mode:
                return file
            opened.append(path)
            return Refusing(file) if len(opened) == nth else file

        monkeypatch.setattr(Path, "open", refusing)
        line = fails(1, tmp_path / ("o.png" if nth == 1 else "a.png"), *words)
        assert os.strerror(code) in line

    @pytest.mark.parametrize("nth", [1, 2])
    def test_a_rename_that_fails(self, fails, words, tmp_path, monkeypatch, nth):
        original = Path.replace
        renamed = []

        def failing(path, target):
            renamed.append(path)
            if len(renamed) == nth:
                raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return original(path, target)

        monkeypatch.setattr(Path, "replace", failing)
        line = fails(1, tmp_path, *words)
        assert os.strerror(errno.EACCES) in line

    def test_memory_that_runs_out(self, fails, words, files, monkeypatch):
        def hungry(*args, **kwargs):
            raise MemoryError

        monkeypatch.setattr(images, "encode_image", hungry)
        line = fails(1, files / "photo.png", *words)
        assert "not enough memory" in line


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
class TestInterruption:
    @pytest.fixture
    def album(self, tmp_path):
        """More photos than can be done in the time that the test gives."""
        rng = np.random.default_rng(0)
        rows, columns = np.mgrid[:300, :400]
        inside = np.hypot(rows - 150, columns - 200) < 90
        album, trimaps = tmp_path / "album", tmp_path / "trimaps"
        album.mkdir()
        trimaps.mkdir()
        trimap = np.where(np.hypot(rows - 150, columns - 200) < 140, np.where(inside, 255, 128), 0)
        photo = np.where(inside[..., None], 0.8, 0.3) + rng.normal(0, 0.05, (300, 400, 3))
        write_image(album / "000.png", photo.astype(np.float32))
        write_image(trimaps / "000.png", (trimap / 255).astype(np.float32))
        for number in range(1, 200):
            os.link(album / "000.png", album / f"{number:03}.png")
            os.link(trimaps / "000.png", trimaps / f"{number:03}.png")
        return album

    @pytest.mark.parametrize(("jobs", "number"), [("1", signal.SIGINT), ("2", signal.SIGTERM)])
    def test_nothing_half_written_is_left(self, album, tmp_path, untouched, jobs, number):
        untouched(album)
        out, alphas = tmp_path / "out", tmp_path / "alphas"
        words = ["cutout", album, "-o", out, "--trimap", tmp_path / "trimaps", "--save-alpha", alphas]
        process = subprocess.Popen([SCRIPT, *words, "--jobs", jobs], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while len(list(out.glob("*.png"))) < 3:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert errors.splitlines() == ["wisp: interrupted; --skip-existing goes on"]
        results = sorted(path.name for path in out.iterdir())
        assert 3 <= len(results) < 200
        assert results == sorted(path.name for path in alphas.iterdir())
        assert not [name for name in results if not name[:3].isdecimal()]
        for name in results:
            assert read_photo(out / name).alpha is not None

    def test_a_batch_that_was_stopped_goes_on(self, wisp, files, tmp_path, untouched):
        album, masks, out = tmp_path / "album", tmp_path / "masks", tmp_path / "out"
        for folder, name in ((album, "photo.png"), (masks, "alpha.png")):
            folder.mkdir()
            for number in range(4):
                (folder / f"{number}.png").write_bytes((files / name).read_bytes())
        out.mkdir()
        (out / "1.png").write_bytes(b"made before")
        words = ["cutout", album, "-o", out, "--alpha", masks]
        stopped = wisp(*words)
        assert stopped.code == 2
        assert "1.png: exists already; --overwrite replaces, --skip-existing goes on" in stopped.errors[0]
        untouched(out)
        ran = wisp(*words, "--skip-existing")
        assert (ran.code, ran.errors) == (0, ["wisp: 1 photo skipped: what they would become exists"])
        assert sorted(path.name for path in out.iterdir()) == ["0.png", "1.png", "2.png", "3.png"]
        again = wisp(*words, "--skip-existing")
        assert (again.code, again.errors) == (0, ["wisp: 4 photos skipped: what they would become exists"])
        assert wisp(*words, "--skip-existing", "--quiet").errors == []
        both = wisp(*words, "--skip-existing", "--overwrite")
        assert both.code == 2
        assert "--overwrite and --skip-existing: are both given" in both.errors[0]

    def test_one_photo_whose_result_exists(self, wisp, files, tmp_path):
        (tmp_path / "o.png").write_bytes(b"made before")
        words = ["cutout", files / "photo.png", "-o", tmp_path / "o.png", "--alpha", files / "alpha.png"]
        assert wisp(*words, "--skip-existing").code == 0
        assert (tmp_path / "o.png").read_bytes() == b"made before"


class TestPaths:
    @pytest.mark.parametrize("folder", ["new/", "there", "there/"])
    def test_one_photo_into_a_folder(self, wisp, files, tmp_path, folder):
        (tmp_path / "there").mkdir()
        words = ["cutout", files / "photo.jpg", "-o", f"{tmp_path}/{folder}", "--alpha", files / "alpha.png"]
        ran = wisp(*words, "--save-alpha", f"{tmp_path}/alphas/", "--save-foreground", tmp_path / "f.png")
        assert (ran.code, ran.errors) == (0, [])
        assert (tmp_path / folder / "photo.png").is_file()
        assert (tmp_path / "alphas" / "photo.png").is_file()
        assert (tmp_path / "f.png").is_file()
        webp = wisp(*words, "--format", "webp")
        assert (webp.code, (tmp_path / folder / "photo.webp").is_file()) == (0, True)

    def test_several_photos_into_a_picture_s_name(self, wisp, files, tmp_path):
        words = ["cutout", files / "photo.jpg", files / "photo.png", "-o"]
        for name in ("k.png", "k.JPG"):
            ran = wisp(*words, tmp_path / name)
            assert ran.code == 2
            assert "has a picture's suffix" in ran.errors[0]
            assert not (tmp_path / name).exists()
        ran = wisp("cutout", files, "-o", tmp_path / "out", "--save-alpha", tmp_path / "a.tif")
        assert ran.code == 2
        assert "a.tif: has a picture's suffix, '.tif'" in ran.errors[0]

    @pytest.mark.parametrize(
        "words",
        [
            ["video", "https://e.org/a.mp4", "-o", "o.mp4"],
            ["video", "a.mp4", "-o", "o.mp4", "--background=https://e.org/a.mp4"],
            ["trimap", "https://e.org/a.mp4", "-o", "o.png"],
            ["evaluate", "predictions", "https://e.org/a.mp4"],
            ["extract", "https://e.org/a.mp4", "-o", "out"],
            ["cutout", "a.jpg", "-o", "o.png", "--model", "https://e.org/a.mp4"],
        ],
    )
    def test_addresses_in_every_verb(self, fails, words):
        line = fails(2, "https://e.org/a.mp4", *words)
        assert line == "wisp: https://e.org/a.mp4: is an address; a file is accepted; download it first"

    @pytest.mark.parametrize(
        "words",
        [
            ["cutout", "none.mp4", "-o", "o.png"],
            ["replace", "none.mp4", "--background", "red", "-o", "o.png"],
            ["trimap", "none.mp4", "-o", "o.png"],
            ["extract", "none.png", "-o", "o.png"],
            ["video", "none.mp4", "-o", "o.mp4", "--background", "red"],
        ],
    )
    def test_an_input_that_is_not_there_has_failed(self, wisp, words, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        ran = wisp(*words)
        assert (ran.code, len(ran.errors)) == (1, 1)
        assert "none" in ran.errors[0]
        assert "does not exist" in ran.errors[0]
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("option", ["--alpha", "--mask", "--trimap", "--save-alpha", "-o", "INPUT"])
    def test_addresses(self, fails, files, tmp_path, option):
        address = "https://example.org/a.png"
        words = ["cutout", files / "photo.png", "-o", tmp_path / "o.png"]
        if option == "INPUT":
            words[1] = address
        elif option == "-o":
            words[3] = address
        else:
            words += [option, address]
        line = fails(2, address, *words)
        assert line == f"wisp: {address}: is an address; a file is accepted; download it first"

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["red", "--fit", "contain"], "--fit: changes nothing: --background red is no picture"),
            (["blur", "--anchor", "top"], "--anchor: changes nothing: --background blur is no picture"),
            (["red", "--keep-colours", "3"], "--keep-colours: changes nothing with --blend over"),
            (
                ["wall.png", "--keep-colours", "3", "--blend", "copy"],
                "--keep-colours: changes nothing with --blend",
            ),
        ],
    )
    def test_options_of_the_background_that_would_be_ignored(self, fails, files, tmp_path, words, told):
        words = [files / word if word.endswith(".png") else word for word in words]
        ran = ["replace", files / "photo.png", "-o", tmp_path / "o.png", "--alpha", files / "alpha.png"]
        assert told in fails(2, told.partition(":")[0], *ran, "--background", *words)

    def test_a_background_s_address(self, fails, files, tmp_path):
        address = "http://example.org/wall.jpg"
        words = ["replace", files / "photo.png", "--background", address, "-o", tmp_path / "o.png"]
        assert "is an address" in fails(2, address, *words)

    @pytest.mark.parametrize("folder", ["new/", "there"])
    def test_a_trimap_into_a_folder(self, wisp, files, tmp_path, folder):
        (tmp_path / "there").mkdir()
        words = ["trimap", files / "photo.png", "--mask", files / "alpha.png", "-o", f"{tmp_path}/{folder}"]
        assert wisp(*words).code == 0
        assert (tmp_path / folder / "photo.png").is_file()
        assert wisp(*words).code == 2

    @pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev")
    def test_devices_of_the_other_verbs(self, files, tmp_path):
        made = tmp_path / "t.png"
        words = [SCRIPT, "trimap", files / "photo.png", "--mask", files / "alpha.png", "-o"]
        with made.open("wb") as file:
            subprocess.run([*words, "/dev/stdout"], stdout=file, check=True)
        assert made.read_bytes() == subprocess.run([*words, "-"], capture_output=True, check=True).stdout
        scores = [SCRIPT, "evaluate", files / "alpha.png", files / "alpha.png", "--json"]
        with (tmp_path / "s.json").open("wb") as file:
            subprocess.run([*scores, "/dev/stdout"], stdout=file, check=True)
        assert b'"count": 1' in (tmp_path / "s.json").read_bytes()

    @pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev")
    def test_devices(self, files, tmp_path):
        words = [SCRIPT, "cutout", files / "photo.png", "--alpha", files / "alpha.png", "-o"]
        expected = subprocess.run([*words, "-"], capture_output=True, check=True).stdout
        assert expected.startswith(b"\x89PNG")
        for extra in ([], ["--format", "png"]):
            ran = subprocess.run([*words, "/dev/stdout", *extra], capture_output=True, check=True)
            assert (ran.stdout, ran.stderr) == (expected, b"")
        with (tmp_path / "o.png").open("wb") as file:
            subprocess.run([*words, "/dev/stdout"], stdout=file, check=True)
        assert (tmp_path / "o.png").read_bytes() == expected
        subprocess.run([*words, "/dev/null", "--save-alpha", tmp_path / "a.png"], check=True)
        assert read_photo(tmp_path / "a.png").image.shape == (60, 81, 3)
        shell = 'exec 7>&1; "$0" "$@" /dev/fd/7'
        through = subprocess.run(["bash", "-c", shell, *map(str, words)], capture_output=True, check=True)
        assert through.stdout == expected

    def test_metadata_that_the_format_cannot_hold_is_refused_before_any_work(self, fails, files, tmp_path):
        words = ["cutout", files / "photo.jpg", "--alpha", files / "alpha.png", "--keep-metadata"]
        line = fails(2, "--keep-metadata", *words, "-o", tmp_path / "o.tif")
        assert line == "wisp: --keep-metadata: tiff cannot hold EXIF; png, webp, avif, jpeg can"
        fails(2, "--keep-metadata", *words, "-o", f"{tmp_path}/o/", "--format", "tiff")
        beside = ("-o", tmp_path / "o.png", "--save-foreground", tmp_path / "f.tif")
        assert fails(2, "--keep-metadata", *words, *beside) == line


@pytest.mark.parametrize("limit", [500_000, 700_000, 1_000_000])
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_too_little_memory_is_told_in_these_words(files, tmp_path, limit):
    shell = f'ulimit -v {limit}; "$0" cutout "$1" -o "$2"'
    words = [SCRIPT, files / "photo.png", tmp_path / "o.png"]
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VIPS_CONCURRENCY")
    environment = {**os.environ, **dict.fromkeys(threads, "1")}
    ran = subprocess.run(
        ["bash", "-c", shell, *map(str, words)], capture_output=True, text=True, check=False, env=environment
    )
    if "OpenBLAS error" in ran.stderr:
        pytest.skip("a library underneath ended the process by itself")
    assert ran.returncode == 1
    assert "there is not enough memory" in ran.stderr
    assert not (tmp_path / "o.png").exists()


def test_what_the_system_says_of_a_path_is_told(fails, files, tmp_path):
    """A path that may not even be looked at is bad input, not a bug."""
    name = "n" * 300
    fails(1, f"{name}.jpg: file name too long", "cutout", tmp_path / f"{name}.jpg", "-o", tmp_path / "o.png")
    photo = files / "photo.jpg"
    fails(1, f"{name}.png: file name too long", "cutout", photo, "-o", tmp_path / f"{name}.png")
