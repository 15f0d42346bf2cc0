"""A ConvLSTM: an LSTM whose products are convolutions, so that its state is a map."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvLSTM(nn.Module):
    """One layer without peepholes, over maps of any size, from a state of zeros.

    With ``*`` for a convolution with padding and ``∘`` for the product of entries, X the input and H, C the
    state before:

    - i = σ(W_xi * X + W_hi * H + b_i)
    - f = σ(W_xf * X + W_hf * H + b_f)
    - o = σ(W_xo * X + W_ho * H + b_o)
    - g = tanh(W_xg * X + W_hg * H + b_g)
    - C' = f ∘ C + i ∘ g
    - H' = o ∘ tanh(C')

    The paper, Shi et al. (NeurIPS 2015), has terms W_c· ∘ C beside.  All W are one convolution over X and H
    one behind the other, whose outputs are in the order i, f, o, g.  b_f is 1 at first and the other biases
    are 0, so that the state is kept until forgetting is learnt.

    Parameters
    ----------
    in_channels, hidden : int
    kernel : int
        Odd.
    """

    def __init__(self, in_channels: int, hidden: int, kernel: int = 3) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(in_channels + hidden, 4 * hidden, kernel, padding=kernel // 2)
        assert self.gates.bias is not None
        nn.init.zeros_(self.gates.bias)
        with torch.no_grad():
            self.gates.bias[hidden : 2 * hidden] = 1.0

    def cell(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """H' and C' (B, hidden, h, w) of one moment, from its input (B, in_channels, h, w) and H and C."""
        i, f, o, g = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def forward(self, maps: Tensor) -> Tensor:
        """H at every moment, (B, hidden, T, h, w), of maps (B, in_channels, T, h, w)."""
        batch, _, _, height, width = maps.shape
        h = c = maps.new_zeros(batch, self.hidden, height, width)
        states = []
        for x in maps.unbind(dim=2):
            h, c = self.cell(x, h, c)
            states.append(h)
        return torch.stack(states, dim=2)


class FrameByFrame(nn.Module):
    """What stands in the place of a ConvLSTM where frames are seen one by one: a convolution, and tanh.

    Parameters
    ----------
    in_channels, hidden : int
    kernel : int
        Odd.
    """

    def __init__(self, in_channels: int, hidden: int, kernel: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, hidden, kernel, padding=kernel // 2)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, hidden, T, h, w) of maps (B, in_channels, T, h, w)."""
        length = maps.shape[2]
        seen = self.convolution(maps.transpose(1, 2).flatten(0, 1)).tanh()
        return seen.unflatten(0, (-1, length)).transpose(1, 2)
