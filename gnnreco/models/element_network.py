"""A network over elements: to whom each shower belongs, and what particle each owner is.

Messages run along the edges in both directions; an edge has a state of its own (interaction network: Battaglia et al., arXiv
1612.00222). A shower shares itself out among its owners, itself among them, or nobody: the columns of an incidence matrix
between elements and particles (after HGPflow, arXiv 2212.01328). What an owner holds is summed up and judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gnnreco.files.limits import ROUNDS, WIDTH
from gnnreco.schema import within

from .aggregate import segment_sum

CLASSES = 5
NOTHING = 5  # the class of an element that is no particle


@dataclass(frozen=True)
class ElementNetworkConfig:
    """Size of the network.

    Attributes
    ----------
    hidden : int
        Width of every layer.
    rounds : int
        Rounds of message passing.
    """

    hidden: int = 48
    rounds: int = 3

    def __post_init__(self) -> None:
        within(self, 1, WIDTH, "hidden")
        within(self, 0, ROUNDS, "rounds")


@dataclass(frozen=True, slots=True)
class ElementTensors:
    """A graph of n_t tracks, n_s showers and m edges.

    Attributes
    ----------
    track, shower : float32 (n_t, f), (n_s, g)
    source, owner : int64 (m,)
        Row of the shower, and of the element (tracks first) it may belong to; sorted by shower.
    edge : float32 (m, e)
    start : int64 (n_s + 1,)
        Where the edges of each shower begin.
    by_owner, owner_start : int64 (m,), (n + 1,)
        Edges sorted by owner, and where those of each element begin.
    """

    track: Tensor
    shower: Tensor
    source: Tensor
    owner: Tensor
    edge: Tensor
    start: Tensor
    by_owner: Tensor
    owner_start: Tensor


class Held(NamedTuple):
    """What owners hold: parts of showers.

    Attributes
    ----------
    element : int64 (p,)
        Row of the owner.
    shower : int64 (q,), part : int64 (q,)
        Shares: of which shower, and for which of the p owners; sorted by owner.
    share : float32 (q,)
        Fraction of the shower.
    start : int64 (p + 1,)
    energy : float32 (n_s,)
        Of the showers, GeV.
    sums : float32 (p, s)
        What else is known of an owner and all that it holds.
    """

    element: Tensor
    shower: Tensor
    part: Tensor
    share: Tensor
    start: Tensor
    energy: Tensor
    sums: Tensor


class Judged(NamedTuple):
    """What owners are: logits of the five classes and of nothing (p, 6), change of log energy, log of its error (p,)."""

    kind: Tensor
    shift: Tensor
    log_sigma: Tensor


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two layers."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs))


class ElementRound(nn.Module):
    """One round of messages in both directions."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.shower, self.owner = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden, bias=False)
        self.edge = nn.Linear(hidden, hidden, bias=False)
        self.message = nn.Linear(hidden, 3 * hidden)
        self.update = perceptron(3 * hidden, hidden, hidden)

    def forward(self, h: Tensor, e: Tensor, g: ElementTensors) -> tuple[Tensor, Tensor]:
        """New states of elements (n, hidden) and edges (m, hidden)."""
        n_tracks, now = len(g.track), self.norm(h)
        mine = self.shower(now[n_tracks:])[g.source] + self.owner(now)[g.owner] + self.edge(e)
        to_shower, to_owner, change = self.message(nn.functional.silu(mine)).chunk(3, dim=1)
        order = torch.arange(len(g.source))
        heard = segment_sum(to_shower, g.source, order, g.start)
        count = (g.start[1:] - g.start[:-1]).clamp(min=1).float().sqrt()[:, None]
        heard = torch.cat([heard.new_zeros(n_tracks, heard.shape[1]), heard / count])
        asked = segment_sum(to_owner, g.owner, g.by_owner, g.owner_start)
        count = (g.owner_start[1:] - g.owner_start[:-1]).clamp(min=1).float().sqrt()[:, None]
        return h + self.update(torch.cat([now, heard, asked / count], dim=1)), e + change


class ElementNetwork(nn.Module):
    """See the head of this file."""

    temperature: Tensor
    sigma_scale: Tensor

    def __init__(
        self, config: ElementNetworkConfig, tracks: int, showers: int, edges: int, sums: int
    ) -> None:
        super().__init__()
        hidden = config.hidden
        for name, width in (("track", tracks), ("shower", showers), ("edge", edges), ("sums", sums)):
            self.register_buffer(f"{name}_mean", torch.zeros(width))
            self.register_buffer(f"{name}_width", torch.ones(width))
        self.track_in, self.shower_in = (perceptron(k, hidden, hidden) for k in (tracks, showers))
        self.edge_in = perceptron(edges, hidden, hidden)
        self.rounds = nn.ModuleList(ElementRound(hidden) for _ in range(config.rounds))
        self.share = perceptron(hidden, hidden, 1)
        self.alone = perceptron(hidden, hidden, 2)  # belongs to itself, to nobody
        self.held = perceptron(2 * hidden + sums, 2 * hidden, hidden)
        self.track_out, self.shower_out = (perceptron(hidden, hidden, NOTHING + 3) for _ in range(2))
        # Learned last, from events that nothing else learned from: rows are tracks, showers.
        self.register_buffer("temperature", torch.ones(2))
        self.register_buffer("sigma_scale", torch.ones(2, CLASSES))

    def scaled(self, name: str, values: Tensor) -> Tensor:
        """Features in units of their spread in training."""
        mean, width = getattr(self, f"{name}_mean"), getattr(self, f"{name}_width")
        return (values - mean) / width

    def elements(self, g: ElementTensors) -> tuple[Tensor, Tensor, Tensor]:
        """States of elements (n, hidden), logits of edges (m,), logits of (itself, nobody) of showers (n_s, 2)."""
        h = torch.cat(
            [self.track_in(self.scaled("track", g.track)), self.shower_in(self.scaled("shower", g.shower))]
        )
        e = self.edge_in(self.scaled("edge", g.edge))
        for step in self.rounds:
            h, e = step(h, e, g)
        return h, self.share(e)[:, 0], self.alone(h[len(g.track) :])

    def judge(self, h: Tensor, n_tracks: int, held: Held) -> Judged:
        """What the owners are, from their states and what they hold."""
        weight = (held.share * held.energy[held.shower])[:, None]
        order = torch.arange(len(held.part))
        total = segment_sum(weight, held.part, order, held.start).clamp(min=1e-6)
        inside = segment_sum(weight * h[n_tracks:][held.shower], held.part, order, held.start) / total
        state = self.held(torch.cat([h[held.element], inside, self.scaled("sums", held.sums)], dim=1))
        is_track = (held.element < n_tracks)[:, None]
        out = torch.where(is_track, self.track_out(state), self.shower_out(state))
        return Judged(out[:, : NOTHING + 1], out[:, NOTHING + 1], out[:, NOTHING + 2].clamp(-7.0, 2.0))
