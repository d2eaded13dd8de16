"""int8 variants of tiny networks: what is quantised, what is not, and what it costs."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from wisp.core.errors import InputError
from wisp.engine.sessions import open_session
from wisp.training import calibration
from wisp.training import export as exporting
from wisp.training.calibration import Case, alpha_cases, cases, mask_cases, patch_cases, samples
from wisp.training.export import Calibration, export, export_checkpoint
from wisp.training.loader import Batch
from wisp.training.quantisation import error_of, quantise
from wisp.training.recipes import TrainedNetwork


class Tiny(nn.Module):
    """Two convolutions, a mean over the map that is added to all of it, and a head."""

    def __init__(self, width=16):
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.pooled = nn.Conv2d(width, width, 1)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, image):
        x = torch.relu(self.second(torch.relu(self.first(image))))
        x = x + torch.relu(self.pooled(x.mean((2, 3), keepdim=True)))
        return torch.sigmoid(20 * self.head(x))


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(3)
    return Tiny().eval()


def images(count, seed=0):
    rng = np.random.default_rng(seed)
    return [{"image": rng.random((1, 3, 32, 48), np.float32)} for _ in range(count)]


@pytest.fixture(scope="module")
def floats(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("floats") / "tiny.onnx"
    export(tiny, {"image": torch.rand(1, 3, 32, 48)}, ["mask"], path, halved=False)
    return path


def true_cases(tiny, count=8):
    with torch.inference_mode():
        truths = [tiny(torch.from_numpy(run["image"])).numpy() for run in images(count, seed=1)]
    return [
        Case(run, truth, np.ones_like(truth))
        for run, truth in zip(images(count, seed=1), truths, strict=True)
    ]


def node_types(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def test_int8_computes_nearly_the_same_in_a_smaller_file(tiny, floats, tmp_path):
    out = tmp_path / "int8.onnx"
    done = quantise(floats, out, images(8))
    assert (done.quantised, done.kept) == (4, 0)
    assert open_session(out, precision="int8").describe().precision == "int8"
    assert error_of(floats, true_cases(tiny)) < 1e-5
    assert 1e-5 < error_of(out, true_cases(tiny)) < 0.02
    weights = [t for t in onnx.load(out).graph.initializer if t.data_type == onnx.TensorProto.INT8]
    assert sum(np.prod(t.dims) for t in weights) >= 16 * 3 * 9 + 16 * 16 * 9


def test_any_size_and_batch_still_runs(floats, tmp_path):
    out = tmp_path / "int8.onnx"
    quantise(floats, out, images(4))
    batch = np.random.default_rng(0).random((3, 3, 33, 17), np.float32)
    assert open_session(out, precision="int8").run({"image": batch})["mask"].shape == (3, 1, 33, 17)


def test_means_read_what_was_there_before_it_was_rounded(floats, tmp_path):
    out = tmp_path / "int8.onnx"
    quantise(floats, out, images(4))
    graph = onnx.load(out).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    (mean,) = [node for node in graph.node if node.op_type == "ReduceMean"]
    assert makers[mean.input[0]] not in ("DequantizeLinear", "QuantizeLinear")
    assert "DequantizeLinear" in makers.values()


def test_what_follows_the_last_convolution_stays_in_floats(floats, tmp_path):
    out = tmp_path / "int8.onnx"
    quantise(floats, out, images(4))
    graph = onnx.load(out).graph
    makers = {name: node for node in graph.node for name in node.output}
    left, passed = [graph.output[0].name], []
    while left:
        node = makers[left.pop()]
        passed.append(node.op_type)
        if node.op_type == "Conv":
            assert makers[node.input[1]].op_type == "DequantizeLinear"  # it is quantised itself
            break
        left += [name for name in node.input if name in makers]
    assert passed[-1] == "Conv"
    assert "DequantizeLinear" not in passed


def test_modules_that_are_named_stay_in_floats(floats, tmp_path):
    out = tmp_path / "int8.onnx"
    done = quantise(floats, out, images(4), keep=["first", "second"])
    assert (done.quantised, done.kept) == (2, 2)
    with pytest.raises(InputError, match="encoder: is no module of the network; first, head, pooled, second"):
        quantise(floats, tmp_path / "no.onnx", images(1), keep=["encoder"])
    assert not (tmp_path / "no.onnx").exists()


def test_without_samples_there_is_nothing_to_calibrate_with(floats, tmp_path):
    with pytest.raises(InputError, match="calibration: has no samples"):
        quantise(floats, tmp_path / "no.onnx", [])


def test_the_error_counts_pixels_as_far_as_they_are_trusted(tiny, floats):
    case = true_cases(tiny, 1)[0]
    half = np.zeros_like(case.truth)
    half[..., :24] = 1
    truth = case.truth.copy()
    truth[..., :24] += 0.25
    truth[..., 24:] += 7
    assert error_of(floats, [Case(case.inputs, truth, half)]) == pytest.approx(0.25, abs=1e-4)
    added = Case(case.inputs, np.clip(case.truth + 0.5, 0, 1), np.ones_like(truth), 0.5)
    assert error_of(floats, [added]) == pytest.approx(0, abs=1e-4)


def discs(count=4, size=96):
    """Samples of a bright disc on noise, as a batch."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing="ij")
    radii = torch.linspace(0.3, 0.7, count).view(-1, 1, 1, 1)
    alpha = ((radii - torch.hypot(x, y)) * size / 8 + 0.5).clamp(0, 1)
    image = 0.6 * alpha + 0.4 * torch.rand(count, 3, size, size, generator=generator)
    return Batch(image, alpha, torch.ones_like(alpha), image, image, torch.ones(count, 1, 1, 1))


class TestSamples:
    def test_they_are_those_to_train_on_and_those_held_out(self, corpus_folder, monkeypatch):
        monkeypatch.setattr(calibration, "HELD_OUT", 8)
        seen = []
        examples = calibration.validation.fixed_examples

        def watched(people, scenes, synthesis, count, leads):
            seen.append((sorted(entry.name for entry in people), len(scenes), count))
            return examples(people, scenes, synthesis, count, leads=leads)

        monkeypatch.setattr(calibration.validation, "fixed_examples", watched)
        photos, held_out = samples([corpus_folder], count=8)
        assert seen == [(["p-0", "p-1", "p-2", "p-3"], 2, 8), (["p-4", "p-5"], 1, 8)]
        assert [len(batch.image) for batch in (*photos, *held_out)] == [8, 8]

    @pytest.mark.parametrize("count", [0, 7, 12])
    def test_a_bad_number_is_refused(self, corpus_folder, count):
        with pytest.raises(InputError, match=f"--samples: is {count}; a multiple of 8"):
            samples([corpus_folder], count=count)

    def test_every_network_gets_its_own_inputs(self):
        batch = discs()
        masks = cases(mask_cases, nn.Identity(), [batch, batch])
        assert len(masks) == 8
        assert {name: x.shape for name, x in masks[0].inputs.items()} == {"image": (1, 3, 96, 96)}
        assert masks[0].truth.shape == masks[0].weight.shape == (1, 1, 96, 96)
        runs, again = (cases(alpha_cases, nn.Identity(), [batch]) for _ in range(2))
        assert [run.inputs["mask"].shape for run in runs] == [(1, 1, 96, 96)] * 4
        for run, same in zip(runs, again, strict=True):
            np.testing.assert_array_equal(run.inputs["mask"], same.inputs["mask"])

    def test_patches_are_of_the_generators_alpha_and_along_its_border(self):
        class Generator(nn.Module):
            def forward(self, image, mask):
                return 8 * mask - 4

        patches = cases(patch_cases, nn.ModuleDict({"generator": Generator()}), [discs()])
        assert len(patches) == 4
        for case in patches:
            count = case.inputs["alpha"].shape[0]
            assert 1 <= count <= 16
            assert case.inputs["image"].shape == (count, 3, 64, 64)
            assert case.truth.shape == case.weight.shape == (count, 1, 64, 64)
            np.testing.assert_array_equal(case.base, case.inputs["alpha"])
            assert (np.ptp(case.base, axis=(1, 2, 3)) > 0.05).all()


class TestExport:
    @pytest.fixture
    def checkpoint(self, tiny, tmp_path, monkeypatch):
        example = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))
        networks = {
            "tiny": TrainedNetwork(
                lambda recipe: Tiny(),
                lambda n: n,
                lambda: {"image": example},
                ("mask",),
                mask_cases,
                ("first",),
            ),
            "plain": TrainedNetwork(
                lambda recipe: Tiny(), lambda n: n, lambda: {"image": example}, ("mask",)
            ),
        }
        monkeypatch.setattr(exporting, "NETWORKS", networks)

        def write(name="tiny"):
            path = tmp_path / "best.pt"
            torch.save({"recipe": json.dumps({"network": name}), "network": tiny.state_dict()}, path)
            return path

        return write

    @pytest.fixture
    def photos(self):
        return Calibration([discs(8, 48)], [discs(6, 48)])

    def test_a_checkpoint_becomes_an_int8_file_with_its_loss(self, checkpoint, photos, tmp_path):
        out = tmp_path / "tiny8.onnx"
        done = export_checkpoint(checkpoint(), out, calibration=photos)
        assert (done.path, done.size) == (out, out.stat().st_size)
        assert (done.loss.quantised, done.loss.kept, done.loss.samples) == (3, 1, 6)
        assert done.loss.before > 0
        assert abs(done.loss.share) < 0.1
        assert "DequantizeLinear" in node_types(out)
        assert [p.name for p in tmp_path.iterdir() if p.suffix == ".onnx"] == ["tiny8.onnx"]

    def test_other_modules_can_be_kept(self, checkpoint, photos, tmp_path):
        photos = replace(photos, keep=[])
        done = export_checkpoint(checkpoint(), tmp_path / "tiny8.onnx", calibration=photos)
        assert done.loss.kept == 0

    def test_a_network_without_an_int8_variant_is_refused(self, checkpoint, photos, tmp_path):
        with pytest.raises(InputError, match="--int8: is not available for plain; tiny are accepted"):
            export_checkpoint(checkpoint("plain"), tmp_path / "no.onnx", calibration=photos)
        assert not (tmp_path / "no.onnx").exists()

    def test_floats_are_written_as_before(self, checkpoint, tmp_path):
        done = export_checkpoint(checkpoint(), tmp_path / "tiny.onnx")
        assert done.loss is None
        assert "DequantizeLinear" not in node_types(tmp_path / "tiny.onnx")


def test_scales_keep_their_precision(tmp_path):
    """Runtimes look for constants there."""
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Conv2d(3, 1100, 1), nn.ReLU(), nn.Conv2d(1100, 1, 1)).eval()
    floats, out = tmp_path / "wide.onnx", tmp_path / "wide8.onnx"
    export(wide, {"image": torch.rand(1, 3, 8, 8)}, ["mask"], floats, halved=False)
    quantise(floats, out, images(2))
    model = onnx.load(out)
    exporting.halve_weights(model)
    scales = {n.input[1] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    stored = {t.name: t for t in model.graph.initializer}
    assert any(np.prod(stored[name].dims) == 1100 for name in scales)
    assert all(stored[name].data_type == onnx.TensorProto.FLOAT for name in scales)
