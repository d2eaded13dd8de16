"""The loop: learning, the same result for the same seed, resuming, files, and refusals."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from wisp.core.errors import InputError
from wisp.data.synthesis import Example
from wisp.training import loop, losses
from wisp.training.loop import Schedule, Validation, fit, uses_bf16

SCHEDULE = Schedule(steps=6, batch=2, warm_up=2, validate_every=3, checkpoint_every=3, seed=5)


@dataclass(frozen=True)
class ToyRecipe:
    network: str = "toy"
    width: int = 4


class Squares:
    """A bright square on dark; alpha is the square."""

    fields = Example._fields

    def __getitem__(self, index):
        rng = np.random.default_rng(index)
        alpha = np.zeros((1, 16, 16), np.uint8)
        y, x = rng.integers(0, 8, 2)
        alpha[:, y : y + 8, x : x + 8] = 255
        image = np.repeat(alpha, 3, 0) // 2 + rng.integers(0, 40, (3, 16, 16)).astype(np.uint8)
        return Example(image, alpha, np.full_like(alpha, 255), image, image, np.array([1], np.uint8))


class Damaged(Squares):
    """Samples of a photo that cannot be read."""

    def __getitem__(self, index):
        raise InputError("photo.jpg", "is damaged", "a whole file is accepted")


class ToyTask:
    score = "mae"

    def __init__(self, recipe=None, rate=0.05):
        self.recipe, self.rate, self.source = recipe or ToyRecipe(), rate, Squares()
        torch.manual_seed(0)
        width = self.recipe.width
        layers = nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.1)
        self.networks = {"toy": nn.Sequential(*layers, nn.Conv2d(width, 1, 1))}

    def optimisers(self, networks):
        return {"toy": torch.optim.Adam(networks["toy"].parameters(), self.rate)}

    def phases(self, step):
        return ("toy",)

    def losses(self, phase, networks, batch):
        prediction = networks[phase](batch.image).float().sigmoid()
        return {"l1": losses.l1(prediction, batch.alpha, batch.weight)}

    def validate(self, network, device):
        examples = [Squares()[i] for i in range(100, 104)]
        with torch.inference_mode():
            prediction = network(torch.stack([torch.from_numpy(e.image) for e in examples]) / 255.0).sigmoid()
        truth = torch.stack([torch.from_numpy(e.alpha) for e in examples]) / 255
        sheet = (prediction[0, 0] * 255).byte().numpy()
        return Validation(
            {"mae": float((prediction - truth).abs().mean())}, np.repeat(sheet[..., None], 3, 2)
        )


def weights(path):
    return torch.load(path, weights_only=True)["network"]


def run(folder, schedule=SCHEDULE, task=None, **options):
    return fit(task or ToyTask(), schedule, folder, workers=0, precision="fp32", **options)


def test_learns_and_leaves_curves_sheets_and_history(tmp_path):
    lines = []
    run(tmp_path / "run", replace(SCHEDULE, steps=60, batch=8, validate_every=20), report=lines.append)
    history = json.loads((tmp_path / "run/history.json").read_text())
    scores = [row["score/mae"] for row in history if "score/mae" in row]
    assert len(scores) == 3
    assert scores[-1] < 0.6 * scores[0]
    assert any("min left" in line for line in lines)
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "best.pt",
        "checkpoint.pt",
        "curves.png",
        "history.json",
        "last.pt",
        "sheet-0000020.png",
        "sheet-0000040.png",
        "sheet-0000060.png",
    ]


def test_samples_can_be_shown_again(tmp_path):
    class Counting(Squares):
        made = 0

        def __getitem__(self, index):
            Counting.made += 1
            return super().__getitem__(index)

    task = ToyTask()
    task.source = Counting()
    run(tmp_path / "run", replace(SCHEDULE, steps=12, batch=4, views=3), task=task)
    assert Counting.made == 16  # a third of 48
    assert not (tmp_path / "run/samples").exists()


def test_same_seed_same_weights_other_seed_others(tmp_path):
    a, b = weights(run(tmp_path / "a")), weights(run(tmp_path / "b"))
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=0)
    c = weights(run(tmp_path / "c", replace(SCHEDULE, seed=6)))
    assert any((a[name] != c[name]).any() for name in a)


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path):
    class StopError(Exception):
        pass

    def stop(line):
        if line.startswith("step 3 "):
            raise StopError

    whole = run(tmp_path / "whole", replace(SCHEDULE, validate_every=2))
    with pytest.raises(StopError):  # after the checkpoint of step 2, before that of step 4
        run(
            tmp_path / "halves",
            replace(SCHEDULE, validate_every=3, checkpoint_every=2),
            report=stop,
        )
    run(tmp_path / "halves", replace(SCHEDULE, validate_every=2), resume=True)
    last = [torch.load(p.parent / "checkpoint.pt", weights_only=True) for p in (whole, tmp_path / "halves/x")]
    for part in ("networks", "averaged"):
        a, b = (state[part]["toy"] if part == "networks" else state[part] for state in last)
        for name in a:
            torch.testing.assert_close(a[name], b[name], rtol=0, atol=0)


def test_refuses_to_overwrite_a_run_or_to_resume_nothing_or_another(tmp_path):
    run(tmp_path / "run")
    with pytest.raises(InputError, match="exists already"):
        run(tmp_path / "run")
    with pytest.raises(InputError, match="does not exist"):
        run(tmp_path / "other", resume=True)
    with pytest.raises(InputError, match="belongs to another recipe"):
        run(tmp_path / "run", task=ToyTask(ToyRecipe(width=8)), resume=True)


@dataclass(frozen=True)
class PlannedRecipe(ToyRecipe):
    schedule: Schedule = SCHEDULE


def planned(steps, **changes):
    recipe = PlannedRecipe(schedule=replace(SCHEDULE, steps=steps, **changes))
    return {"schedule": recipe.schedule, "task": ToyTask(recipe)}


def test_a_run_is_lengthened_as_if_it_had_been_longer_from_there(tmp_path):
    run(tmp_path / "run", **planned(6))
    lines = []
    run(tmp_path / "run", **planned(12), resume=True, report=lines.append)
    state = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)
    assert state["step"] == 12
    assert state["optimisers"]["toy"]["param_groups"][0]["lr"] == 0.05 * Schedule(12, 2, 2).rate(11)
    share = Schedule(12, 2, 2).rate(6)
    assert share > 0.6
    assert lines[0] == (
        f"goes on at step 6 for 12 steps in all instead of 6: the rate is {share:.3g} of its first value "
        "there and ends at 0.02"
    )


def test_a_run_that_goes_on_with_other_photos_says_so(tmp_path):
    class Inverted(Squares):
        def __getitem__(self, index):
            example = super().__getitem__(index)
            return example._replace(image=255 - example.image)

    run(tmp_path / "run", replace(SCHEDULE, steps=3))
    said = []
    run(tmp_path / "run", replace(SCHEDULE, steps=4), resume=True, report=said.append)
    assert not any("first sample is another" in line for line in said)
    task = ToyTask()
    task.source = Inverted()
    run(tmp_path / "run", replace(SCHEDULE, steps=5), task=task, resume=True, report=said.append)
    assert sum("first sample is another" in line for line in said) == 1


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sample_that_cannot_be_made_is_told_as_what_it_is(tmp_path, workers):
    task = ToyTask()
    task.source = Damaged()
    with pytest.raises(InputError, match=r"^photo\.jpg: is damaged; a whole file is accepted$"):
        fit(task, SCHEDULE, tmp_path / "run", workers=workers)


def test_a_run_is_not_shortened_to_less_than_it_has_done(tmp_path):
    run(tmp_path / "run", **planned(6))
    with pytest.raises(InputError, match=r"^--steps: is 4, and 6 have been taken; more are accepted$"):
        run(tmp_path / "run", **planned(4), resume=True)


def test_another_recipe_is_told_setting_by_setting(tmp_path):
    run(tmp_path / "run", **planned(6))
    changed = PlannedRecipe(width=8, schedule=replace(SCHEDULE, seed=7, patience=2, steps=9))
    with pytest.raises(InputError) as caught:
        run(tmp_path / "run", changed.schedule, ToyTask(changed), resume=True)
    assert str(caught.value).splitlines()[1:] == [
        "  schedule.patience: off there, 2 now",
        "  schedule.seed: 5 there, 7 now",
        "  width: 4 there, 8 now",
    ]


@dataclass(frozen=True)
class LaterRecipe(PlannedRecipe):
    chance: float = 0.0


def test_a_setting_that_is_new_and_off_is_no_other_recipe(tmp_path):
    run(tmp_path / "run", **planned(6))
    later = LaterRecipe(schedule=replace(SCHEDULE, steps=8))
    run(tmp_path / "run", later.schedule, ToyTask(later), resume=True)
    assert torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["step"] == 8
    with pytest.raises(InputError, match=r"chance: 0.0 there, 0.5 now"):
        run(tmp_path / "run", later.schedule, ToyTask(replace(later, chance=0.5)), resume=True)


@pytest.mark.parametrize(("seconds", "steps"), [(1.0, [2, 4, 6, 8]), (3.0, [2, 8])])
def test_a_validation_that_takes_long_waits_until_it_is_a_tenth(seconds, steps, tmp_path, monkeypatch):
    clock = [0.0]

    class Slow(ToyTask):
        def losses(self, phase, networks, batch):
            clock[0] += 1.0
            return super().losses(phase, networks, batch)

        def validate(self, network, device):
            clock[0] += seconds
            return super().validate(network, device)

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    lines = []
    run(tmp_path / "run", replace(SCHEDULE, steps=8, validate_every=2), Slow(), report=lines.append)
    history = json.loads((tmp_path / "run/history.json").read_text())
    assert [row["step"] for row in history if "score/mae" in row] == steps
    assert sum("put off" in line for line in lines) == (0 if seconds < 2 else 1)


def test_a_validation_comes_again_once_training_has_taken_nine_times_as_long(tmp_path, monkeypatch):
    clock = [0.0]

    class Slow(ToyTask):
        def losses(self, phase, networks, batch):
            clock[0] += 9.0
            return super().losses(phase, networks, batch)

        def validate(self, network, device):
            clock[0] += 3.0
            return super().validate(network, device)

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    run(tmp_path / "run", replace(SCHEDULE, steps=7, validate_every=1), Slow())
    history = json.loads((tmp_path / "run/history.json").read_text())
    assert [row["step"] for row in history if "score/mae" in row] == [1, 4, 7]


def test_a_run_of_long_steps_is_kept_and_told_of_by_the_clock(tmp_path, monkeypatch):
    clock = [0.0]

    class StopError(Exception):
        pass

    class Slow(ToyTask):
        def losses(self, phase, networks, batch):
            clock[0] += 130.0
            if clock[0] > 8 * 130:
                raise StopError
            return super().losses(phase, networks, batch)

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    lines = []
    schedule = replace(SCHEDULE, steps=50, validate_every=50, checkpoint_every=50)
    with pytest.raises(StopError):
        run(tmp_path / "run", schedule, Slow(), report=lines.append)
    assert [line.split("/")[0] for line in lines] == [f"step {k}" for k in range(1, 9)]
    assert torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["step"] == 6
    assert [row["step"] for row in json.loads((tmp_path / "run/history.json").read_text())] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert {"last.pt", "curves.png"} <= {path.name for path in (tmp_path / "run").iterdir()}


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    with pytest.raises(FloatingPointError, match="not finite"):
        run(
            tmp_path / "run",
            replace(SCHEDULE, warm_up=1, clip=1e30, steps=20),
            task=ToyTask(rate=float("inf")),
        )
    assert not (tmp_path / "run/best.pt").exists()


@pytest.mark.parametrize("native", [True, False])
def test_precision_follows_the_cpu_unless_told(native, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: native, raising=False)
    assert uses_bf16("auto") is native
    assert uses_bf16("bf16")
    assert not uses_bf16("fp32")


def test_rate_rises_then_falls_along_a_cosine():
    schedule = Schedule(steps=110, warm_up=10, final=0.1)
    rates = [schedule.rate(step) for step in range(110)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == pytest.approx(1)
    assert rates[60] == pytest.approx(0.55)
    assert rates[109] == pytest.approx(0.1, abs=1e-3)
    assert rates[10:] == sorted(rates[10:], reverse=True)
