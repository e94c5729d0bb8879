"""Which cells are neighbours: inside a sensor by touch, across sensors by a distance in space.

The relation is symmetric by construction: two cells of different sensors are neighbours when their polygons come
within `gap` of one another, measured exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.cells.rows import RowTemplate
from gnnreco.geometry.cells.templates import CSR, Cells, CellTemplate
from gnnreco.geometry.detector import Detector
from gnnreco.kernels import njit
from gnnreco.kernels.sorting import sort

from .across import CellIds, pairs_across, sensor_pairs
from .shapes import fired_shapes

__all__ = ["first_cell", "neighbours", "neighbours_of", "sensor_pairs"]

# The table of a whole detector is only for detectors whose cells fit in memory; a rule can have 10^9 of them.
MAX_CELLS = 20_000_000
# Cells of a template looked at together: bounds the memory.
CHUNK = 1 << 18


def neighbours_of(
    detector: Detector,
    cell_id: CellIds,
    across: bool = True,
    gap: float | None = 0.5,
    same_layer: bool = False,
) -> tuple[Ints, CellIds]:
    """Neighbours of some cells.

    Parameters
    ----------
    detector : Detector
    cell_id : uint64 (n,)
        As `Detector.cell_id` packs them.
    across : bool
        Also cells of other sensors, if their polygons come within `gap`.
    gap : float, optional
        mm; None: half a cell (`half_a_cell`), of two sensors the lesser.
    same_layer : bool
        Only across sensors of one layer.

    Returns
    -------
    offsets : int64 (n + 1,)
    neighbours : uint64 (m,)
        Sorted within each cell.
    """
    unique, back = np.unique(np.asarray(cell_id, np.uint64), return_inverse=True)
    sensor, cell = detector.split_cell_id(unique)
    row, other = inside(detector, sensor, cell)
    if across and len(unique):
        shapes, _ = fired_shapes(detector, sensor, cell)
        first, second = pairs_across(detector, shapes, None, each_gap(detector, gap), same_layer)
        row, other = np.concatenate([row, np.searchsorted(unique, first)]), np.concatenate([other, second])
    order = np.lexsort((other, row))
    offsets = _ends(np.bincount(row, minlength=len(unique)))
    return taken(offsets, other[order], back)


def neighbours(
    detector: Detector, across: bool = True, gap: float | None = 0.5, limit: int = MAX_CELLS
) -> tuple[Ints, Ints]:
    """Neighbours of every cell number of the detector, in the order of ``(sensor, cell)``.

    Rows are ``first_cell(detector)[sensor] + cell``; numbers that are no cells have no neighbours. Each template's own
    table is made once and stamped for all its sensors.

    Raises
    ------
    ValueError
        If the detector has more than `limit` cell numbers; ask `neighbours_of` for the cells that matter.
    """
    refuse_more_than(detector, limit)
    pairs = [pairs_across(detector, None, None, each_gap(detector, gap), False)] if across else []
    return whole_table(detector, pairs)


def refuse_more_than(detector: Detector, limit: int) -> None:
    """Raise ValueError if the detector has more than `limit` cell numbers."""
    count = first_cell(detector)[-1]
    if count > limit:
        raise ValueError(
            f"{detector.name} has {count:,} cell numbers, more than {limit:,}: ask neighbours_of for the cells "
            "that matter, or raise the limit"
        )


def whole_table(detector: Detector, pairs: list[tuple[CellIds, CellIds]]) -> tuple[Ints, Ints]:
    """The table of all cells: touch inside the sensors, and pairs (both ways round) of cells of different ones."""
    first = first_cell(detector)
    used = np.zeros(len(detector.templates), bool)
    used[np.unique(detector.template)] = True
    tables = [
        own_table(t) if there else _nothing(t) for t, there in zip(detector.templates, used, strict=True)
    ]
    starts = _ends(np.array([len(offsets) for offsets, _ in tables]))
    lengths = _ends(np.array([len(cells) for _, cells in tables]))
    return _stamped(
        *(first, detector.template.astype(np.int64), starts, lengths),
        *(np.concatenate([t[0] for t in tables]), np.concatenate([t[1] for t in tables])),
        *(np.concatenate([np.zeros(0, np.uint64), *(pair[side] for pair in pairs)]) for side in range(2)),
    )


def first_cell(detector: Detector) -> Ints:
    """Where each sensor's cells start when all cell numbers of the detector are laid in one row (n + 1,)."""
    return _ends(np.array([t.n_cells for t in detector.templates], np.int64)[detector.template])


def half_a_cell(detector: Detector) -> Floats:
    """Half the smaller width of each sensor's cells (n,), mm: what may lie between two cells of one area."""
    return np.minimum(detector.pitch_u, detector.pitch_v) / 2


def each_gap(detector: Detector, gap: float | None) -> Floats:
    """The gap of each sensor (n,), mm."""
    return half_a_cell(detector) if gap is None else np.full(detector.n_sensors, float(gap))


def taken(offsets: Ints, values: NDArray, rows: Ints) -> tuple[Ints, NDArray]:
    """Some rows of a CSR table."""
    length = np.diff(offsets)[rows]
    ends = _ends(length)
    return ends, values[np.arange(ends[-1]) + np.repeat(offsets[rows] - ends[:-1], length)]


def inside(detector: Detector, sensor: Cells, cell: Cells) -> tuple[Ints, CellIds]:
    """Neighbours by touch: rows of what was given, and cell ids."""
    rows, others = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)]
    kind = detector.template[sensor]
    for t in np.unique(kind):
        mine = np.flatnonzero(kind == t)
        # Many sensors are stamped from one template: each of its cells is asked about once.
        cells, back = np.unique(cell[mine], return_inverse=True)
        touched, around = detector.templates[t].neighbours_of(cells)
        offsets, found = taken(touched, around, back)
        row = np.repeat(mine, np.diff(offsets))
        rows.append(row)
        others.append(detector.cell_id(sensor[row], found))
    return np.concatenate(rows), np.concatenate(others)


def own_table(template: CellTemplate) -> CSR:
    """Neighbours by touch of every cell number of a template; looks at each cell once."""
    if not isinstance(template, RowTemplate):
        return template.neighbours()
    parts = [
        np.arange(low, min(low + CHUNK, template.n_cells), dtype=np.int32)
        for low in range(0, template.n_cells, CHUNK)
    ]
    real = np.concatenate([template.exists(part) for part in parts])
    counts, found = [], []
    for part in parts:
        around = template.cell(*template._touching(*template.channel(part)))
        around[~real[part]] = -1
        around.sort(axis=1)
        keep = (around >= 0) & real[around] & (around != part[:, None])
        keep[:, 1:] &= around[:, 1:] != around[:, :-1]
        counts.append(keep.sum(axis=1))
        found.append(around[keep])
    return _ends(np.concatenate(counts)), np.concatenate(found)


def _nothing(template: CellTemplate) -> CSR:
    return np.zeros(1, np.int64), np.zeros(0, np.int32)


def _ends(count: NDArray) -> Ints:
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int64)


@njit(cache=True)
def _stamped(
    first: Ints,
    template: Ints,
    starts: Ints,
    lengths: Ints,
    offsets: Ints,
    cells: Cells,
    one: CellIds,
    two: CellIds,
) -> tuple[Ints, Ints]:
    """Each sensor's own table moved to its place, and the pairs sorted in."""
    ends = np.zeros(first[-1] + 1, np.int64)
    for s in range(len(template)):
        own = offsets[starts[template[s]] : starts[template[s] + 1]]
        for c in range(first[s + 1] - first[s]):
            ends[first[s] + c + 1] = own[c + 1] - own[c]
    for k in range(len(one)):
        ends[first[one[k] >> 32] + np.int64(one[k] & 0xFFFFFFFF) + 1] += 1
    ends = np.cumsum(ends)
    free = ends[:-1].copy()
    table = np.empty(ends[-1], np.int64)
    for s in range(len(template)):
        own = offsets[starts[template[s]] : starts[template[s] + 1]]
        low = lengths[template[s]]
        for c in range(first[s + 1] - first[s]):
            row = first[s] + c
            for k in range(own[c], own[c + 1]):
                table[free[row]] = first[s] + cells[low + k]
                free[row] += 1
    touched = np.empty(len(one), np.int64)
    for k in range(len(one)):
        row = first[one[k] >> 32] + np.int64(one[k] & 0xFFFFFFFF)
        table[free[row]] = first[two[k] >> 32] + np.int64(two[k] & 0xFFFFFFFF)
        free[row] += 1
        touched[k] = row
    sort(touched)
    for k in range(len(touched)):
        if k == 0 or touched[k] != touched[k - 1]:
            sort(table[ends[touched[k]] : ends[touched[k] + 1]])
    return ends, table
