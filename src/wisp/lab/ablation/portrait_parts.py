"""The compact portrait network without some of its parts; what is left keeps its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wisp.networks.encoders.mobilenetv2 import STAGES
from wisp.networks.portrait import Decoder, MobileContentEncoder, Portrait, PortraitGenerator


def leave_out(
    whole: Portrait,
    *,
    segmentation_encoder: bool = True,
    refinement: bool = True,
    mask: bool = True,
    foreground: bool = True,
) -> Portrait:
    """The whole network without what is False; its modules are taken over and changed in place.

    Args:
        whole: the compact network.
        segmentation_encoder: else one encoder sees all inputs.
        refinement: else alpha stays as the generator yields it.
        mask: else there is no segmentation at all.
        foreground: else the segmentation encoder sees the mask alone.
    """
    generator = whole.generator
    if not segmentation_encoder:
        generator = SingleEncoder(generator)
    elif not (mask and foreground):
        generator = HiddenInputs(generator, mask=not mask)
    return Portrait(generator, whole.refinement if refinement else NoRefinement())


class NoRefinement(nn.Module):
    """In the place of `BorderRefinement`: alpha stays as it is."""

    def forward(self, image: Tensor, alpha: Tensor, patches: int | None = None) -> tuple[Tensor, Tensor]:
        """Alpha (N, 1, H, W), and that nothing of it was refined."""
        return alpha, torch.zeros_like(alpha)


class HiddenInputs(PortraitGenerator):
    """A generator whose segmentation encoder sees zeros in the place of the foreground.

    Its convolutions have no bias, so that zeros are the same as fewer channels.

    Args:
        generator: the whole.
        mask: whether the mask is hidden too.
    """

    def __init__(self, generator: PortraitGenerator, *, mask: bool) -> None:
        super().__init__(generator.content, generator.segmentation, generator.residual, generator.decoder)
        self.mask_hidden = mask

    def guidance(self, image: Tensor, mask: Tensor) -> Tensor:
        """The mask, or zeros, and zeros for the foreground, (N, 4, H, W)."""
        shown = torch.zeros_like(mask) if self.mask_hidden else mask
        return torch.cat([shown, torch.zeros_like(image)], 1)


class SingleEncoder(PortraitGenerator):
    """A generator without segmentation encoding block: one encoder for image, mask and foreground.

    Args:
        generator: the whole, with the compact content encoder, which is changed in place. The new inputs of
            its pretrained convolution begin at zero.
    """

    def __init__(self, generator: PortraitGenerator) -> None:
        content, residual, decoder = generator.content, generator.residual, generator.decoder
        assert isinstance(content, MobileContentEncoder)
        assert isinstance(residual, nn.Sequential)
        assert isinstance(decoder, Decoder)
        encoder, deep = content.encoder, STAGES[-1][1]
        encoder.mean = torch.cat([encoder.mean, torch.zeros(1, 4, 1, 1)], 1)
        encoder.std = torch.cat([encoder.std, torch.ones(1, 4, 1, 1)], 1)
        for block in (encoder.features[0], content.stem):
            _set_inputs(block, 7)
        _set_inputs(residual, deep)
        for block, skip in zip(decoder.blocks, decoder.narrow_segmentation, strict=False):
            assert isinstance(skip, nn.Conv2d)
            _set_inputs(block, _first(block).in_channels - skip.out_channels)
        decoder.narrow_segmentation = nn.ModuleList()
        super().__init__(content, nn.Identity(), residual, decoder)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Alpha's logits, as `PortraitGenerator`."""
        maps = self.content(torch.cat([image, self.guidance(image, mask)], 1))
        logits: Tensor = self.decoder(self.residual(maps[-1]), maps[-2::-1], ())
        return logits


def _set_inputs(block: nn.Module, inputs: int) -> None:
    """Give a block's first convolution more or fewer input channels.

    The first channels keep their weights, new ones begin at zero.
    """
    assert isinstance(block, nn.Sequential)
    old = _first(block)
    assert old.bias is None
    kept = min(inputs, old.in_channels)
    new = nn.Conv2d(inputs, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False)  # type: ignore[arg-type]
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, :kept] = old.weight[:, :kept]
    block[0] = new


def _first(block: nn.Module) -> nn.Conv2d:
    assert isinstance(block, nn.Sequential)
    convolution = block[0]
    assert isinstance(convolution, nn.Conv2d)
    return convolution
