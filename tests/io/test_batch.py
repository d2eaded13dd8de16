"""Planning inputs, outputs, companions and guidance."""

import errno
import os
from pathlib import Path

import pytest

from wisp.core.errors import InputError
from wisp.io.batch import plan

PNG = b"\x89PNG\r\n\x1a\n"


def make(folder, *paths):
    """Files by their paths; what is in them does not matter where the suffix says enough."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"x")
    return folder


def outputs(found, out):
    return {str(job.output.relative_to(out)) for job in found.jobs}


class TestOneFile:
    def test_everything_is_a_file(self, tmp_path):
        make(tmp_path, "a.jpg", "t.png")
        found = plan(
            [tmp_path / "a.jpg"],
            tmp_path / "out.webp",
            save_alpha=tmp_path / "alpha.png",
            save_foreground=tmp_path / "f.jpg",
            trimap=tmp_path / "t.png",
        )
        (job,) = found.jobs
        assert not found.folder
        assert (found.errors, found.skipped) == ((), 0)
        assert job.input == tmp_path / "a.jpg"
        assert job.output == tmp_path / "out.webp"
        assert job.outputs == (tmp_path / "out.webp", tmp_path / "alpha.png", tmp_path / "f.jpg")
        assert job.inputs == (tmp_path / "a.jpg", tmp_path / "t.png")
        assert sorted(os.listdir(tmp_path)) == ["a.jpg", "t.png"]  # noqa: PTH208

    def test_streams(self, tmp_path):
        (job,) = plan(["-"], "-", save_alpha=tmp_path / "a.png").jobs
        assert (str(job.input), str(job.output)) == ("-", "-")

    @pytest.mark.parametrize(
        ("out", "options", "problem"),
        [
            ("none/out.png", {}, "none does not exist"),
            ("out.jpg", {}, "jpeg cannot hold alpha; png, tiff, webp and avif can"),
            ("out.gif", {}, "has the suffix '.gif'"),
            ("out.png", {"format": "webp"}, "has the suffix of png"),
            ("", {"format": "png"}, "is an input"),
            ("a.png", {"overwrite": True}, "is an input"),
            ("b.png", {}, "exists already; --overwrite"),
            ("out.png", {"save_alpha": "b.png"}, "exists already"),
            ("out.png", {"save_alpha": "out.png"}, "named for two outputs"),
            ("out.png", {"save_alpha": "none/a.png"}, "does not exist"),
            ("out.png", {"save_alpha": "alpha.bmp"}, "has the suffix '.bmp'"),
            ("out.png", {"trimap": ""}, "is a folder; a file"),
            ("t.png", {"trimap": "t.png", "overwrite": True}, "is an input"),
            ("b.png", {"others": ["b.png"], "overwrite": True}, "is an input"),
        ],
    )
    def test_what_stops_it(self, tmp_path, out, options, problem):
        make(tmp_path, "a.png", "b.png", "t.png")
        for name in ("save_alpha", "trimap"):
            if name in options:
                options = options | {name: tmp_path / options[name]}
        if "others" in options:
            options = options | {"others": [tmp_path / name for name in options["others"]]}
        with pytest.raises(InputError, match=problem):
            plan([tmp_path / "a.png"], tmp_path / out, **options)

    def test_a_folder_takes_the_photo_s_name(self, tmp_path):
        make(tmp_path, "a.jpg", "masks/a.png", "m.png")
        options = {"save_alpha": f"{tmp_path}/alphas/", "save_foreground": tmp_path / "f.png"}
        found = plan([tmp_path / "a.jpg"], f"{tmp_path}/out/", mask=tmp_path / "masks", **options)
        (job,) = found.jobs
        assert found.folder
        assert job.outputs == (tmp_path / "out/a.png", tmp_path / "alphas/a.png", tmp_path / "f.png")
        assert job.mask == tmp_path / "masks" / "a.png"
        (job,) = plan([tmp_path / "a.jpg"], f"{tmp_path}/out/", mask=tmp_path / "m.png").jobs
        assert job.mask == tmp_path / "m.png"
        make(tmp_path, "out/a.png")
        with pytest.raises(InputError, match=r"a.png: exists already; --overwrite"):
            plan([tmp_path / "a.jpg"], tmp_path / "out")
        with pytest.raises(InputError, match="is a folder, and standard input has no name"):
            plan(["-"], tmp_path / "out")
        with pytest.raises(InputError, match="none does not exist"):
            plan([tmp_path / "a.jpg"], f"{tmp_path}/new/", save_alpha=tmp_path / "none" / "a.png")

    def test_stream_named_twice(self):
        with pytest.raises(InputError, match="standard input is asked for twice"):
            plan(["-"], "-", trimap="-")
        with pytest.raises(InputError, match="named for two outputs"):
            plan(["-"], "-", save_alpha="-", format="png", save_foreground=None)

    def test_missing_input_or_guidance_is_that_files_error(self, tmp_path):
        make(tmp_path, "a.jpg")
        for source, options in (("none.jpg", {}), ("a.jpg", {"mask": tmp_path / "none.jpg"})):
            found = plan([tmp_path / source], tmp_path / "o.png", **options)
            assert found.jobs == ()
            assert [str(error) for error in found.errors] == [f"{tmp_path / 'none.jpg'}: does not exist"]

    def test_opaque_result(self, tmp_path):
        make(tmp_path, "a.png")
        assert plan([tmp_path / "a.png"], tmp_path / "o.jpg", opaque=True).jobs[0].output.name == "o.jpg"

    def test_no_inputs(self, tmp_path):
        with pytest.raises(InputError, match="INPUT: is missing"):
            plan([], tmp_path / "o.png")


class TestFolders:
    def test_shape_is_kept_and_others_are_counted(self, tmp_path):
        photos = make(
            tmp_path / "in", "a.jpg", "day 1/b.PNG", "day 1/x/c.heic", "notes.txt", "day 1/clip.mp4"
        )
        make(photos, ".DS_Store", "._a.jpg", ".cache/thumb.jpg")
        found = plan([photos], tmp_path / "out")
        assert found.folder
        assert outputs(found, tmp_path / "out") == {"a.png", "day 1/b.png", "day 1/x/c.png"}
        assert found.skipped == 2
        assert found.errors == ()
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(("format", "suffix"), [("tiff", ".tiff"), ("webp", ".webp"), ("avif", ".avif")])
    def test_format(self, tmp_path, format, suffix):
        found = plan([make(tmp_path / "in", "a.jpg")], tmp_path / "out.d", format=format)
        assert outputs(found, tmp_path / "out.d") == {f"a{suffix}"}

    def test_format_that_cannot_hold_it(self, tmp_path):
        with pytest.raises(InputError, match="jpeg cannot hold alpha"):
            plan([make(tmp_path / "in", "a.jpg")], tmp_path / "out", format="jpeg")
        found = plan([tmp_path / "in"], tmp_path / "out", format="jpeg", opaque=True)
        assert outputs(found, tmp_path / "out") == {"a.jpeg"}

    def test_content_counts_where_the_suffix_says_nothing(self, tmp_path):
        photos = make(tmp_path / "in", "broken.jpg", "notes", "raw.nef")
        (photos / "photo").write_bytes(PNG)
        (photos / "raw.nef").write_bytes(b"II*\x00")
        found = plan([photos], tmp_path / "out")
        assert {job.input.name for job in found.jobs} == {"broken.jpg", "photo"}
        assert found.skipped == 1
        assert found.unread == {".nef": 1}

    def test_pictures_of_kinds_that_are_not_read_are_counted_by_kind(self, tmp_path):
        photos = make(tmp_path / "in", "a.psd", "b.NEF", "c.nef", "d.gif", "e.bmp", "f.ppm", "notes.txt")
        (photos / "drawing").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
        found = plan([photos], tmp_path / "out")
        assert {job.input.name for job in found.jobs} == {"d.gif", "e.bmp", "f.ppm"}
        assert found.unread == {".psd": 1, ".nef": 2, "drawing": 1}
        assert found.skipped == 1

    def test_order_is_stable(self, tmp_path):
        photos = make(tmp_path / "in", "b.jpg", "a.jpg", "z/a.jpg", "c/a.jpg")
        order = [str(job.input.relative_to(photos)) for job in plan([photos], tmp_path / "out").jobs]
        assert order == ["a.jpg", "b.jpg", "c/a.jpg", "z/a.jpg"]

    def test_shared_names_keep_their_suffixes(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg", "a.png", "b.jpg", "x/a.jpg")
        found = plan([photos], tmp_path / "out")
        assert outputs(found, tmp_path / "out") == {"a.jpg.png", "a.png.png", "b.png", "x/a.png"}

    def test_shared_names_among_the_longer_ones(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg", "a.png", "a.jpg.webp")
        found = plan([photos], tmp_path / "out")
        assert outputs(found, tmp_path / "out") == {"a.jpg.png", "a.png.png", "a.jpg.webp.png"}

    def test_letter_case_and_unicode_form_count_as_the_same(self, tmp_path):
        photos = make(tmp_path / "in", "A.jpg", "a.png", "é.jpg", "e\u0301.png")
        found = plan([photos], tmp_path / "out")
        assert outputs(found, tmp_path / "out") == {"A.jpg.png", "a.png.png", "é.jpg.png", "e\u0301.png.png"}

    def test_files_and_folders_together(self, tmp_path):
        make(tmp_path, "in/b.jpg", "x/a.txt")
        found = plan([tmp_path / "x/a.txt", tmp_path / "in", tmp_path / "none.jpg"], tmp_path / "out")
        assert outputs(found, tmp_path / "out") == {"a.png", "b.png"}
        assert [str(error) for error in found.errors] == [f"{tmp_path / 'none.jpg'}: does not exist"]
        assert found.skipped == 0

    def test_named_twice_is_done_once(self, tmp_path):
        photos = make(tmp_path / "in", "x/a.jpg")
        (photos / "b.jpg").symlink_to(photos / "x/a.jpg")
        found = plan([photos, photos / "x/a.jpg", photos / "x"], tmp_path / "out")
        assert len(found.jobs) == 1

    def test_links_that_go_round(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg", "x/b.jpg")
        (photos / "x/up").symlink_to(photos, target_is_directory=True)
        (photos / "again").symlink_to(photos / "x", target_is_directory=True)
        (photos / "gone.jpg").symlink_to(photos / "nowhere")
        found = plan([photos], tmp_path / "out")
        assert {job.input.name for job in found.jobs} == {"a.jpg", "b.jpg", "gone.jpg"}

    def test_own_folders_inside_the_input_are_not_read(self, tmp_path):
        photos = make(
            tmp_path / "in", "a.jpg", "out/a.png", "alphas/a.png", "fgs/a.png", "trimaps/a.png", "other/b.jpg"
        )
        found = plan(
            [photos],
            photos / "out",
            save_alpha=photos / "alphas",
            save_foreground=photos / "fgs",
            trimap=photos / "trimaps",
            overwrite=True,
        )
        assert outputs(found, photos / "out") == {"a.png"}
        assert [error.name for error in found.errors] == [str(photos / "other/b.jpg")]

    def test_output_above_the_input(self, tmp_path):
        make(tmp_path, "raw/a.jpg")
        assert outputs(plan([tmp_path / "raw"], tmp_path), tmp_path) == {"a.png"}

    def test_output_beside_the_inputs(self, tmp_path):
        make(tmp_path, "a.jpg")
        assert outputs(plan([tmp_path], tmp_path), tmp_path) == {"a.png"}
        make(tmp_path, "b.png")
        with pytest.raises(InputError, match=r"b.png: is an input"):
            plan([tmp_path], tmp_path, overwrite=True)

    def test_existing_outputs_are_found_at_once(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg", "b.jpg", "c.jpg")
        make(tmp_path / "out", "b.png")
        make(tmp_path / "alphas", "c.png")
        with pytest.raises(InputError, match=r"b.png: exists already; --overwrite"):
            plan([photos], tmp_path / "out")
        with pytest.raises(InputError, match=r"b.png: exists already, and 1 more; --overwrite"):
            plan([photos], tmp_path / "out", save_alpha=tmp_path / "alphas")
        assert len(plan([photos], tmp_path / "out", save_alpha=tmp_path / "alphas", overwrite=True).jobs) == 3

    def test_what_exists_is_skipped_when_asked(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg", "b.jpg", "c.jpg")
        make(tmp_path / "out", "a.png", "b.png")
        found = plan([photos], tmp_path / "out", skip_existing=True)
        assert outputs(found, tmp_path / "out") == {"c.png"}
        assert (found.existing, found.errors) == (2, ())
        make(tmp_path / "alphas", "b.png")
        found = plan([photos], tmp_path / "out", save_alpha=tmp_path / "alphas", skip_existing=True)
        assert outputs(found, tmp_path / "out") == {"c.png"}
        assert found.existing == 1
        (error,) = found.errors
        expected = f"exists already, but {tmp_path / 'alphas' / 'a.png'} does not; --overwrite makes both"
        assert str(error) == f"{tmp_path / 'out' / 'a.png'}: {expected}"

    def test_folders_that_hold_the_same_name_are_told_apart(self, tmp_path):
        make(tmp_path, "d1/x.jpg", "d1/sub/y.jpg", "d2/x.jpg", "d3/z.jpg")
        out = tmp_path / "out"
        found = plan([tmp_path / name for name in ("d1", "d2", "d3")], out)
        assert outputs(found, out) == {"d1/x.png", "d1/sub/y.png", "d2/x.png", "z.png"}
        found = plan([tmp_path / "d1" / "x.jpg", tmp_path / "d2" / "x.jpg"], out)
        assert outputs(found, out) == {"d1/x.png", "d2/x.png"}
        assert found.errors == ()

    def test_guidance_follows_folders_that_are_told_apart(self, tmp_path):
        make(tmp_path, "d1/x.jpg", "d2/x.jpg", "masks/d1/x.png", "masks/d2/x.png")
        found = plan([tmp_path / "d1", tmp_path / "d2"], tmp_path / "out", mask=tmp_path / "masks")
        assert [job.mask.parent.name for job in found.jobs] == ["d1", "d2"]

    def test_folders_of_one_name_are_told_apart_by_what_they_lie_in(self, tmp_path):
        make(tmp_path, "a/d/x.jpg", "b/d/x.jpg", "b/d/s/y.jpg", "c/e/z.jpg", "m/a/d/x.png", "m/b/d/x.png")
        tops = [tmp_path / name for name in ("a/d", "b/d", "c/e")]
        found = plan(tops, tmp_path / "out")
        assert outputs(found, tmp_path / "out") == {"a/d/x.png", "b/d/x.png", "b/d/s/y.png", "z.png"}
        assert found.errors == ()
        found = plan(tops[:2], tmp_path / "out", mask=tmp_path / "m")
        assert [job.mask.parent.parent.name for job in found.jobs] == ["a", "b"]
        make(tmp_path, "2/a/d/x.jpg")
        found = plan([*tops[:2], tmp_path / "2/a/d"], tmp_path / "out")
        above = tmp_path.name
        expected = {f"{above}/a/d/x.png", f"{above}/b/d/x.png", f"{above}/b/d/s/y.png", "2/a/d/x.png"}
        assert outputs(found, tmp_path / "out") == expected

    def test_folders_that_letter_case_alone_tells_apart_are_errors_with_a_hint(self, tmp_path):
        make(tmp_path, "d/x.jpg", "D/x.jpg")
        if len(list(tmp_path.iterdir())) < 2:
            pytest.skip("the file system ignores letter case")
        found = plan([tmp_path / "d", tmp_path / "D"], tmp_path / "out")
        assert found.jobs == ()
        assert "another name for one of them is accepted" in str(found.errors[0])

    def test_a_folder_that_cannot_be_read_is_an_error_beside_the_others(self, tmp_path, monkeypatch):
        """The account that runs the tests may read everything, so the system's answer is made."""
        make(tmp_path, "in/a.jpg", "in/shut/b.jpg", "m/a.png")
        scan = os.scandir

        def refuse(folder):
            if Path(folder).name == shut:
                raise PermissionError(errno.EACCES, "Permission denied", str(folder))
            return scan(folder)

        monkeypatch.setattr(os, "scandir", refuse)
        shut = "shut"
        found = plan([tmp_path / "in"], tmp_path / "out")
        assert outputs(found, tmp_path / "out") == {"a.png"}
        (error,) = found.errors
        assert str(error) == (
            f"{tmp_path / 'in/shut'}: cannot be read: Permission denied; a readable folder is accepted"
        )
        shut = "m"
        with pytest.raises(InputError, match="m: cannot be read: Permission denied"):
            plan([tmp_path / "in"], tmp_path / "out", mask=tmp_path / "m")

    @pytest.mark.parametrize("name", ["o.png", "o.HEIC", "o.psd"])
    def test_a_picture_s_suffix_for_a_folder_is_a_slip(self, tmp_path, name):
        make(tmp_path, "a.jpg", "b.jpg")
        both = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
        with pytest.raises(InputError, match=f"{name}: has a picture's suffix.* or .*{name}/ for a folder"):
            plan(both, tmp_path / name)
        assert len(plan(both, f"{tmp_path / name}/").jobs) == 2

    def test_companions_have_the_same_names(self, tmp_path):
        photos = make(tmp_path / "in", "x/a.jpg")
        (job,) = plan(
            [photos], tmp_path / "out", save_alpha=tmp_path / "al", save_foreground=tmp_path / "fg"
        ).jobs
        assert job.outputs == tuple(tmp_path / name / "x/a.png" for name in ("out", "al", "fg"))
        with pytest.raises(InputError, match="named for two outputs"):
            plan([photos], tmp_path / "out", save_alpha=tmp_path / "out")

    def test_nothing_to_do(self, tmp_path):
        photos = make(tmp_path / "in", "notes.txt")
        found = plan([photos], tmp_path / "out")
        assert (found.jobs, found.errors, found.skipped) == ((), (), 1)

    @pytest.mark.parametrize("option", ["out", "save_alpha", "trimap"])
    def test_a_file_where_a_folder_is_needed(self, tmp_path, option):
        photos = make(tmp_path / "in", "a.jpg")
        make(tmp_path, "file.png")
        options = {"out": tmp_path / "out"} | {option: tmp_path / "file.png"}
        with pytest.raises(InputError, match=r"file.png: is a file; a folder is accepted"):
            plan([photos], **options)

    def test_streams_are_for_one_input(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg", "b.jpg")
        for sources, out in (([photos], "-"), ([photos / "a.jpg", "-"], tmp_path / "out")):
            with pytest.raises(InputError, match="for one input alone"):
                plan(sources, out)

    def test_read_only_parent(self, tmp_path, monkeypatch):
        photos = make(tmp_path / "in", "a.jpg")
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
        with pytest.raises(InputError, match=f"out/deep: the folder {tmp_path} cannot be written to"):
            plan([photos], tmp_path / "out/deep")

    def test_output_below_a_file(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg")
        with pytest.raises(InputError, match="is no folder"):
            plan([photos], photos / "a.jpg" / "out")

    def test_make_folders(self, tmp_path):
        photos = make(tmp_path / "in", "x/a.jpg")
        (job,) = plan([photos], tmp_path / "out", save_alpha=tmp_path / "al").jobs
        job.make_folders()
        assert (tmp_path / "out/x").is_dir()
        assert (tmp_path / "al/x").is_dir()
        (tmp_path / "out/x").rmdir()
        (tmp_path / "out/x").write_text("in the way")
        with pytest.raises(InputError, match="the folder cannot be created: File exists"):
            job.make_folders()


class TestGuidance:
    def test_paired_by_relative_path_and_stem(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg", "x/a.jpg", "x/b.jpg")
        trimaps = make(tmp_path / "tri", "a.png", "x/a.tif", "b.png", "x/b.txt")
        found = plan([photos], tmp_path / "out", trimap=trimaps)
        assert {job.trimap for job in found.jobs} == {trimaps / "a.png", trimaps / "x/a.tif"}
        assert [str(error) for error in found.errors] == [
            f"{photos / 'x/b.jpg'}: has no trimap; a file x/b.* is accepted"
        ]

    def test_several_kinds(self, tmp_path):
        photos, masks = make(tmp_path / "in", "a.jpg"), make(tmp_path / "masks", "a.png")
        (job,) = plan([photos], tmp_path / "out", mask=masks, alpha=masks).jobs
        assert (job.trimap, job.mask, job.alpha) == (None, masks / "a.png", masks / "a.png")

    def test_whole_names_come_first(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg", "a.png")
        for names in (("a.jpg.png", "a.png.png"), ("a.jpg", "a.png")):
            masks = make(tmp_path / names[0], *names)
            found = plan([photos], tmp_path / "out", mask=masks)
            assert [(job.input.name, job.mask.name) for job in found.jobs] == [
                ("a.jpg", names[0]),
                ("a.png", names[1]),
            ]

    def test_which_one(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg")
        found = plan([photos], tmp_path / "out", mask=make(tmp_path / "masks", "a.png", "a.tif"))
        assert [error.problem for error in found.errors] == ["has several files for its mask: a.png, a.tif"]

    def test_missing_folder(self, tmp_path):
        photos = make(tmp_path / "in", "a.jpg")
        with pytest.raises(InputError, match="none: does not exist; a folder is accepted"):
            plan([photos], tmp_path / "out", mask=tmp_path / "none")
