"""A depth-wise convolution whose gradients come by plain ones is the same convolution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wisp.networks.depthwise import LEAST, DepthwiseConv

CHANNELS = 6
CASES = [
    pytest.param(1, 1, 9, 7, id="plain"),
    pytest.param(2, 1, 9, 7, id="strided, odd"),
    pytest.param(2, 1, 8, 12, id="strided, even"),
    pytest.param(1, 2, 9, 11, id="dilated, uneven grids"),
    pytest.param(1, 6, 30, 24, id="dilated as the pyramid is"),
    pytest.param(1, 6, 16, 10, id="dilated, too small for grids"),
    pytest.param(1, 18, 16, 16, id="dilated beyond the map"),
]


def results(convolution: nn.Module, image: Tensor, upstream: Tensor) -> list[Tensor]:
    """What it gives, and the gradients of its image, weight and bias."""
    given = image.clone().requires_grad_()
    out = convolution(given)
    found = torch.autograd.grad(out, [given, *convolution.parameters()], upstream)
    return [out.detach(), *found]


@pytest.mark.parametrize(("stride", "dilation", "height", "width"), CASES)
def test_values_and_gradients_are_those_of_the_convolution(
    stride: int, dilation: int, height: int, width: int
) -> None:
    torch.manual_seed(0)
    ours = DepthwiseConv(CHANNELS, stride, dilation, bias=True)
    torchs = nn.Conv2d(CHANNELS, CHANNELS, 3, stride, dilation, dilation, CHANNELS)
    torchs.load_state_dict(ours.state_dict())
    image = torch.randn(2, CHANNELS, height, width)
    upstream = torch.randn_like(torchs(image))
    for one, other in zip(results(ours, image, upstream), results(torchs, image, upstream), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=5e-5)


@pytest.mark.parametrize(("stride", "dilation"), [(2, 1), (1, 2)])
def test_training_asks_for_no_gradient_that_is_slow(stride: int, dilation: int) -> None:
    convolution = DepthwiseConv(CHANNELS, stride, dilation)
    image = torch.randn(1, CHANNELS, 4 * LEAST, 4 * LEAST, requires_grad=True)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        convolution(image)
    calls = [event for event in seen.events() if event.name in ("aten::slice", "aten::permute")]
    assert calls
    convolution.eval()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        convolution(image)
    assert not [event for event in seen.events() if event.name in ("aten::slice", "aten::permute")]
