"""The table of methods: what is made of it, and that a row and a module are all that a new one takes."""

import numpy as np
import pytest

import wisp
from grown_package import add_row, copy_package, run, touched
from tiny_networks import bright_disc, write_portrait
from wisp.cli import options
from wisp.core.errors import InputError
from wisp.engine.families import FAMILIES
from wisp.engine.models import MODELS
from wisp.io.guidance import read_grey
from wisp.io.images import write_image
from wisp.matting.trimap import trimap_from_alpha
from wisp.methods import METHODS, check_method, classical_methods, default_method, method_names


@pytest.mark.parametrize(
    "method", [m for m in METHODS.values() if m.function], ids=lambda method: method.name
)
def test_every_row_names_a_function_and_its_paper(method):
    assert method.load().__doc__
    assert method.source
    assert method.family in ("", *FAMILIES)
    assert method.needs in ("nothing", "mask", "trimap")


def test_every_default_network_is_a_row_of_its_family():
    for family in FAMILIES.values():
        assert not family.default or MODELS[family.default].family == family.name


def test_one_method_alone_is_the_default_of_each_guidance():
    for given in ("trimap",):
        assert [m.name for m in METHODS.values() if given in m.default_for] == [default_method(given)]


@pytest.mark.parametrize("function", [wisp.cutout, wisp.estimate_alpha])
def test_docstrings_tell_every_method_that_there_is(function):
    told = function.__doc__
    assert "{" not in told
    assert max(map(len, told.splitlines())) <= 110
    for name in classical_methods() if function is wisp.estimate_alpha else method_names("photo"):
        assert f"``{name}``" in told
        assert METHODS[name].source in " ".join(told.split())


def test_the_command_line_offers_the_table():
    assert options.MethodName.__args__ == method_names("photo")
    assert options.ClipMethodName.__args__ == method_names("clip")


def test_other_names_are_refused_with_those_that_there_are():
    with pytest.raises(
        InputError, match=r"is 'magic'; auto, portrait, dim, dlmn, unet, closed-form, .* accepted"
    ):
        check_method("magic")
    with pytest.raises(InputError, match="segmenter"):
        check_method("segmenter")


CLASSICAL = '''
"""Everything unknown is one half."""

import numpy as np

from wisp.core.progress import silent
from wisp.matting.classical.system import Solution


def one_half(image, trimap, *, progress=silent):
    progress(1.0)
    alpha = np.where(trimap == 128, 0.5, trimap / 255).astype(np.float32)
    return Solution(alpha, "one-half", 0, 0.0, True)
'''
FAMILY = '''
"""The network's answer at the photo's own size."""

import numpy as np

from wisp.engine.engine import ENGINE
from wisp.engine.models import find_model


def toy(image, mask, *, model=None, engine=ENGINE):
    session = engine.session_of(find_model(model, "toy"))
    given = {"image": np.ascontiguousarray(image.transpose(2, 0, 1)[None]), "mask": mask[None, None]}
    return session.run(given)["alpha"][0, 0].clip(0, 1)
'''


@pytest.fixture
def tree(tmp_path):
    return copy_package(tmp_path)


def test_a_classical_method_is_its_module_and_a_row(tree, tmp_path):
    (tree / "matting/classical/one_half.py").write_text(CLASSICAL, encoding="utf-8")
    add_row(
        tree / "methods.py",
        '    _classical("random-walk"',
        '    _classical("one-half", "never decides", "Nobody 2026"),\n',
    )
    image, alpha = bright_disc(40, 50)
    trimap = trimap_from_alpha(alpha, width=0.1)
    write_image(tmp_path / "a.png", image)
    write_image(tmp_path / "t.png", (trimap / 255).astype(np.float32), bits=8)
    words = ("--trimap", "t.png", "--method", "one-half", "-o", "c.png", "--save-alpha", "f.png")
    run(tree, "-m", "wisp", "cutout", "a.png", *words)
    found = read_grey(tmp_path / "f.png")
    np.testing.assert_allclose(found[trimap == 128], 0.5, atol=0.002)
    for verb in ("cutout", "replace", "video"):
        assert "one-half" in run(tree, "-m", "wisp", verb, "--help")
    code = """
import wisp
from wisp.clips.methods import alpha_method
from wisp.lab.benchmark.systems import our_methods

alpha_method("one-half")
print(our_methods(), wisp.cutout.__doc__, wisp.estimate_alpha.__doc__)
"""
    assert run(tree, "-c", code).count("one-half") == 3
    assert touched(tree) == [["methods.py"], ["matting/classical/one_half.py"]]


def test_a_family_of_networks_is_its_module_and_a_row(tree, tmp_path):
    (tree / "engine/families/toy.py").write_text(FAMILY, encoding="utf-8")
    add_row(
        tree / "engine/families/__init__.py",
        '            Family(\n                "ssrn",',
        """            Family(
                "toy",
                "image and mask → alpha",
                needs="mask",
                function="wisp.engine.families.toy.toy",
                about="a toy",
                source="Nobody 2026",
            ),
""",
    )
    image, alpha = bright_disc(40, 50)
    write_image(tmp_path / "a.png", image)
    write_image(tmp_path / "m.png", alpha)
    network = write_portrait(tmp_path / "toy.onnx")
    given = ("--mask", "m.png", "--method", "toy", "--model", network.name)
    run(tree, "-m", "wisp", "cutout", "a.png", *given, "-o", "c.png", "--save-alpha", "f.png")
    found = read_grey(tmp_path / "f.png")
    assert np.abs(found - alpha).mean() < 0.05
    assert "toy" in run(tree, "-m", "wisp", "video", "--help")
    told = run(tree, "-c", "import wisp; print(wisp.cutout.__doc__)")
    assert "``toy``: a toy (Nobody 2026)" in " ".join(told.split())  # wherever the lines break
    assert touched(tree) == [["engine/families/__init__.py"], ["engine/families/toy.py"]]
