import hashlib
from dataclasses import replace

import pytest

from wisp.core.errors import InputError
from wisp.engine.families import FAMILIES
from wisp.engine.models import MODELS, find_model, verified_file, verified_variant


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
class TestShippedNetworks:
    def test_the_file_is_the_one_its_row_describes(self, model):
        stored = verified_file(model).read_bytes()
        assert len(stored) == model.size
        assert hashlib.sha256(stored).hexdigest() == model.sha256

    def test_the_card_lies_beside_the_file(self, model):
        assert model.card is not None
        card = model.card.read_text(encoding="utf-8")
        assert model.name in card
        assert "licence" in card.lower()

    def test_its_inputs_fill_whole_multiples(self, model):
        assert model.input_size % model.multiple == 0


def test_every_family_has_a_default_of_its_own():
    for family, name in ((f.name, f.default) for f in FAMILIES.values() if f.default):
        assert MODELS[name].family == family
        assert find_model(None, family) is MODELS[name]


def test_a_network_is_found_by_name():
    assert find_model("segmenter-mobile").shipped


def test_a_file_of_the_user_is_taken_as_it_is(tmp_path):
    file = tmp_path / "mine.onnx"
    file.write_bytes(b"anything")
    model = find_model(file)
    assert (model.name, model.shipped, model.card) == ("mine", False, None)
    assert verified_file(model) == file


def test_an_unknown_name_is_refused_with_the_known_ones():
    expected = r"^nosuch: is no known .* no file; subject-mobile, segmenter-mobile, matting-mobile, .* or"
    with pytest.raises(InputError, match=expected):
        find_model("nosuch")


def test_a_damaged_file_is_refused(tmp_path):
    file = tmp_path / "net.onnx"
    file.write_bytes(b"as published")
    row = replace(
        MODELS["segmenter-mobile"], file=str(file), sha256=hashlib.sha256(b"as published").hexdigest()
    )
    assert verified_file(row) == file
    other = tmp_path / "other.onnx"
    other.write_bytes(b"cut sho")
    with pytest.raises(InputError, match="is damaged: its sha256 is"):
        verified_file(replace(row, file=str(other)))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="is missing"):
        verified_file(replace(MODELS["segmenter-mobile"], file=str(tmp_path / "gone.onnx")))


def test_all_weights_together_stay_small():
    """The wheel, in which they shrink by a tenth, may have 48 MB."""
    files = MODELS["segmenter-mobile"].path.parent.glob("*.onnx")
    assert sum(file.stat().st_size for file in files) <= 45e6


@pytest.mark.parametrize("model", [model for model in MODELS.values() if model.int8], ids=lambda m: m.name)
def test_int8_variants_are_the_ones_their_rows_describe(model):
    stored = verified_variant(model.int8).read_bytes()
    assert (len(stored), hashlib.sha256(stored).hexdigest()) == (model.int8.size, model.int8.sha256)
    assert b"QuantizeLinear" in stored
