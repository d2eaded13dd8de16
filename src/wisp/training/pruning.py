"""Pruned variants of trained networks: fewer channels that compute nearly the same, without training.

He, Zhang, Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks" (ICCV): of a layer's inputs
those channels stay from which its results are explained best, by linear regression on samples, and its
weights are fitted to them anew. Here it goes from the last layer backwards, so that each need only yield the
channels that the next one has kept, and channels are chosen one after the other, each time the one that
explains most of what is left, instead of by LASSO.

What a portrait network's last layers do at stride 1 the lean one does at stride 2 in the same way: a
convolution of a map enlarged by two, and of the picture itself, is one of the map and of the picture's 2×2
pixels. So nothing is lost by that but the outermost row of pixels, and regression finds the weights
(docs/decisions/026).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from wisp.core.errors import InputError
from wisp.data import datasets, layouts, synthesis
from wisp.data.initial_alphas import InitialAlphas, WithInitialAlpha
from wisp.networks.deeplab import DeepLabV3Plus
from wisp.networks.encoders.mobilenetv2 import MobileNetV2
from wisp.networks.portrait import Decoder, Portrait, portrait_mobile
from wisp.training import validation
from wisp.training.freezing import folded
from wisp.training.loader import Batch, batches, to_batch

SAMPLES: Final = 480
"""To fit on: half of them as networks are trained on, half as they are validated on."""
HELD_OUT: Final = 32
"""To tell the difference on, as networks are validated on."""
INITIAL_ALPHAS: Final = InitialAlphas(shares=(0.4, 0.3, 0.3))
"""Initial alphas of a portrait network's samples."""
DECODER: Final = 128
"""Channels of a lean segmenter's decoder."""
SOFT: Final = 900
ANYWHERE: Final = 500
"""Places of a sample's map that count, at most: where the alpha is soft, and anywhere."""
CALM: Final = 0.1
"""Weight of a place whose alpha is 0 or 1, where one of alpha ½ counts 1."""
RIDGE: Final = 1e-7
"""Added to the diagonal of the normal equations, as a share of its mean."""

Weights: TypeAlias = tuple[Tensor, Tensor]
"""Of a convolution: weight (outputs, inputs, k, k) and bias (outputs)."""


@dataclass(frozen=True)
class Samples:
    """Samples that a pruned variant is made with, one at a time, with initial alphas.

    Attributes:
        fitted: to fit on.
        held_out: of other people, to tell the difference on.
    """

    fitted: Iterable[Batch]
    held_out: Iterable[Batch]


def samples(
    data: Sequence[Path], *, names: Path | None = None, backgrounds: Path | None = None, count: int = SAMPLES
) -> Samples:
    """Samples of the training photos, and of those held out.

    Args:
        data: as `wisp.data.layouts.split_folders` takes it.
        names: file with the names of the photos to take; None for all.
        backgrounds: photos without people; ``backgrounds/`` in the first folder when None.
        count: how many to fit on.

    Raises:
        InputError: as `split_folders` and `wisp.data.datasets.backgrounds`.
    """
    people, others = layouts.split_folders(data, names=names)
    scenes, elsewhere = datasets.hold_out(datasets.backgrounds(backgrounds or data[0] / "backgrounds"))
    rough, calm = synthesis.FINE, validation.calm(synthesis.FINE)

    def made(sources: Sequence[tuple[synthesis.Samples, int]]) -> Iterator[Batch]:
        for source, number in sources:
            with_initial = WithInitialAlpha(source, INITIAL_ALPHAS)
            for tensors in batches(with_initial, batch=1, first=0, count=number, workers=0):
                yield to_batch(tensors, torch.device("cpu"))

    half = count // 2
    return Samples(
        made([(synthesis.Samples(people, scenes, kind), half) for kind in (rough, calm)]),
        made([(synthesis.Samples(others, elsewhere, calm), HELD_OUT)]),
    )


def prune(
    name: str, recipe: Mapping[str, Any], network: nn.Module, given: Samples
) -> tuple[Mapping[str, Any], nn.Module, float]:
    """The pruned variant of a network.

    Args:
        name: its key in `wisp.training.recipes.NETWORKS`.
        recipe: what it is built from.
        network: the trained one, in evaluation mode afterwards.
        given: what to make it with.

    Returns:
        What the lean one is built from, it, and the mean absolute difference between the two networks' alphas
        on what is held out.

    Raises:
        InputError: there is none of this network, or it is lean already.
    """
    network.eval()
    changes: Mapping[str, Any]
    built: nn.Module
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(validation.SEED)
        if isinstance(network, DeepLabV3Plus) and network.head.in_channels > DECODER:
            built, changes = prune_segmenter(network, given.fitted, DECODER), {"decoder": DECODER}
        elif isinstance(network, Portrait) and "widths" not in recipe and not recipe.get("lean"):
            built, changes = prune_portrait(network, given.fitted, recipe["width"]), {"lean": True}
        else:
            accepted = "a segmenter or a compact portrait network that is not lean yet is accepted"
            raise InputError("--lean", f"is not available for this {name}", accepted)
        differences = [
            float((_alpha(network, batch) - _alpha(built, batch)).abs().mean()) for batch in given.held_out
        ]
    return {**recipe, **changes}, built, sum(differences) / len(differences)


def prune_segmenter(network: DeepLabV3Plus, given: Iterable[Batch], decoder: int) -> DeepLabV3Plus:
    """A segmenter with a narrower decoder.

    Args:
        network: the trained one, in evaluation mode.
        given: samples to fit on.
        decoder: channels to keep.
    """
    first, second = network.decoder[0], network.decoder[1]
    assert isinstance(first, nn.Sequential)
    assert isinstance(second, nn.Sequential)
    context = network.aspp.project[0]
    assert isinstance(context, nn.Sequential)
    joined, result = Regression(1), Regression(1)
    last = Regression(1)
    with _watched(network.head, first[3], first[4], second[3], second[4]) as seen:
        for batch in given:
            logits = network(batch.image)
            for regression, inputs, outputs in (
                (last, seen[network.head].inputs, seen[network.head].outputs),
                (result, seen[second[3]].inputs, seen[second[4]].outputs),
                (joined, seen[first[3]].inputs, seen[first[4]].outputs),
            ):
                regression.add(inputs, outputs, logits)
    low = _convolution(first[3]).in_channels - _convolution(context[0]).out_channels
    kept2 = last.choose(decoder)
    kept1 = result.choose(decoder, kept2)
    kept0 = joined.choose(decoder, kept1, fixed=low)

    built = DeepLabV3Plus(MobileNetV2(output_stride=16), network.aspp.width, decoder).eval()
    state = _shared(built, network)
    _put(state, "head", last.fit(kept2))
    _put(state, "decoder.1.3", result.fit(kept1, kept2), "decoder.1.4")
    _put(state, "decoder.1.0", _rows(_fused(second[0], second[1]), kept1), "decoder.1.1")
    _put(state, "decoder.0.3", joined.fit(kept0, kept1), "decoder.0.4")
    _put(state, "decoder.0.0", _rows(_fused(first[0], first[1]), kept0), "decoder.0.1")
    _put(state, "aspp.project.0.0", _rows(_fused(context[0], context[1]), kept0[:-low]), "aspp.project.0.1")
    built.load_state_dict(state)
    return built


def prune_portrait(network: Portrait, given: Iterable[Batch], width: int) -> Portrait:
    """A portrait network with a lean decoder; its refinement stays as it is.

    Args:
        network: the trained compact one, in evaluation mode.
        given: samples to fit on, with initial alphas.
        width: of `portrait_mobile`.
    """
    generator, decoder = network.generator, network.generator.decoder
    assert isinstance(decoder, Decoder)
    blocks = [_sequence(block) for block in decoder.blocks]
    encoders = (generator.content, generator.segmentation)
    stems = [_sequence(encoder.get_submodule("stem")) for encoder in encoders]
    last = len(blocks) - 1
    regressions = [Regression(3) for _ in range(len(blocks) + 1)]
    parts = [part for block in blocks for part in (block, block[0], block[1])]
    with _watched(*parts, *stems, decoder.head) as seen:
        for batch in given:
            assert batch.mask is not None
            logits = generator(batch.image, batch.mask)
            for index in range(1, last):
                regressions[index].add(seen[blocks[index][0]].inputs, seen[blocks[index][1]].outputs, logits)
            pixels = [functional.pixel_unshuffle(seen[stem].outputs, 2) for stem in stems]
            regressions[last].add(
                torch.cat([seen[blocks[last - 1]].outputs, *pixels], 1),
                functional.pixel_unshuffle(seen[blocks[last][1]].outputs, 2),
                logits,
            )
            regressions[-1].add(
                functional.pixel_unshuffle(seen[blocks[last]].outputs, 2),
                functional.pixel_unshuffle(seen[decoder.head].outputs, 2),
                logits,
            )

    built = portrait_mobile(width, lean=True).eval()
    state = _shared(built, network)
    place = "generator.decoder"
    narrow = built.generator.decoder
    assert isinstance(narrow, Decoder)
    widths = [_convolution(_sequence(block)[0]).out_channels for block in narrow.blocks]
    kept = regressions[-1].choose(widths[last])
    _put(state, f"{place}.head", regressions[-1].fit(kept))
    for index in range(last, 0, -1):
        before = _convolution(blocks[index - 1][0]).out_channels
        fixed = regressions[index].channels - before
        chosen = regressions[index].choose(widths[index - 1], kept, fixed=fixed)
        weights = regressions[index].fit(chosen, kept)
        _put(state, f"{place}.blocks.{index}.0", weights, f"{place}.blocks.{index}.1")
        kept = chosen[:-fixed]
    _put(state, f"{place}.blocks.0.0", _rows(_fused(blocks[0][0], blocks[0][1]), kept), f"{place}.blocks.0.1")
    for name, stem in zip(("content", "segmentation"), stems, strict=True):
        weights = _of_two_by_two(_fused(stem[0], stem[1]))
        _put(state, f"generator.{name}.stem.0", weights, f"generator.{name}.stem.1")
    built.load_state_dict(state)
    return built


@dataclass
class Regression:
    """The normal equations of a convolution: its results, linear in what it sees around each place.

    Attributes:
        kernel: its side.
        channels: how many it sees; known after the first samples.
    """

    kernel: int
    channels: int = field(default=0, init=False)
    _gram: Tensor = field(default_factory=lambda: torch.zeros(0), init=False)
    _cross: Tensor = field(default_factory=lambda: torch.zeros(0), init=False)

    def add(self, inputs: Tensor, outputs: Tensor, logits: Tensor) -> None:
        """Count a sample in.

        Args:
            inputs: (1, C, h, w).
            outputs: (1, K, h, w), before the nonlinearity.
            logits: the network's, (1, 1, H, W): places whose alpha is soft count more.
        """
        alpha = torch.sigmoid(
            functional.adaptive_avg_pool2d(logits, (inputs.shape[2], inputs.shape[3]))
        ).flatten()
        softness = 4 * alpha * (1 - alpha)
        soft = torch.nonzero(softness > CALM)[:, 0]
        places = torch.cat([soft[torch.randperm(len(soft))[:SOFT]], torch.randperm(len(softness))[:ANYWHERE]])
        seen = functional.unfold(inputs, self.kernel, padding=self.kernel // 2)[0].T[places].double()
        seen = torch.cat([torch.ones_like(seen[:, :1]), seen], 1)
        weighted = softness[places, None].clamp_min(CALM) * seen
        gram, cross = weighted.T @ seen, weighted.T @ outputs[0].flatten(1).T[places].double()
        if self.channels:
            gram, cross = gram + self._gram, cross + self._cross
        self.channels, self._gram, self._cross = inputs.shape[1], gram, cross

    def choose(self, count: int, outputs: Sequence[int] | None = None, *, fixed: int = 0) -> list[int]:
        """The channels that explain most, in order.

        Args:
            count: how many.
            outputs: what is to be explained; everything when None.
            fixed: so many of the last channels stay in any case, beside them.
        """
        gram, cross = self._ridged(), self._of(outputs)
        free = self.channels - fixed
        taken = [0, *self._columns(range(free, self.channels))]
        left = list(range(free))
        chosen: list[int] = []
        for _ in range(count):
            # What is explained already is taken out of what is left: a Schur complement.
            solved = torch.linalg.solve(gram[taken][:, taken], torch.cat([gram[taken], cross[taken]], 1))
            coupling = gram[:, taken]
            gram = gram - coupling @ solved[:, : len(gram)]
            cross = cross - coupling @ solved[:, len(gram) :]
            columns = torch.tensor([self._columns([channel]) for channel in left])
            own = gram[columns[:, :, None], columns[:, None, :]]
            own = own + RIDGE * self._scale() * torch.eye(own.shape[1], dtype=own.dtype)
            gains = (cross[columns] * torch.linalg.solve(own, cross[columns])).sum((1, 2))
            best = left.pop(int(gains.argmax()))
            chosen.append(best)
            taken = self._columns([best])
        return [*sorted(chosen), *range(free, self.channels)]

    def fit(self, channels: Sequence[int], outputs: Sequence[int] | None = None) -> Weights:
        """The convolution of those channels that comes nearest to the outputs."""
        columns = [0, *self._columns(channels)]
        found = torch.linalg.solve(self._ridged()[columns][:, columns], self._of(outputs)[columns]).float()
        weight = found[1:].T.reshape(-1, len(channels), self.kernel, self.kernel)
        return weight.contiguous(), found[0].clone()

    def _columns(self, channels: Iterable[int]) -> list[int]:
        taps = self.kernel * self.kernel
        return [1 + taps * channel + tap for channel in channels for tap in range(taps)]

    def _of(self, outputs: Sequence[int] | None) -> Tensor:
        return self._cross if outputs is None else self._cross[:, list(outputs)]

    def _scale(self) -> float:
        return float(self._gram.diagonal().mean())

    def _ridged(self) -> Tensor:
        return self._gram + RIDGE * self._scale() * torch.eye(len(self._gram), dtype=self._gram.dtype)


@dataclass
class _Seen:
    """A module's last input and output."""

    inputs: Tensor
    outputs: Tensor


@contextmanager
def _watched(*modules: nn.Module) -> Iterator[Mapping[nn.Module, _Seen]]:
    """Record what goes in and out of modules, while the block runs."""
    seen: dict[nn.Module, _Seen] = {}

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        seen[module] = _Seen(inputs[0], outputs)

    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _alpha(network: nn.Module, batch: Batch) -> Tensor:
    if isinstance(network, Portrait):
        return torch.sigmoid(network.generator(batch.image, batch.mask))
    return torch.sigmoid(network(batch.image))


def _shared(built: nn.Module, network: nn.Module) -> dict[str, Tensor]:
    """The state of `built`, with what the other network has in the same shape."""
    theirs = network.state_dict()
    return {
        key: theirs[key] if key in theirs and theirs[key].shape == own.shape else own
        for key, own in built.state_dict().items()
    }


def _put(state: dict[str, Tensor], convolution: str, weights: Weights, norm: str | None = None) -> None:
    """Set a convolution; if a batch norm follows, it adds the bias and does nothing else."""
    weight, bias = weights
    state[f"{convolution}.weight"] = weight
    if norm is None:
        state[f"{convolution}.bias"] = bias
    else:
        state |= {f"{norm}.{key}": value for key, value in folded(bias, nn.BatchNorm2d(1).eps).items()}


def _fused(convolution: nn.Module, norm: nn.Module) -> Weights:
    """A convolution and the batch norm after it as one."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    bias = norm.bias - norm.running_mean * scale
    return _convolution(convolution).weight * scale[:, None, None, None], bias


def _rows(weights: Weights, outputs: Sequence[int]) -> Weights:
    weight, bias = weights
    return weight[list(outputs)], bias[list(outputs)]


def _of_two_by_two(weights: Weights) -> Weights:
    """A 3×3 convolution's results at each 2×2 pixels, in the order of `pixel_unshuffle`: 4×4, stride 2."""
    weight, bias = weights
    outputs, inputs = weight.shape[:2]
    wide = weight.new_zeros(outputs, 2, 2, inputs, 4, 4)
    for y in range(2):
        for x in range(2):
            wide[:, y, x, :, y : y + 3, x : x + 3] = weight
    return wide.reshape(4 * outputs, inputs, 4, 4), bias.repeat_interleave(4)


def _convolution(module: nn.Module) -> nn.Conv2d:
    assert isinstance(module, nn.Conv2d)
    return module


def _sequence(module: nn.Module) -> nn.Sequential:
    assert isinstance(module, nn.Sequential)
    return module
