"""Running an ablation: each variant once, the same settings, tables whatever happens."""

import json
import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch

from wisp.core.errors import InputError
from wisp.data.synthesis import Example
from wisp.evaluation.protocols import Report
from wisp.lab.ablation import Ablation, Row, Table, ablate
from wisp.training.loop import Schedule, Validation

SCHEDULE = Schedule(steps=2, batch=1, warm_up=1, final=1, clip=math.inf, average=0)


@dataclass(frozen=True)
class Recipe:
    """A number to learn."""

    network: str = "toy"
    wanted: float = 1.0
    schedule: Schedule = SCHEDULE


class Samples:
    fields = Example._fields

    def __getitem__(self, index):
        grey = np.zeros((1, 32, 32), np.uint8)
        colour = np.zeros((3, 32, 32), np.uint8)
        return Example(colour, grey, grey, colour, colour, np.ones(1, np.uint8))


class Toy:
    """One parameter that is drawn towards `wanted`; its scores are how far off it is on two pictures."""

    score = "off"
    trained: list[str]

    def __init__(self, recipe, name, trained, fail=False):
        self.recipe, self.name, self.trained, self.fail = recipe, name, trained, fail
        self.source = Samples()
        self.networks = {"toy": torch.nn.Linear(1, 1, bias=False)}
        torch.nn.init.zeros_(self.networks["toy"].weight)

    def optimisers(self, networks):
        return {"toy": torch.optim.SGD(networks["toy"].parameters(), 0.25)}

    def phases(self, step):
        return ("toy",)

    def losses(self, phase, networks, batch):
        self.trained.append(self.name)
        error = (networks["toy"].weight.sum() - self.recipe.wanted) ** 2
        return {"error": error * float("nan") if self.fail else error}

    def validate(self, network, device):
        return Validation({"off": float(network.weight)}, np.zeros((4, 4, 3), np.uint8))

    def measure(self, network, device):
        off = abs(float(network.weight.detach()) - self.recipe.wanted)
        images = {}
        for name, factor in (("a", 1), ("b", 2)):
            images[name] = {"sad": 1.0, "mse": factor * off, "mae": 0.5, "grad": 0.1, "conn": 0.2}
        return Report("whole", images)


def toys(trained, names=("whole", "half"), fail=(), settings=None):
    wanted = {"whole": 1.0, "half": 0.5, "other": 2.0}
    return Ablation(
        trials={
            name: partial(Toy, Recipe(wanted=wanted[name]), name, trained, name in fail) for name in names
        },
        tables=[
            Table("Table 9", (Row("everything", "whole", 1.25), Row("less of it", "half"), Row("?", "other")))
        ],
        reference="whole",
        settings=settings or {"images": 2},
        scored="two pictures",
        groups={"a": "a", "b": "b"},
    )


def run(ablation, out, **options):
    return ablate(ablation, out, workers=0, precision="fp32", **options)


def test_every_variant_is_trained_and_tabled(tmp_path):
    trained = []
    table = run(toys(trained), tmp_path / "run").read_text()
    assert trained == ["whole"] * 2 + ["half"] * 2
    results = json.loads((tmp_path / "run/ablation.json").read_text())
    off = 0.5 * 0.5  # w ← w − 0.5 (w − wanted), twice
    means = {name: result["mean"]["mse"] for name, result in results["variants"].items()}
    assert means == pytest.approx({"whole": 1.5 * off, "half": 0.75 * off})
    difference = results["mse_differences"]["half"]
    assert difference["mean"] == pytest.approx(-0.75 * off)
    assert difference["low"] <= difference["mean"] <= difference["high"]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert rows[2].startswith(f"| everything | 1.25 | {1.5e3 * off:.3g} | 500 | 1 | 0.1 | 0.2 |  |")
    assert rows[3].startswith(f"| less of it |  | {0.75e3 * off:.3g} |")
    assert f"{-0.75e3 * off:+.2f} [" in rows[3]
    assert rows[4] == "| ? |  |  |  |  |  |  |  |"
    assert not (tmp_path / "run/whole/checkpoint.pt").exists()
    assert (tmp_path / "run/whole/best.pt").is_file()


def test_what_is_done_is_not_done_again(tmp_path):
    trained = []
    run(toys(trained, names=("whole",)), tmp_path)
    kept = (tmp_path / "whole.json").read_bytes()
    lines = []
    run(toys(trained), tmp_path, resume=True, report=lines.append)
    assert trained == ["whole"] * 2 + ["half"] * 2
    assert "whole: done already" in lines
    assert (tmp_path / "whole.json").read_bytes() == kept


@pytest.mark.parametrize("scored", [True, False])
def test_an_interrupted_variant_goes_on_where_it_was(tmp_path, scored):
    """Stopped in the middle of its training, or after it and before its scores."""

    class Interrupted(Toy):
        def losses(self, phase, networks, batch):
            if scored and len(self.trained) == 1:
                raise KeyboardInterrupt
            return super().losses(phase, networks, batch)

        def measure(self, network, device):
            raise KeyboardInterrupt

    recipe = Recipe(schedule=replace(Recipe().schedule, checkpoint_every=1))
    trained = []
    ablation = toys(trained, names=("whole",))
    stopped = replace(ablation, trials={"whole": partial(Interrupted, recipe, "whole", trained)})
    with pytest.raises(KeyboardInterrupt):
        run(stopped, tmp_path / "run")
    assert trained == ["whole"] * (1 if scored else 2)
    going_on = replace(ablation, trials={"whole": partial(Toy, recipe, "whole", trained)})
    run(going_on, tmp_path / "run", resume=True)
    assert trained == ["whole"] * 2
    run(replace(going_on), tmp_path / "straight")
    found, expected = (json.loads((tmp_path / f"{x}/whole.json").read_text()) for x in ("run", "straight"))
    assert found == expected


def test_a_loss_that_is_no_number_is_a_result(tmp_path):
    trained = []
    table = run(toys(trained, fail=("whole",)), tmp_path).read_text()
    assert "| everything | 1.25 | failed |" in table
    assert trained == ["whole", "half", "half"]
    results = json.loads((tmp_path / "ablation.json").read_text())
    assert "not finite at step 0" in results["variants"]["whole"]["failed"]
    assert results["mse_differences"] == {}


def test_runs_are_not_mixed(tmp_path):
    trained = []
    with pytest.raises(InputError, match="does not exist; start without --resume"):
        run(toys(trained), tmp_path, resume=True)
    run(toys(trained, names=("whole",)), tmp_path)
    with pytest.raises(InputError, match="holds an ablation already; --resume or another folder"):
        run(toys(trained), tmp_path)
    with pytest.raises(InputError, match="an ablation with another images"):
        run(toys(trained, settings={"images": 3}), tmp_path, resume=True)
    assert trained == ["whole"] * 2
