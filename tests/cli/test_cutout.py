import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from tiny_networks import bright_disc
from wisp.cli import batches
from wisp.io.guidance import read_grey
from wisp.io.images import read_photo, write_image
from wisp.methods import classical_methods

SCRIPT = Path(sys.executable).parent / "wisp"


def names_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


class TestOneFile:
    def test_a_network_finds_the_subject(self, wisp, files, network, subject, tmp_path, untouched):
        untouched(files)
        out = tmp_path / "out.png"
        ran = wisp("cutout", files / "photo.png", "-o", out, "--model", network, "--method", "closed-form")
        assert (ran.code, ran.stdout) == (0, "")
        assert ran.errors == [f"wisp: {files / 'photo.png'}: found people, 100% sure"]
        image, alpha, _ = subject
        result = read_photo(tmp_path / "out.png")
        assert np.abs(result.alpha - alpha).mean() < 0.01
        np.testing.assert_allclose(result.image[alpha == 1], image[alpha == 1], atol=1 / 255)

    def test_a_damaged_profile_is_told_in_one_line(self, wisp, files, tmp_path):
        jpeg = (files / "photo.jpg").read_bytes()
        rubbish = b"ICC_PROFILE\x00\x01\x01" + b"no profile at all" * 9
        segment = b"\xff\xe2" + (len(rubbish) + 2).to_bytes(2, "big") + rubbish
        (tmp_path / "odd.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
        options = ("-o", tmp_path / "out.png", "--alpha", files / "alpha.png", "--overwrite")
        ran = wisp("cutout", tmp_path / "odd.jpg", *options)
        assert ran.code == 0
        assert len(ran.errors) == 1
        assert "odd.jpg: its ICC profile is damaged and is ignored" in ran.errors[0]
        assert wisp("cutout", tmp_path / "odd.jpg", *options, "--quiet").errors == []

    @pytest.mark.parametrize("kind", ["trimap", "mask", "alpha"])
    def test_guidance_takes_the_networks_place(self, wisp, files, subject, tmp_path, kind):
        guidance = files / ("trimap.png" if kind == "trimap" else "alpha.png")
        words = ["cutout", files / "photo.png", "-o", tmp_path / "out.png", f"--{kind}", guidance]
        if kind == "mask":
            words += ["--method", "closed-form"]  # `auto` sees past the mask
        ran = wisp(*words)
        assert (ran.code, ran.errors) == (0, [])
        found = read_photo(tmp_path / "out.png").alpha
        assert np.abs(found - subject[1]).mean() < (1e-3 if kind == "alpha" else 0.02)

    @pytest.mark.parametrize("method", ["closed-form", "shared-sampling"])
    def test_a_method_without_a_network_tells_its_progress(self, wisp, files, tmp_path, monkeypatch, method):
        told = []

        @contextmanager
        def record(total, *, quiet):
            told.append((total, quiet))
            yield told.append

        monkeypatch.setattr(batches, "shares", record)
        trimap = ("--trimap", files / "trimap.png")
        ran = wisp("cutout", files / "photo.png", "-o", tmp_path / "out.png", *trimap, "--method", method)
        assert (ran.code, ran.errors) == (0, [])
        assert told[0] == (1, False)
        assert len(told) > 4
        assert min(told[1:]) > 0
        assert abs(sum(told[1:]) - 1) < 1e-9

    def test_the_same_pixels_whatever_the_jobs(self, wisp, network, tmp_path):
        for number in range(4):
            image, _ = bright_disc(60 + number, 81, softness=4)
            write_image(tmp_path / "in" / f"{number}.png", image) if number else (tmp_path / "in").mkdir()
        made = []
        for jobs in ("1", "3"):
            words = ["cutout", tmp_path / "in", "-o", tmp_path / jobs, "--jobs", jobs, "--model", network]
            assert wisp(*words).code == 0
            made.append({path.name: path.read_bytes() for path in (tmp_path / jobs).iterdir()})
        assert made[0] == made[1]
        assert len(made[0]) == 3

    def test_a_rough_mask_with_a_width(self, wisp, files, subject, tmp_path):
        wide = ndimage.binary_dilation(subject[1] > 0.5, iterations=4).astype(np.float32)
        write_image(tmp_path / "rough.png", wide)
        words = ["cutout", files / "photo.png", "--mask", tmp_path / "rough.png", "-o"]
        kept = []
        narrow = ["--method", "closed-form"]  # `auto` sees past the mask
        for name, more in (("narrow.png", narrow), ("wide.png", ["--width", "0.35"])):
            ran = wisp(*words, tmp_path / name, *more)
            assert (ran.code, ran.errors) == (0, [])
            kept.append(read_photo(tmp_path / name).alpha.sum() / subject[1].sum())
        assert kept[0] > 1.15
        assert kept[1] == pytest.approx(1, abs=0.05)
        alone = wisp("cutout", files / "photo.png", "-o", tmp_path / "o.png", "--width", "0.1")
        assert (alone.code, alone.errors[0]) == (
            2,
            "wisp: --width: changes nothing without a mask; --mask is accepted with it",
        )

    def test_a_painted_trimap_is_taken_and_told(self, wisp, files, subject, tmp_path):
        painted = np.where(subject[2] == 128, 110, np.clip(subject[2], 4, 250)).astype(np.float32) / 255
        for bits in (8, 16):
            write_image(tmp_path / "painted.png", painted, bits=bits, overwrite=True)
            options = ["--trimap", tmp_path / "painted.png", "--overwrite"]
            ran = wisp("cutout", files / "photo.png", "-o", tmp_path / "out.png", *options)
            assert ran.code == 0
            assert len(ran.errors) == 1
            assert "painted.png: 100.00% of its pixels are other greys than 0, 128 and 255" in ran.errors[0]
            wisp(
                "cutout",
                files / "photo.png",
                "-o",
                tmp_path / "b.png",
                "--trimap",
                files / "trimap.png",
                "--overwrite",
            )
            same = read_photo(tmp_path / "b.png").alpha
            np.testing.assert_array_equal(read_photo(tmp_path / "out.png").alpha, same)
            quiet = wisp("cutout", files / "photo.png", "-o", tmp_path / "out.png", *options, "--quiet")
            assert (quiet.code, quiet.errors) == (0, [])

    def test_the_colours_are_the_subjects_own(self, wisp, files, subject, tmp_path):
        wisp("cutout", files / "photo16.png", "-o", tmp_path / "out.png", "--alpha", files / "alpha.png")
        image, alpha, _ = subject
        soft = (alpha > 0.2) & (alpha < 0.8)
        own = np.array([0.95, 0.8, 0.7])
        found = read_photo(tmp_path / "out.png").image
        assert np.abs(found - own)[soft].mean() < 0.5 * np.abs(image - own)[soft].mean()

    def test_companions(self, wisp, files, tmp_path):
        ran = wisp(
            "cutout", files / "photo.png", "-o", tmp_path / "o.png", "--trimap", files / "trimap.png",
            "--save-alpha", tmp_path / "a.tif", "--save-foreground", tmp_path / "f.webp",
        )  # fmt: skip
        assert (ran.code, ran.errors) == (0, [])
        result = read_photo(tmp_path / "o.png")
        np.testing.assert_allclose(read_grey(tmp_path / "a.tif"), result.alpha, atol=1e-6)
        foreground = read_photo(tmp_path / "f.webp")
        assert foreground.alpha is None
        np.testing.assert_allclose(foreground.image, result.image, atol=1 / 255)

    @pytest.mark.parametrize(
        ("photo", "words", "bits"),
        [
            ("photo.png", [], 8),
            ("photo16.png", [], 16),
            ("photo.png", ["--bits", "16"], 16),
            ("photo16.png", ["--bits", "8"], 8),
        ],
    )
    def test_bits_are_those_of_the_photo_unless_asked(self, wisp, files, tmp_path, photo, words, bits):
        out, alpha_out = tmp_path / "o.png", tmp_path / "a.png"
        guidance = ["--trimap", files / "trimap.png", "--save-alpha", alpha_out]
        assert wisp("cutout", files / photo, "-o", out, *guidance, *words).code == 0
        assert read_photo(out).bits == bits
        assert read_photo(alpha_out).bits == bits

    @pytest.mark.parametrize("suffix", [".tiff", ".webp", ".avif", ".PNG"])
    def test_the_suffix_chooses_the_format(self, wisp, files, tmp_path, suffix):
        out = tmp_path / f"o{suffix}"
        ran = wisp("cutout", files / "photo16.png", "-o", out, "--trimap", files / "trimap.png")
        assert (ran.code, ran.errors) == (0, [])
        assert read_photo(out).alpha is not None

    def test_standard_input_and_output(self, files):
        command = [SCRIPT, "cutout", "-", "-o", "-", "--trimap", files / "trimap.png", "--format", "tiff"]
        with (files / "photo.png").open("rb") as photo:
            ran = subprocess.run(command, stdin=photo, capture_output=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, b"")
        assert ran.stdout[:2] in (b"II", b"MM")

    def test_refine_changes_alpha(self, wisp, files, tmp_path):
        for words in ([], ["--refine", "guided-filter"]):
            out = tmp_path / f"{len(words)}.png"
            assert (
                wisp("cutout", files / "photo.png", "-o", out, "--trimap", files / "trimap.png", *words).code
                == 0
            )
        assert not np.array_equal(read_photo(tmp_path / "0.png").alpha, read_photo(tmp_path / "2.png").alpha)

    @pytest.mark.parametrize("method", classical_methods())
    def test_methods(self, wisp, files, subject, tmp_path, method):
        words = ["--trimap", files / "trimap.png", "--method", method]
        assert wisp("cutout", files / "photo.png", "-o", tmp_path / "o.png", *words).code == 0
        assert np.abs(read_photo(tmp_path / "o.png").alpha - subject[1]).mean() < 0.05

    def test_a_photo_that_is_transparent_already(self, wisp, files, subject, tmp_path):
        image, _, _ = subject
        opacity = np.ones(image.shape[:2], np.float32)
        opacity[:, :40] = 0
        write_image(tmp_path / "half.png", np.dstack([image, opacity]))
        words = ["--trimap", files / "trimap.png"]
        assert wisp("cutout", tmp_path / "half.png", "-o", tmp_path / "o.png", *words).code == 0
        found = read_photo(tmp_path / "o.png").alpha
        assert found[:, :40].max() == 0
        assert found[:, 40:].max() == 1

    def test_overwrite(self, wisp, files, tmp_path):
        out = tmp_path / "o.png"
        out.write_bytes(b"older")
        words = ["cutout", files / "photo.png", "-o", out, "--trimap", files / "trimap.png"]
        assert wisp(*words, "--overwrite").code == 0
        assert read_photo(out).alpha is not None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count the seconds of child processes")
def test_a_megapixel_costs_four_cpu_seconds_from_the_start_of_the_process(network, tmp_path):
    image, _ = bright_disc(1000, 1000, softness=20)
    noise = np.random.default_rng(0).normal(0, 0.01, image.shape)
    write_image(tmp_path / "photo.jpg", np.clip(image + noise, 0, 1).astype(np.float32))
    words = ["cutout", tmp_path / "photo.jpg", "-o", tmp_path / "out.png", "--model", network, "--overwrite"]
    best = float("inf")
    for _ in range(2):
        before = os.times()
        subprocess.run([SCRIPT, *words], check=True)
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, used)
    assert best <= 4


class TestNoSubject:
    def test_an_empty_alpha_and_a_note(self, wisp, network, tmp_path):
        write_image(tmp_path / "dark.png", np.full((40, 50, 3), 0.1, np.float32))
        ran = wisp("cutout", tmp_path / "dark.png", "-o", tmp_path / "o.png", "--model", network)
        assert ran.code == 0
        assert ran.errors == [f"wisp: {tmp_path / 'dark.png'}: no subject was found; the alpha is empty"]
        assert read_photo(tmp_path / "o.png").alpha.max() == 0

    def test_quiet(self, wisp, network, tmp_path):
        write_image(tmp_path / "dark.png", np.full((40, 50, 3), 0.1, np.float32))
        ran = wisp("cutout", tmp_path / "dark.png", "-o", tmp_path / "o.png", "--model", network, "--quiet")
        assert (ran.code, ran.errors) == (0, [])


class TestFolders:
    @pytest.fixture
    def album(self, tmp_path, subject):
        image, _, trimap = subject
        for name in ("a.png", "b.jpg", "deep/c.png"):
            path = tmp_path / "album" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, image)
            grey = (tmp_path / "trimaps" / name).with_suffix(".png")
            grey.parent.mkdir(parents=True, exist_ok=True)
            write_image(grey, trimap.astype(np.float32) / np.float32(255))
        return tmp_path / "album"

    @pytest.mark.parametrize("jobs", ["0", "1", "3"])
    def test_the_folder_keeps_its_shape(self, wisp, album, tmp_path, jobs, untouched):
        untouched(album)
        out = tmp_path / "out"
        ran = wisp(
            "cutout", album, "-o", out, "--trimap", tmp_path / "trimaps", "--jobs", jobs,
            "--save-alpha", tmp_path / "alphas",
        )  # fmt: skip
        assert (ran.code, ran.errors) == (0, [])
        assert names_in(out) == ["a.png", "b.png", "deep/c.png"]
        assert names_in(tmp_path / "alphas") == ["a.png", "b.png", "deep/c.png"]

    def test_a_format_for_all(self, wisp, album, tmp_path, network):
        ran = wisp("cutout", album, "-o", tmp_path / "out", "--model", network, "--format", "webp")
        assert ran.code == 0
        assert names_in(tmp_path / "out") == ["a.webp", "b.webp", "deep/c.webp"]

    def test_several_inputs_go_to_a_folder(self, wisp, album, tmp_path, network):
        inputs = [album / "a.png", album / "deep" / "c.png"]
        assert wisp("cutout", *inputs, "-o", tmp_path / "out", "--model", network).code == 0
        assert names_in(tmp_path / "out") == ["a.png", "c.png"]

    def test_one_bad_file_and_two_names_that_collide(
        self, wisp, album, tmp_path, network, subject, untouched
    ):
        write_image(album / "a.jpg", subject[0])
        (album / "bad.png").write_text("no picture at all")
        (album / "notes.txt").write_text("skipped")
        (album / "bad.jpg").write_bytes((album / "b.jpg").read_bytes()[:200])
        untouched(album)
        ran = wisp("cutout", album, "-o", tmp_path / "out", "--model", network)
        assert ran.code == 1
        expected = ["a.jpg.png", "a.png.png", "b.png", "deep/c.png"]
        assert [name for name in names_in(tmp_path / "out") if "bad" not in name] == expected
        assert not [name for name in names_in(tmp_path / "out") if "bad" in name]
        bad = [line for line in ran.errors if str(album / "bad.jpg") in line]
        assert len(bad) == 1
        assert all(line.startswith("wisp: ") for line in ran.errors)

    def test_a_missing_partner_is_that_files_error(self, wisp, album, tmp_path):
        (tmp_path / "trimaps" / "b.png").unlink()
        ran = wisp("cutout", album, "-o", tmp_path / "out", "--trimap", tmp_path / "trimaps")
        assert ran.code == 1
        assert len(ran.errors) == 1
        assert str(album / "b.jpg") in ran.errors[0]
        assert names_in(tmp_path / "out") == ["a.png", "deep/c.png"]

    def test_a_photo_whose_guidance_is_bad_leaves_the_others(self, wisp, album, tmp_path):
        write_image(tmp_path / "trimaps" / "a.png", np.ones((60, 80), np.float32), overwrite=True)
        ran = wisp("cutout", album, "-o", tmp_path / "out", "--trimap", tmp_path / "trimaps", "--jobs", "2")
        assert ran.code == 1
        path = tmp_path / "trimaps" / "a.png"
        assert ran.errors == [f"wisp: {path}: is 80×60; the size of the upright photo, 81×60, is accepted"]
        assert names_in(tmp_path / "out") == ["b.png", "deep/c.png"]

    def test_a_bug_in_one_photo_leaves_the_others(self, wisp, album, tmp_path, network, monkeypatch):
        from wisp import pipeline

        original = pipeline.find_subject

        def fragile(image, **options):
            if fragile.calls == 0:
                fragile.calls += 1
                raise ZeroDivisionError("by nought")
            return original(image, **options)

        fragile.calls = 0
        monkeypatch.setattr(pipeline, "find_subject", fragile)
        monkeypatch.delenv("WISP_DEBUG", raising=False)
        ran = wisp("cutout", album, "-o", tmp_path / "out", "--model", network, "--jobs", "1")
        assert ran.code == 1
        assert len(ran.errors) == 1
        assert "a.png: unexpected ZeroDivisionError: by nought" in ran.errors[0]
        assert names_in(tmp_path / "out") == ["b.png", "deep/c.png"]

    def test_a_folder_without_pictures_is_nothing_to_do(self, wisp, tmp_path):
        (tmp_path / "empty").mkdir()
        ran = wisp("cutout", tmp_path / "empty", "-o", tmp_path / "out")
        assert ran.code == 2
        assert len(ran.errors) == 1
        assert "empty" in ran.errors[0]
        assert not (tmp_path / "out").exists()
