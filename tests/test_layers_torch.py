"""Layers that several networks share: residual blocks, resampling."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import nn
from torch.nn import functional

from merkit.layers.resampling import resampled
from merkit.layers.residual import BasicBlock


def plain_block(block: BasicBlock, x: torch.Tensor, stride: int) -> torch.Tensor:
    """As the publication has it: the convolution of the shortcut strides."""
    assert block.downsample is not None
    shortcut = block.downsample[1](functional.conv2d(x, block.downsample[0].weight, stride=stride))
    out = functional.relu(block.bn1(functional.conv2d(x, block.conv1.weight, stride=stride, padding=1)))
    return functional.relu(block.bn2(functional.conv2d(out, block.conv2.weight, padding=1)) + shortcut)


@pytest.mark.parametrize("side", [1, 7, 8])
@pytest.mark.parametrize(("channels", "stride"), [(3, 2), (4, 2), (8, 2), (4, 1), (5, 3)])
def test_a_block_and_its_gradients_are_those_of_a_strided_shortcut(channels, stride, side):
    # Fewer than 8 channels, kept last, are what oneDNN's strided convolution of one pixel spoils.
    torch.manual_seed(0)
    block = BasicBlock(channels, 8, stride).to(memory_format=torch.channels_last)
    plain = copy.deepcopy(block).to(memory_format=torch.contiguous_format).double()
    x = torch.randn(4, channels, side, side)
    given = x.contiguous(memory_format=torch.channels_last)
    wanted = plain_block(plain, x.double(), stride)
    weights = torch.randn(wanted.shape)
    for _ in range(5):
        block.zero_grad()
        seen = block(given)
        (seen * weights).sum().backward()
    (wanted * weights).sum().backward()
    torch.testing.assert_close(seen.double(), wanted, atol=1e-4, rtol=1e-4)
    for (name, got), want in zip(block.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(got.grad.double(), want.grad, atol=1e-3, rtol=1e-3, msg=name)


def test_a_block_without_a_stride_keeps_its_input_as_the_shortcut():
    block = BasicBlock(4, 4, 1)
    nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 4, 5, 5)
    assert block.downsample is None
    assert torch.equal(block(x), x)


def test_images_are_resampled_all_alike_and_as_scipy_places_them():
    rng = np.random.default_rng(0)
    smooth = scipy.ndimage.gaussian_filter(rng.normal(size=(2, 3, 40, 40)), (0, 0, 4, 4))
    cos, sin = np.cos(0.2), np.sin(0.2)
    matrix = [[0.6 * cos, -0.6 * sin, 0.1], [0.6 * sin, 0.6 * cos, -0.05]]
    seen = resampled(torch.from_numpy(smooth).float(), matrix, 32, "zeros")
    assert seen.shape == (2, 3, 32, 32)
    across = (2 * np.arange(32) + 1) / 32 - 1
    x, y = np.meshgrid(across, across)
    (ax, bx, cx), (ay, by, cy) = matrix
    places = [((p + 1) * 40 - 1) / 2 for p in (ay * x + by * y + cy, ax * x + bx * y + cx)]
    for row in range(2):
        for channel in range(3):
            wanted = scipy.ndimage.map_coordinates(smooth[row, channel], places, order=3)
            # Cubic convolution and splines differ a little, even where all is smooth.
            assert np.abs(seen[row, channel].numpy() - wanted).max() < 0.02 * np.ptp(wanted)


@pytest.mark.parametrize("padding", ["border", "reflection"])
def test_nothing_is_resampled_to_itself_and_mirrors_are_exact(padding):
    images = torch.rand(2, 3, 16, 16)
    same = resampled(images, [[1, 0, 0], [0, 1, 0]], 16, padding)
    torch.testing.assert_close(same, images, atol=1e-5, rtol=0)
    mirrored = resampled(images, [[-1, 0, 0], [0, 1, 0]], 16, padding)
    torch.testing.assert_close(mirrored, images.flip(-1), atol=1e-5, rtol=0)
