"""Cells and the loud neighbours of each straight from hits, in one pass over the pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gnnreco.columns import Event
from gnnreco.errors import OverBudget
from gnnreco.geometry import Detector
from gnnreco.kernels.memory import give_back

from .around import Around, around_cells, settled
from .cells import CellGraph, CellGraphConfig, measured_cells, with_layers
from .features import LoudNeighbours, described
from .frame import CellFrame
from .pairs import Pairs, pairs_in_parts


def build_loud_graph(
    config: CellGraphConfig,
    detector: Detector,
    frame: CellFrame,
    event: Event,
    k: int,
    in_parts: bool = False,
) -> tuple[CellGraph, LoudNeighbours]:
    """What `loud_neighbours` gives of `build_cell_graph`, but for rounding; the graph keeps no pairs.

    Parameters
    ----------
    config, detector, frame, event
        As for `build_cell_graph`, which tells what is raised.
    k : int
        Neighbours of a cell.
    in_parts : bool
        See `described`.
    """
    graph, around = _around(config, detector, frame, event, k)
    give_back(len(graph))
    graph = with_layers(config, frame, graph)
    return graph, described(graph, around, config.reach, in_parts)


def _around(
    config: CellGraphConfig, detector: Detector, frame: CellFrame, event: Event, k: int
) -> tuple[CellGraph, Around]:
    """Cells and what lies around them; what they were found by is left behind."""
    graph, cells, groups = measured_cells(config, detector, frame, event)
    bars, parts = pairs_in_parts(cells, groups, detector.rotation, config.max_edges)
    del cells  # half as large as all that is kept
    give_back(len(graph))
    counted = _within_budget(parts, event.number, config.max_edges)
    final = settled(counted, bars, groups, graph.group[bars.order])
    return graph, around_cells(graph.energy[bars.order], final, k, config.reach).rows(bars.order)


def _within_budget(
    parts: Iterable[tuple[int, Pairs]], event: int, budget: int
) -> Iterator[tuple[int, Pairs]]:
    """The same parts; at their end `OverBudget` if they hold too many pairs."""
    needed = 0
    for stop, pairs in parts:
        needed += pairs[3]
        yield stop, pairs
    if needed > budget:
        raise OverBudget(event, "pairs of close cells", needed, budget)
