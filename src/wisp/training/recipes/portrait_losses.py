"""The loss of the portrait network: equation 2 of its paper, and further terms of the compact network.

Of the paper's equation 2, the adversarial term alone is summed over the discriminators (docs/decisions/033).
The perceptual term, which needs VGG, is added by the task.

Yaman, Ekenel, Waibel 2022, "Alpha Matte Generation from Single Input for Portrait Matting" (CVPRW).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from wisp.networks.portrait import Prediction
from wisp.training import losses
from wisp.training.loader import Batch
from wisp.training.loop import Terms


@dataclass(frozen=True)
class Coefficients:
    """Weights of the loss's terms; a term with weight 0 is not computed.

    The paper's five:

    Attributes:
        adversarial: summed over the discriminators.
        perceptual: VGG features of alpha and foreground.
        alpha: L1 of alpha and foreground where the truth is 0 or 1.
        border: L1 between dilated and eroded segmentation.
        coefficient: L1 of alpha and foreground strictly between 0 and 1.
        l1: L1 everywhere, of the generator's alpha.
        cross_entropy: of the generator's logits.
        laplacian: L1 of Laplacian pyramids, of the generator's alpha.
        refined: L1 of the refined alpha where it was refined.
        refined_laplacian: L1 of its Laplacian pyramid.
        gradient: L1 of the differences of neighbouring pixels of the generator's alpha.
        composition: L1 of what it composes with the true layers, where they are known exactly.
    """

    adversarial: float = 0.0
    perceptual: float = 0.0
    alpha: float = 0.0
    border: float = 0.0
    coefficient: float = 0.0
    l1: float = 0.0
    cross_entropy: float = 0.0
    laplacian: float = 0.0
    refined: float = 0.0
    refined_laplacian: float = 0.0
    gradient: float = 0.0
    composition: float = 0.0


PAPER = Coefficients(adversarial=1, perceptual=10, alpha=25, border=50, coefficient=25)
SUPERVISED = Coefficients(
    l1=1, cross_entropy=0.3, laplacian=0.5, border=0.5, coefficient=0.25, refined=1, refined_laplacian=0.5
)
ADVERSARIAL = replace(SUPERVISED, adversarial=0.01)


def portrait_terms(
    coefficients: Coefficients,
    prediction: Prediction,
    mask: Tensor,
    batch: Batch,
    *,
    radius: int,
    judgement: Sequence[Tensor] | None = None,
    foreground: bool = True,
) -> Terms:
    """The weighted terms of the generator's loss by name, but for the perceptual one, which needs VGG.

    Args:
        coefficients: a term with weight 0 is left out.
        prediction: the network's.
        mask: the coarse segmentation, (N, 1, H, W).
        batch: truth and trust.
        radius: of the border's dilation and erosion, pixels.
        judgement: logits of the discriminators on the prediction; no adversarial term without.
        foreground: whether the alpha and the alpha coefficient terms compare the foreground too.
    """
    c, truth, weight = coefficients, batch.alpha, batch.weight
    image = batch.image if foreground else None
    refined, coarse = prediction.alpha, torch.sigmoid(prediction.logits)
    covered = weight * prediction.coverage
    terms: Terms = {}
    if c.adversarial and judgement is not None:
        terms["adversarial"] = c.adversarial * losses.generator_loss(judgement)
    if c.alpha:
        terms["alpha"] = c.alpha * losses.alpha_loss(refined, truth, image, weight)
    if c.coefficient:
        terms["coefficient"] = c.coefficient * losses.alpha_coefficient_loss(refined, truth, image, weight)
    if c.border:
        terms["border"] = c.border * losses.border_loss(refined, truth, mask, weight, radius)
    if c.l1:
        terms["l1"] = c.l1 * losses.l1(coarse, truth, weight)
    if c.cross_entropy:
        terms["bce"] = c.cross_entropy * losses.binary_cross_entropy(prediction.logits, truth, weight)
    if c.laplacian:
        terms["laplacian"] = c.laplacian * losses.laplacian_pyramid(coarse, truth, weight)
    if c.gradient:
        terms["gradient"] = c.gradient * losses.gradient_loss(coarse, truth, weight)
    if c.composition:
        known = weight * batch.exact
        terms["composition"] = c.composition * losses.weighted_mean(
            ((coarse - truth) * (batch.foreground - batch.background)).abs(), known
        )
    if c.refined:
        terms["refined"] = c.refined * losses.l1(refined, truth, covered)
    if c.refined_laplacian:
        terms["refined_laplacian"] = c.refined_laplacian * losses.laplacian_pyramid(
            refined, truth, covered, 3
        )
    return terms
