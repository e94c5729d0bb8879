"""What the network over cells has learned, as plain arrays by name: what every way to run it reads.

Names and shapes are those of the state of `gnnreco.models.showers.network.ShowerNetwork`, which trains it with torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnreco.files.limits import NEIGHBOURS, NUMBER, ROUNDS, WIDTH
from gnnreco.models.state import Numbers
from gnnreco.schema import within

SMALLEST = 1e-30  # above it the logarithm of an error's scale is finite
ADVERSARY = 16  # width of the layers of `gnnreco.models.pivot.Adversary`
#: Arrays that a bundle to start from need not know: an adversary, and layers of identity, which then say nothing yet.
OPTIONAL = ("adversary.", "identity.")


@dataclass(frozen=True)
class ShowerNetworkConfig:
    """Size of the network.

    Attributes
    ----------
    hidden : int
        Width of every layer of cells and pairs.
    rounds : int
        Rounds of message passing between cells.
    neighbours : int
        Cells that each cell listens to.
    piece_rounds : int
        Rounds of message passing between pieces of showers.
    piece_neighbours : int
        Pieces that each piece listens to.
    shower_hidden : int
        Width of the layers that judge whole showers.
    identity_hidden : int
        Width of further layers that add to the class of showers, and to nothing else; 0: none.
    piece_axes : bool
        Pairs of pieces are also described by their axes.
    """

    hidden: int = 24
    rounds: int = 2
    neighbours: int = 8
    piece_rounds: int = 2
    piece_neighbours: int = 8
    shower_hidden: int = 48
    identity_hidden: int = 0
    piece_axes: bool = False

    def __post_init__(self) -> None:
        within(self, 1, WIDTH, "hidden", "shower_hidden")
        within(self, 0, WIDTH, "identity_hidden")
        within(self, 0, ROUNDS, "rounds", "piece_rounds")
        within(self, 1, NEIGHBOURS, "neighbours", "piece_neighbours")


def shower_weights(
    config: ShowerNetworkConfig,
    cell_features: int,
    pair_features: int,
    moments: int,
    piece_features: int,
    classes: int,
    pivot: bool,
    company: int,
) -> dict[str, Numbers]:
    """What each array must be, by name; the arguments are those of `ShowerNetwork`."""
    h, wide, more = config.hidden, config.shower_hidden, config.identity_hidden
    seen = moments + 1 + 2 * h
    layers = {
        **_chain("cell_in", cell_features, h, h),
        **_pairs("cell_pairs", h, pair_features, config.rounds, 2),
        "beta": (1, h),
        **_chain("piece_in", moments + 2 * h, h, h),
        **_pairs("piece_pairs", h, piece_features, config.piece_rounds, 1),
        **_chain("weigh", h, h, 1),
        **_chain("shower", seen, wide, wide, 2 + classes),
    }
    if pivot:
        layers |= _chain("adversary.layers", 2, ADVERSARY, ADVERSARY, 2)
    if more:
        layers |= _chain("identity", seen + company, more, more, classes)
    expected = {}
    for name, shape in layers.items():
        optional = name.startswith(OPTIONAL)
        expected[f"{name}.weight"] = Numbers(shape, optional=optional)
        if not name.endswith((".other", ".pair")):
            expected[f"{name}.bias"] = Numbers(shape[:1], optional=optional)
    if pivot:  # sums
        expected["adversary.seen"] = Numbers((3, 3), np.float64, -NUMBER, NUMBER, optional=True)
    # Once showers that are alone and others had the same.
    expected["sigma_scale"] = Numbers((2, classes), low=SMALLEST, old_shape=(classes,))
    return expected


def _chain(name: str, *widths: int) -> dict[str, tuple[int, ...]]:
    """Layers of these widths with a function between them, which torch numbers too."""
    return {f"{name}.{2 * k}": (widths[k + 1], widths[k]) for k in range(len(widths) - 1)}


def _pairs(
    name: str, hidden: int, pair_features: int, rounds: int, numbers: int
) -> dict[str, tuple[int, ...]]:
    """See `gnnreco.models.showers.network.Pairs`."""
    layers: dict[str, tuple[int, ...]] = {}
    for part in (*(f"{name}.rounds.{k}" for k in range(rounds)), name):
        norm = "last" if part == name else "norm"
        layers |= {
            f"{part}.{norm}": (hidden,),
            f"{part}.me": (hidden, hidden),
            f"{part}.other": (hidden, hidden),
        }
        layers[f"{part}.pair"] = (hidden, pair_features)
        if part == name:
            layers[f"{part}.out"] = (numbers, hidden)
        else:
            layers |= _chain(f"{part}.update", 3 * hidden, hidden, hidden)
    return layers
