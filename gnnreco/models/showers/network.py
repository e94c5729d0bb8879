"""A network over the cells of calorimeters: who belongs together, what a cell's energy is worth, and what showers are.

Each cell listens to a few neighbours, so all pairs of an event are one dense table (cells, k): no scatter, no sort. The
first layer of a message is split over the cells (``A h[i] + B h[j] + C e``) and never concatenated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gnnreco.models.aggregate import segment_sum
from gnnreco.models.pivot import Adversary

from .inference import CROWDED
from .weights import ShowerNetworkConfig


class Round(nn.Module):
    """One round of messages from the loud neighbours of each cell."""

    def __init__(self, hidden: int, pair_features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.me, self.other = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.pair = nn.Linear(pair_features, hidden, bias=False)
        self.update = nn.Sequential(nn.Linear(3 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden))

    def forward(self, h: Tensor, pairs: Tensor, neighbour: Tensor, real: Tensor) -> Tensor:
        """New states of the cells (n, hidden)."""
        n, k = neighbour.shape
        now = self.norm(h)
        heard = self.other(now).index_select(0, neighbour.reshape(-1)).view(n, k, h.shape[1])
        message = torch.relu(self.me(now)[:, None] + heard + self.pair(pairs)) * real
        return h + self.update(torch.cat([now, message.mean(dim=1), message.amax(dim=1)], dim=1))


class Pairs(nn.Module):
    """Rounds of messages between rows of a table, then numbers for each pair of them."""

    def __init__(self, hidden: int, pair_features: int, rounds: int, numbers: int) -> None:
        super().__init__()
        self.rounds = nn.ModuleList(Round(hidden, pair_features) for _ in range(rounds))
        self.last = nn.LayerNorm(hidden)
        self.me, self.other = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.pair, self.out = nn.Linear(pair_features, hidden, bias=False), nn.Linear(hidden, numbers)

    def forward(self, h: Tensor, pairs: Tensor, neighbour: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """States (n, hidden) and numbers of the pairs (n, k, numbers)."""
        n, k = neighbour.shape
        for turn in self.rounds:
            h = turn(h, pairs, neighbour, real[:, :, None])
        h = self.last(h)
        heard = self.other(h).index_select(0, neighbour.reshape(-1)).view(n, k, h.shape[1])
        return h, self.out(torch.relu(self.me(h)[:, None] + heard + self.pair(pairs)))


class CellScores(NamedTuple):
    """What the network says of cells.

    Attributes
    ----------
    state : float32 (n, hidden)
    logit : float32 (n, k)
        Of each pair to be of one shower.
    pull, beta : float32 (n, k), (n,)
        For condensation: how far each neighbour pulls the cell towards itself; logit to represent a shower.
    """

    state: Tensor
    logit: Tensor
    pull: Tensor
    beta: Tensor


@dataclass(frozen=True, slots=True)
class ClusterCells:
    """Which of c clusters has how much of which cell, sorted by cluster.

    Attributes
    ----------
    cell, cluster : int64 (m,)
    weight : float32 (m,)
        Fraction of the cell's energy.
    start : int64 (c + 1,)
        Where the rows of each cluster begin.
    """

    cell: Tensor
    cluster: Tensor
    weight: Tensor
    start: Tensor


class ShowerNetwork(nn.Module):
    """Scores pairs of cells and of pieces of showers, weighs cells, and judges whole showers."""

    sigma_scale: Tensor

    def __init__(
        self,
        config: ShowerNetworkConfig,
        cell_features: int,
        pair_features: int,
        moments: int,
        piece_features: int,
        classes: int,
        pivot: bool = False,
        company: int = 0,
        crowding: int = 0,
    ) -> None:
        super().__init__()
        h, wide = config.hidden, config.shower_hidden
        self.config = config
        self.cell_in = nn.Sequential(nn.Linear(cell_features, h), nn.ReLU(), nn.Linear(h, h))
        self.cell_pairs = Pairs(h, pair_features, config.rounds, 2)
        self.beta = nn.Linear(h, 1)
        self.piece_in = nn.Sequential(nn.Linear(moments + 2 * h, h), nn.ReLU(), nn.Linear(h, h))
        self.piece_pairs = Pairs(h, piece_features, config.piece_rounds, 1)
        self.weigh = nn.Sequential(nn.Linear(h, h), nn.ReLU(), nn.Linear(h, 1))
        self.shower = nn.Sequential(
            nn.Linear(moments + 1 + 2 * h, wide),
            nn.ReLU(),
            nn.Linear(wide, wide),
            nn.ReLU(),
            nn.Linear(wide, 2 + classes),
        )
        self.crowding = crowding  # the column of moments that tells showers that are alone from others
        self.register_buffer("sigma_scale", torch.ones(2, classes))
        self.adversary = Adversary() if pivot else None
        self.identity = (  # the last to be drawn, so that the others are what they are without it
            nn.Sequential(
                nn.Linear(moments + 1 + 2 * h + company, config.identity_hidden),
                nn.ReLU(),
                nn.Linear(config.identity_hidden, config.identity_hidden),
                nn.ReLU(),
                nn.Linear(config.identity_hidden, classes),
            )
            if config.identity_hidden
            else None
        )
        # At first every cell is worth its energy, and showers are what the other layers say.
        for last in (self.weigh[2], *([self.identity[4]] if self.identity else [])):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    @staticmethod
    def given(column: NDArray[Any]) -> Tensor:
        """A column as this network takes it: truths as 1 and 0."""
        return torch.from_numpy(column.astype(np.float32) if column.dtype == np.bool_ else column)

    def cells(self, graph: dict[str, Tensor]) -> CellScores:
        """Judge the cells of an event.

        Parameters
        ----------
        graph : dict
            ``cells`` float32 (n, f), ``pairs`` float32 (n, k, g), ``neighbour`` int32 (n, k), ``real`` float32 (n, k).
        """
        h, pairs = self.cell_pairs(
            self.cell_in(graph["cells"]), graph["pairs"], graph["neighbour"], graph["real"]
        )
        return CellScores(h, pairs[:, :, 0], torch.tanh(pairs[:, :, 1]) * graph["real"], self.beta(h)[:, 0])

    def pieces(
        self,
        state: Tensor,
        energy: Tensor,
        shares: ClusterCells,
        moments: Tensor,
        graph: dict[str, Tensor],
    ) -> Tensor:
        """Logits (p, k) of pairs of pieces to be of one shower; `graph` as for `cells`, the others as for `showers`."""
        pooled = self._pooled(state, energy, shares)[1]
        h = self.piece_in(torch.cat([moments, pooled], dim=1))
        logit: Tensor = self.piece_pairs(h, graph["pairs"], graph["neighbour"], graph["real"])[1][:, :, 0]
        return logit

    def showers(
        self,
        state: Tensor,
        energy: Tensor,
        shares: ClusterCells,
        moments: Tensor,
        company: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Judge whole showers.

        Parameters
        ----------
        state : float32 (n, hidden)
            From `cells`.
        energy : float32 (n,)
            Of the cells, GeV.
        shares : ClusterCells
        moments : float32 (c, f)
        company : float32 (c, g)
            What is near the showers; only the layers of identity read it.

        Returns
        -------
        log_energy, log_sigma : float32 (c,)
            Logarithms of the energy in GeV and of its relative error; `sigma_scale` corrects the error of showers that are
            alone (first row) and of others by likeliest class.
        logit : float32 (c, classes)
        """
        total, pooled = self._pooled(state, energy, shares)
        gain = torch.log(total[:, 1:2] / total[:, 0:1])
        seen = torch.cat([moments, gain, pooled], dim=1)
        out = self.shower(seen)
        kind = out[:, 2:]
        if self.identity is not None:
            kind = kind + self.identity(seen if company is None else torch.cat([seen, company], dim=1))
        scale = self.sigma_scale[self.crowded(moments).long(), kind.argmax(dim=1)]
        log_sigma = torch.clamp(out[:, 1] - 1.5, -5, 2) + torch.log(scale)
        return torch.log(total[:, 1]) + out[:, 0], log_sigma, kind

    def crowded(self, moments: Tensor) -> Tensor:
        """Whether others are near each shower, bool (c,)."""
        return moments[:, self.crowding] > CROWDED

    def _pooled(self, state: Tensor, energy: Tensor, shares: ClusterCells) -> tuple[Tensor, Tensor]:
        """Visible and weighed energy (c, 2), and the means of the states by energy and by hits (c, 2 hidden)."""
        cell, weight, width = shares.cell, shares.weight[:, None], state.shape[1]
        h = state.index_select(0, cell)
        part = weight * energy.index_select(0, cell)[:, None]
        worth = part * torch.exp(torch.clamp(self.weigh(h), -3, 3))
        order = torch.arange(len(cell), device=cell.device)
        columns = torch.cat([part, worth, weight, part * h, weight * h], dim=1)
        total = segment_sum(columns, shares.cluster, order, shares.start)
        by_energy, by_hits = total[:, 3 : 3 + width] / total[:, 0:1], total[:, 3 + width :] / total[:, 2:3]
        return total[:, :2], torch.cat([by_energy, by_hits], dim=1)
