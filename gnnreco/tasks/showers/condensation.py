"""Object condensation: cells gather around one representative of their shower (Kieseler, arXiv 2002.03605).

The space is that of directions, in lateral units, where a network may only move a cell towards or away from its
neighbours: what it learns turns with the event, and showers far from each other cannot be confused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.kernels import X, Y, Z, njit

from .targets import CellTruth

if TYPE_CHECKING:  # its functions import it
    from torch import Tensor


@dataclass(frozen=True)
class CondensationConfig:
    """How cells condense, and the loss that makes them.

    Attributes
    ----------
    beta : float
        Confidence (0 to 1) from which a cell may be the representative of a shower.
    distance : float
        Least distance of two representatives in the learned space, and that of the farthest cell from its own.
    width : float
        Lateral units that count as one in the learned space.
    charge : float
        Smallest charge of a cell in the loss (q_min).
    """

    beta: float = 0.05
    distance: float = 1.5
    width: float = 2.0
    charge: float = 0.3


def places(graph: CellGraph, neighbour: Tensor, pull: Tensor, width: float) -> Tensor:
    """Cells in the space of condensation (n, 3), moved as `pull` (n, k) says of each neighbour."""
    import torch

    far = np.linalg.norm(graph.xyz, axis=1)
    scale = float(np.median(far / graph.unit)) / width if len(graph) else 1.0
    start = torch.from_numpy((graph.direction * scale).astype(np.float32))
    way = start.index_select(0, neighbour.reshape(-1)).view(*neighbour.shape, 3) - start[:, None]
    return start + (pull[:, :, None] * way).sum(dim=1)


def condensation_loss(
    place: Tensor, beta_logit: Tensor, truth: CellTruth, config: CondensationConfig
) -> tuple[Tensor, dict[str, float]]:
    """Attraction to the representative of each particle, repulsion of the others, and high betas for representatives.

    Parameters
    ----------
    place : float32 (n, 3)
    beta_logit : float32 (n,)
    truth : CellTruth
        A cell belongs to the particle that left most in it; cells of nobody are noise.
    config : CondensationConfig
    """
    import torch

    n, n_particles = len(place), len(truth.energy)
    order = np.lexsort((-truth.part, truth.cell))
    first = np.diff(truth.cell[order], prepend=-1) != 0
    owner = np.full(n, -1, np.int64)
    owner[truth.cell[order][first]] = truth.particle[order][first]
    mine = torch.from_numpy(owner[:, None] == np.arange(n_particles))
    beta = torch.sigmoid(beta_logit) * 0.9999
    q = torch.atanh(beta) ** 2 + config.charge
    present = mine.any(dim=0)
    if not present.any():
        loss = beta.sum() / max(n, 1)
        return loss, {"condensation_loss": float(loss.detach())}
    mine = mine[:, present]
    best = torch.where(mine, beta[:, None], -1.0).argmax(dim=0)
    away = torch.sqrt(((place[:, None] - place[best]) ** 2).sum(dim=2) + 1e-6)
    force = torch.where(mine, away**2, torch.relu(1 - away)) * q[best]
    potential = (q[:, None] * force).mean(dim=0).sum() * (n / q.sum().detach())
    noise = beta[torch.from_numpy(owner < 0)]
    loss = potential + (1 - beta[best]).mean() + (noise.mean() if len(noise) else 0.0)
    return loss, {"condensation_loss": float(loss.detach())}


def condensed(place: NDArray[np.float32], beta: NDArray[np.float32], config: CondensationConfig) -> Ints:
    """Cluster of each cell (n,); -1 where no representative is near. Linear in cells: boxes of the size of a cluster."""
    x = place.astype(np.float64) / config.distance
    box = np.floor(x - x.min(axis=0)).astype(np.int64) + 1 if len(x) else np.zeros((0, 3), np.int64)
    key = (box[:, 0] << 20 | box[:, 1]) << 20 | box[:, 2]
    order = np.argsort(key, kind="stable")
    keys, start = np.unique(key[order], return_index=True)
    ends = np.append(start, len(x)).astype(np.int64)
    by_beta = np.argsort(-beta, kind="stable")
    by_beta = by_beta[beta[by_beta] >= config.beta]
    return _condense(x, box, order, keys, ends, by_beta)


@njit(cache=True)
def _condense(x: Floats, box: Ints, order: Ints, keys: Ints, ends: Ints, by_beta: Ints) -> Ints:
    cluster, nearest, taken = np.full(len(x), -1, np.int64), np.full(len(x), 1.0), np.zeros(len(x), np.bool_)
    count = 0
    for i in by_beta:
        if taken[i]:
            continue
        for a in range(-1, 2):
            for b in range(-1, 2):
                for c in range(-1, 2):
                    wanted = ((box[i, X] + a) << 20 | (box[i, Y] + b)) << 20 | (box[i, Z] + c)
                    row = np.searchsorted(keys, wanted)
                    if row == len(keys) or keys[row] != wanted:
                        continue
                    for j in order[ends[row] : ends[row + 1]]:
                        square = (
                            (x[i, X] - x[j, X]) ** 2 + (x[i, Y] - x[j, Y]) ** 2 + (x[i, Z] - x[j, Z]) ** 2
                        )
                        if square < 1.0:
                            taken[j] = True  # no representative so close to a better one
                        if square < nearest[j]:
                            nearest[j], cluster[j] = square, count
        count += 1
    return cluster
