"""The recipes of DLMN-G: terms, learning, export, refusals."""

from dataclasses import replace

import pytest
import torch

from contracts import RecipeContract
from tiny_corpus import first_batch
from wisp.core.errors import InputError
from wisp.networks.dlmn import Prediction
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.training.export import export_checkpoint, load_checkpoint
from wisp.training.loop import Schedule, fit
from wisp.training.recipes.dlmn import DLMNTask, dlmn_terms, network
from wisp.training.recipes.dlmn_recipes import Coefficients, MobileRecipe, PaperRecipe

pytestmark = pytest.mark.usefixtures("red_is_subject")


@pytest.fixture
def mobile():
    base = MobileRecipe(width=4, rate=5e-3, encoder_rate=2e-3, examples=8)
    synthesis = replace(base.synthesis, size=64, pair=0.0, hair=0.0)
    schedule = Schedule(steps=40, batch=4, warm_up=4, validate_every=40, checkpoint_every=20, average=0.8)
    return replace(base, synthesis=synthesis, schedule=schedule)


@pytest.fixture
def paper():
    base = PaperRecipe(widths=(4, 6, 8), blocks=(1, 1), pair=4, examples=2)
    return replace(
        base,
        synthesis=replace(base.synthesis, size=64, pair=0.0),
        schedule=replace(base.schedule, steps=2, batch=2, validate_every=2),
    )


def test_loss_falls_and_the_exports_equal_the_network(mobile, photos, tmp_path):
    lines: list[str] = []
    task = DLMNTask(mobile, *photos)
    untrained = task.validate(task.networks["dlmn"], torch.device("cpu")).scores
    best = fit(task, mobile.schedule, tmp_path / "run", workers=0, report=lines.append)
    found = [float(line.split(" alpha ")[1].split()[0]) for line in lines if "min left" in line]
    assert len(found) == 2
    assert found[-1] < 0.9 * found[0]
    trained = task.validate(load_checkpoint(best)[-1], torch.device("cpu")).scores
    assert trained["mae"] < untrained["mae"]

    for part in (None, "dlmn-alpha"):
        done = export_checkpoint(best, tmp_path / f"{part}.onnx", part=part)
        assert done.difference < 1e-3
        assert done.rounding < 1 / 255
    with pytest.raises(InputError, match="dlmn and dlmn-alpha are accepted"):
        export_checkpoint(best, tmp_path / "x.onnx", part="ssrn")


def test_the_papers_network_trains_and_exports(paper, photos, tmp_path):
    best = fit(DLMNTask(paper, *photos), paper.schedule, tmp_path / "run", workers=0)
    assert export_checkpoint(best, tmp_path / "paper.onnx").difference < 1e-3


def test_a_run_begins_with_an_earlier_ones_weights(mobile, photos, tmp_path):
    short = replace(mobile, schedule=replace(mobile.schedule, steps=1, batch=2))
    best = fit(DLMNTask(short, *photos), short.schedule, tmp_path / "run", workers=0)
    task = DLMNTask(mobile, *photos, start=best)
    kept = load_checkpoint(best)[-1].state_dict()
    for name, values in task.networks["dlmn"].state_dict().items():
        assert torch.equal(values, kept[name]), name
    with pytest.raises(InputError, match="holds another network"):
        DLMNTask(replace(mobile, width=8), *photos, start=best)


def test_a_perfect_prediction_costs_nothing(mobile, photos):
    batch = first_batch(DLMNTask(mobile, *photos), 8)
    exact = batch.exact.flatten() > 0
    clean = batch.alpha * batch.foreground + (1 - batch.alpha) * batch.background
    batch = replace(batch, image=torch.where(batch.exact > 0, clean, batch.image))
    logits = torch.logit(batch.alpha, eps=1e-6)
    terms = dlmn_terms(Coefficients(), Prediction(logits, batch.foreground), batch)
    assert set(terms) == {"alpha", "gradient", "foreground", "composition"}
    assert max(float(term) for term in terms.values()) < 1e-4
    assert exact.any()
    assert not exact.all()
    only = dlmn_terms(Coefficients(1, 0, 0, 0), Prediction(torch.zeros_like(logits), batch.foreground), batch)
    assert set(only) == {"alpha"}


def test_layers_count_only_where_they_are_known(mobile, photos):
    batch = first_batch(DLMNTask(mobile, *photos), 8)
    logits = torch.logit(batch.alpha, eps=1e-6)
    real = batch.exact.expand_as(batch.foreground) == 0
    wrong = torch.where(real, 1 - batch.foreground, batch.foreground)
    terms = dlmn_terms(Coefficients(), Prediction(logits, wrong), batch)
    right = dlmn_terms(Coefficients(), Prediction(logits, batch.foreground), batch)
    assert float(terms["foreground"]) == pytest.approx(float(right["foreground"]))
    assert float(terms["composition"]) == pytest.approx(float(right["composition"]))


def test_encoder_weights(mobile, paper, tmp_path):
    encoder = MobileNetV2()
    torch.save(
        {k: v for k, v in encoder.state_dict().items() if k not in ("mean", "std")}, tmp_path / "m.pth"
    )
    built = network(mobile, tmp_path / "m.pth")
    assert torch.equal(
        built.image.encoder.features[3].conv[0][0].weight, encoder.features[3].conv[0][0].weight
    )
    built.train()
    assert not built.image.encoder.features[3].conv[0][1].training
    assert built.image.stem[1].training
    with pytest.raises(InputError, match="is no option of the paper's network"):
        network(paper, tmp_path / "m.pth")


class TestContract(RecipeContract):
    recipe = MobileRecipe()
