"""The loss of the subject network, and the optimiser that minimises it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW

from wisp.networks.subject import Found
from wisp.training import losses
from wisp.training.loop import Terms
from wisp.training.recipes.subject_recipes import SubjectRecipe


def subject_terms(recipe: SubjectRecipe, found: Found, label: Tensor, weight: Tensor) -> Terms:
    """Cross-entropy, L1, intersection over union and structure of each mask, and presence, by name.

    Args:
        recipe: the terms' weights.
        found: the network's answer.
        label: true masks of people and subject, (N, 2, H, W), [0, 1].
        weight: trust in them, (N, 2, H, W), [0, 1].
    """
    terms: Terms = {}
    scales = ((found.logits, 1.0), (found.quarter, recipe.coarse), (found.eighth, recipe.coarse))
    for scale, share in scales:
        if not share:
            continue
        logits = scale.float()
        truth, trust = (_fit(x, logits) for x in (label, weight))
        mask = logits.sigmoid()
        here = {
            "bce": recipe.bce * losses.binary_cross_entropy(logits, truth, trust),
            "l1": recipe.l1 * losses.l1(mask, truth, trust),
            "iou": recipe.iou * losses.soft_iou(mask, truth, trust),
        }
        if scale is found.logits:
            here["ssim"] = recipe.ssim * losses.dissimilarity(mask, truth, trust)
        for name, term in here.items():
            terms[name] = terms.get(name, 0.0) + share * term
    there = ((label > 0.5) & (weight > 0.3)).flatten(2).any(2).float()
    known = (weight.flatten(2).amax(2) > 0).float()
    raw = functional.binary_cross_entropy_with_logits(found.presence.float(), there, reduction="none")
    terms["presence"] = recipe.presence * losses.weighted_mean(raw, known)
    return terms


def subject_optimiser(recipe: SubjectRecipe, network: nn.Module) -> AdamW:
    """AdamW for what of a network learns: the encoder more slowly, norms and biases without decay."""
    groups: list[dict[str, object]] = []
    named = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    for encoder, rate in ((True, recipe.encoder_rate), (False, recipe.rate)):
        for decays in (True, False):
            chosen = [p for n, p in named if ("encoder." in n) == encoder and (p.ndim > 1) == decays]
            decay = recipe.decay if decays else 0.0
            groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return AdamW(groups, betas=(0.9, 0.99), fused=True)


def _fit(x: Tensor, like: Tensor) -> Tensor:
    if x.shape[2:] == like.shape[2:]:
        return x
    return functional.interpolate(x, size=like.shape[2:], mode="area")
