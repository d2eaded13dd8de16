"""Losses as pure functions of (N, 1, H, W) tensors; each is a mean over the trusted pixels.

A training step names its terms: see `wisp.training.loop.Terms`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` under `weight`, both (N, C, H, W) or broadcast to it; 0 where nothing is trusted."""
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def l1(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute difference of two alphas in [0, 1]."""
    return weighted_mean((prediction - truth).abs(), weight)


def binary_cross_entropy(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy in nats between a soft truth in [0, 1] and the sigmoid of `logits`."""
    return weighted_mean(functional.binary_cross_entropy_with_logits(logits, truth, reduction="none"), weight)


def soft_iou(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """1 − intersection over union of soft masks, each picture by itself; a mean over those with a subject.

    Intersection is Σ w·p·t and union Σ w·(p + t − p·t); pictures whose trusted truth is empty are left out:
    for them the ratio says nothing of how much was found.

    Source: Rahman and Wang 2016, "Optimizing Intersection-Over-Union in Deep Neural Networks".

    Args:
        prediction: in [0, 1], (N, C, H, W).
        truth: the true mask.
        weight: trust, broadcast to it.
    """
    both = (prediction * truth * weight).sum((2, 3))
    either = ((prediction + truth - prediction * truth) * weight).sum((2, 3))
    there = ((truth * weight).sum((2, 3)) > 1).to(prediction.dtype)
    return ((1 - both / either.clamp_min(1e-6)) * there).sum() / there.sum().clamp_min(1)


def dissimilarity(prediction: Tensor, truth: Tensor, weight: Tensor, window: int = 11) -> Tensor:
    """1 − structural similarity of two masks at half their size, a mean over trusted pixels.

    Source: Wang et al. 2004, "Image Quality Assessment", with a flat window; constants for values in [0, 1].
    Pictures of less than two windows a side are compared at their own size.

    Args:
        prediction: in [0, 1], (N, C, H, W).
        truth: the true mask.
        weight: trust, broadcast to it.
        window: side in pixels of the halved pictures, odd.
    """
    x, y, trust = (functional.avg_pool2d(t, 2) if min(t.shape[2:]) >= 2 * window else t
                   for t in (prediction, truth, weight.expand_as(truth)))  # fmt: skip

    def mean(t: Tensor) -> Tensor:
        rows = functional.avg_pool2d(t, (1, window), 1, (0, window // 2), count_include_pad=False)
        return functional.avg_pool2d(rows, (window, 1), 1, (window // 2, 0), count_include_pad=False)

    mx, my, mxx, myy, mxy = mean(torch.cat([x, y, x * x, y * y, x * y], 1)).chunk(5, 1)
    top = (2 * mx * my + 1e-4) * (2 * (mxy - mx * my) + 9e-4)
    bottom = (mx * mx + my * my + 1e-4) * (mxx - mx * mx + myy - my * my + 9e-4)
    return weighted_mean(1 - top / bottom, trust)


def laplacian_pyramid(prediction: Tensor, truth: Tensor, weight: Tensor, levels: int = 5) -> Tensor:
    """L1 between Laplacian pyramids, level l weighted 2^l.

    Source: Hou and Liu 2019, "Context-Aware Image Matting", section 3.3 (5 levels).
    H and W are at least 2^levels.
    """
    total = prediction.new_zeros(())
    difference, w = prediction - truth, weight  # a pyramid is linear: one of the difference is enough
    for level in range(levels):
        smaller, smaller_w = (functional.avg_pool2d(_blur(x), 2) for x in (difference, w))
        band = difference - _upsample(smaller, difference)
        total = total + 2.0**level * weighted_mean(band.abs(), w)
        difference, w = smaller, smaller_w
    return total / sum(2.0**level for level in range(levels))


def _blur(x: Tensor) -> Tensor:
    """Binomial 5×5 (1 4 6 4 1) with replicated borders, a channel at a time."""
    padded = functional.pad(x, (2, 2, 2, 2), mode="replicate")
    height, width = x.shape[2:]
    # Shifted sums: the gradient of a convolution of few channels costs CPUs several times as much.
    line = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
    rows = sum(share * padded[..., i : i + width] for i, share in enumerate(line))
    assert isinstance(rows, Tensor)
    both = sum(share * rows[..., i : i + height, :] for i, share in enumerate(line))
    assert isinstance(both, Tensor)
    return both


def _upsample(x: Tensor, reference: Tensor) -> Tensor:
    return functional.interpolate(x, size=reference.shape[2:], mode="bilinear", align_corners=False)


def known_region(truth: Tensor) -> Tensor:
    """1 where a stored alpha is 0 or 1 (within half of a 255th), else 0."""
    half = 0.5 / 255
    return ((truth < half) | (truth > 1 - half)).to(truth.dtype)


def alpha_loss(prediction: Tensor, truth: Tensor, image: Tensor | None, weight: Tensor) -> Tensor:
    """L1 where the true alpha is 0 or 1, of alpha and of the foreground, which is image × alpha.

    Without an image it is that of alpha alone.

    Source: Yaman et al. 2022, "Alpha Matte Generation from Single Input for Portrait Matting", section 3.
    """
    return _alpha_and_foreground(prediction, truth, image, weight * known_region(truth))


def alpha_coefficient_loss(prediction: Tensor, truth: Tensor, image: Tensor | None, weight: Tensor) -> Tensor:
    """L1 where the true alpha lies strictly between 0 and 1, of alpha and of the foreground.

    Without an image, and source: as `alpha_loss`.
    """
    return _alpha_and_foreground(prediction, truth, image, weight * (1 - known_region(truth)))


def dilate(mask: Tensor, radius: int) -> Tensor:
    """Largest value within `radius` pixels, square element: rows, then columns, (N, C, H, W)."""
    side = 2 * radius + 1
    rows = functional.max_pool2d(mask, (1, side), 1, (0, radius))
    return functional.max_pool2d(rows, (side, 1), 1, (radius, 0))


def border_map(mask: Tensor, radius: int) -> Tensor:
    """Dilated minus eroded segmentation, (N, 1, H, W) in [0, 1]; `radius` in pixels, square element."""
    dilated, eroded = dilate(mask, radius), -dilate(-mask, radius)
    return dilated - eroded


def border_loss(prediction: Tensor, truth: Tensor, mask: Tensor, weight: Tensor, radius: int) -> Tensor:
    """L1 of alpha around the subject, where `border_map` of its segmentation is.

    Source: as `alpha_loss`.
    """
    return l1(prediction, truth, weight * border_map(mask, radius))


PERCEPTUAL: Final = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Weights of five feature maps, finest first: pix2pixHD's (Wang et al. 2018)."""


def perceptual_loss(
    features: Callable[[Tensor], Sequence[Tensor]],
    prediction: Tensor,
    truth: Tensor,
    image: Tensor | None,
    weight: Tensor,
    coefficients: Sequence[float] = PERCEPTUAL,
) -> Tensor:
    """Weighted L1 between feature maps, of alpha (as a grey picture) and of the foreground.

    Source: as `alpha_loss`; after Johnson et al. 2016. Pixels that are not trusted show the truth on both
    sides.

    Args:
        features: (N, 3, H, W) in [0, 1] → maps, as many as `coefficients`.
        prediction: alpha, (N, 1, H, W).
        truth: the true one.
        image: (N, 3, H, W); None compares alpha alone.
        weight: trust, (N, 1, H, W).
        coefficients: of the maps.
    """
    shown = trusted(prediction, truth, weight)
    total = prediction.new_zeros(())
    pairs = [(shown.expand(-1, 3, -1, -1), truth.expand(-1, 3, -1, -1))]
    if image is not None:
        pairs.append((image * shown, image * truth))
    for mine, true in pairs:
        with torch.no_grad():
            wanted = features(true)
        for coefficient, a, b in zip(coefficients, features(mine), wanted, strict=True):
            total = total + coefficient * (a.float() - b.float()).abs().mean()
    return total


def trusted(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """The prediction as far as the label is trusted, elsewhere the truth."""
    return truth + weight * (prediction - truth)


def generator_loss(fake: Sequence[Tensor]) -> Tensor:
    """Non-saturating adversarial loss of the generator (Goodfellow et al. 2014), summed over discriminators.

    The documents print log(1 − D), which has the same optimum (docs/decisions/033). A mean over each one's
    patches.

    Args:
        fake: logits of "true" that each discriminator gives to what was predicted.
    """
    return torch.stack([functional.softplus(-logits.float()).mean() for logits in fake]).sum()


def discriminator_loss(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Cross-entropy of telling true from predicted (Goodfellow et al. 2014), summed over discriminators."""
    terms = [functional.softplus(-logits.float()).mean() for logits in real]
    terms += [functional.softplus(logits.float()).mean() for logits in fake]
    return torch.stack(terms).sum()


def alpha_prediction_loss(prediction: Tensor, truth: Tensor, weight: Tensor, epsilon: float = 1e-6) -> Tensor:
    """√(d² + ε²) of the difference d of two alphas, which unlike |d| has a slope everywhere.

    Source: Xu et al. 2017, "Deep Image Matting", equation 2; `weight` is 1 in the unknown region.
    """
    return weighted_mean(_smooth_absolute(prediction - truth, epsilon), weight)


def compositional_loss(
    prediction: Tensor,
    truth: Tensor,
    foreground: Tensor,
    background: Tensor,
    weight: Tensor,
    epsilon: float = 1e-6,
) -> Tensor:
    """√(d² + ε²) of the difference d of the colours that two alphas give, mean over channels.

    Both compositions have the same foreground and background, so that d = (α − α′) (F − B).

    Source: as `alpha_prediction_loss`, equation 3.

    Args:
        prediction: alpha, (N, 1, H, W).
        truth: the true one.
        foreground: the true foreground, (N, 3, H, W).
        background: the true background, or any other: `random_backgrounds`.
        weight: 1 in the unknown region, (N, 1, H, W).
        epsilon: ε.
    """
    difference = (prediction - truth) * (foreground - background)
    return weighted_mean(_smooth_absolute(difference, epsilon), weight)


def random_backgrounds(background: Tensor) -> Tensor:
    """Another background for each sample: another sample's in a batch, a random colour for a lone one.

    What a reading of Xu et al. 2017 composes with in place of the true background.

    Args:
        background: (N, 3, H, W).

    Returns:
        (N, 3, H, W); drawn from torch's generator.
    """
    count = len(background)
    if count == 1:
        return torch.rand_like(background[:, :, :1, :1]).expand_as(background)
    return background.roll(1 + int(torch.randint(count - 1, ())), 0)


def gradient_loss(prediction: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """L1 between the differences of neighbouring pixels, down and to the right, of two alphas.

    A difference counts as far as both of its pixels are trusted. H and W are at least 2.

    Source: Sengupta et al. 2020, "Background Matting: The World is Your Green Screen", equation 1.
    """
    difference = prediction - truth
    down = weighted_mean(difference.diff(dim=2).abs(), torch.minimum(weight[:, :, 1:], weight[:, :, :-1]))
    right = weighted_mean(difference.diff(dim=3).abs(), torch.minimum(weight[..., 1:], weight[..., :-1]))
    return down + right


def foreground_loss(prediction: Tensor, truth: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """L1 of foregrounds (N, 3, H, W) where the true alpha is above 0.

    Source: as `gradient_loss`.
    """
    return weighted_mean((prediction - truth).abs(), weight * (alpha > 0).to(weight.dtype))


def composition_loss(
    image: Tensor, alpha: Tensor, foreground: Tensor, background: Tensor, weight: Tensor
) -> Tensor:
    """L1 between an image and what predicted alpha and foreground compose to on the true background.

    Source: as `gradient_loss`.

    Args:
        image: (N, 3, H, W).
        alpha: the predicted one, (N, 1, H, W).
        foreground: the predicted one, (N, 3, H, W).
        background: the true one, (N, 3, H, W).
        weight: trust, (N, 1, H, W).
    """
    composed = alpha * foreground + (1 - alpha) * background
    return weighted_mean((image - composed).abs(), weight)


def drift(prediction: Tensor, start: Tensor) -> Tensor:
    """How far the mean of alpha has moved from that of a start, signed, as a share of the latter.

    Args:
        prediction: (N, 1, H, W).
        start: the alpha of the network that training started from, of the same images.

    Returns:
        A scalar; of a start that is 0 everywhere, a share of a hundredth.
    """
    before = start.mean()
    return (prediction.mean() - before) / before.clamp_min(0.01)


def _smooth_absolute(difference: Tensor, epsilon: float) -> Tensor:
    return (difference * difference + epsilon * epsilon).sqrt()


def _alpha_and_foreground(prediction: Tensor, truth: Tensor, image: Tensor | None, weight: Tensor) -> Tensor:
    alpha = l1(prediction, truth, weight)
    return alpha if image is None else alpha + l1(image * prediction, image * truth, weight)
