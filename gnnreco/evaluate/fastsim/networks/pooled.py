"""The network of the classifier on cells; torch is loaded with this file, so only where something is trained."""

from __future__ import annotations

import torch
from torch import nn

from .tables import SLOPE


class Pooled(nn.Module):
    """A network on each cell, pooled over its shower, and one on what is pooled.

    Parameters
    ----------
    features : int
        Columns of a cell.
    width : int
        Of all hidden layers.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.cell = nn.Sequential(
            nn.Linear(features, width), nn.LeakyReLU(SLOPE), nn.Linear(width, width), nn.LeakyReLU(SLOPE)
        )
        self.shower = nn.Sequential(nn.Linear(3 * width + 2, width), nn.LeakyReLU(SLOPE), nn.Linear(width, 1))

    def forward(self, cells: torch.Tensor, counts: torch.Tensor, energy: torch.Tensor) -> torch.Tensor:
        """Logits (n, 1) of showers with ``counts`` (n,) of the ``cells`` (m, features) each, and ``energy`` (n, 1)."""
        each = self.cell(cells)
        total = torch.segment_reduce(each, "sum", lengths=counts, initial=0.0)
        most = torch.segment_reduce(each, "max", lengths=counts, initial=0.0)
        many = torch.clamp(counts, min=1).to(each.dtype)[:, None]
        # A sum over thousands of cells would drown the rest: its logarithm, with its sign, does not.
        size = torch.sign(total) * torch.log1p(total.abs())
        return self.shower(torch.cat([total / many, size, most, torch.log(many), energy], dim=1))
