"""Graphs of cells: of the hits of an event, and of a whole detector, kept on disk."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.cells.templates import Cells
from gnnreco.geometry.detector import Detector
from gnnreco.kernels import njit
from gnnreco.kernels.cache import user_folder
from gnnreco.kernels.sorting import sort

from .across import pairs_across
from .between import pairs_between
from .neighbours import MAX_CELLS, each_gap, inside, refuse_more_than, whole_table
from .shapes import fired_shapes

CellIds = NDArray[np.uint64]

# A file starts with this, then sha256 of all that follows: two counts, the offsets, the neighbours (all int64, little).
MAGIC = b"gnnreco-cells/1\n"
HEAD = len(MAGIC) + 32


def cell_graph(
    detector: Detector,
    across: bool = True,
    gap: float | None = None,
    layers: str | None = None,
    limit: int = MAX_CELLS,
    cache: bool = True,
) -> tuple[Ints, Ints]:
    """Neighbours of every cell number of a detector, made once and kept on disk under the detector's hash.

    Files lie in ``$XDG_CACHE_HOME/gnnreco`` (``~/.cache/gnnreco``) and are mapped into memory. A file that is damaged or
    of another kind is made anew; a folder that cannot be written is no fault.

    Parameters
    ----------
    detector : Detector
    across, gap, layers
        As in `hit_graph`.
    limit : int
        Cell numbers beyond which the table is refused; `hit_graph` has no such limit.
    cache : bool
        Read and write the file.

    Returns
    -------
    offsets : int64 (n + 1,)
    neighbour : int64 (m,)
        Rows are ``first_cell(detector)[sensor] + cell``, sorted within each row; symmetric.

    Raises
    ------
    ValueError
        If the detector has more than `limit` cell numbers.
    """
    detector = detector.at_source()
    refuse_more_than(detector, limit)
    words = f"{detector.hash} {across} {None if gap is None else float(gap)} {layers}"
    folder = user_folder() if cache else None
    file = folder and folder / f"cells-{hashlib.sha256(words.encode()).hexdigest()[:32]}.bin"
    held = _read(file) if file else None
    if held is not None:
        return held
    pairs = []
    one_layer = layers is not None or gap is None
    if across:
        pairs.append(pairs_across(detector, None, None, each_gap(detector, gap), one_layer))
    if layers is not None:
        pairs.append(pairs_between(detector, None, None, layers))
    table = whole_table(detector, pairs)
    if file:
        _write(file, *table)
    return table


def _read(file: Path) -> tuple[Ints, Ints] | None:
    """The table in a file, mapped; None where there is none or its checksum is wrong."""
    try:
        content = np.memmap(file, np.uint8, "r")
        if len(content) < HEAD + 16 or bytes(content[: len(MAGIC)]) != MAGIC:
            return None
        if hashlib.sha256(content[HEAD:].data).digest() != bytes(content[len(MAGIC) : HEAD]):
            return None
    except (OSError, ValueError):
        return None
    numbers = content[HEAD:].view("<i8")
    rows, pairs = int(numbers[0]), int(numbers[1])
    if len(numbers) != 2 + rows + pairs:
        return None
    return numbers[2 : 2 + rows], numbers[2 + rows :]


def _write(file: Path, offsets: Ints, others: Ints) -> None:
    """Write a file at once or not at all."""
    parts = [np.array([len(offsets), len(others)]), offsets, others]
    digest = hashlib.sha256()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".cells-")
    except OSError:
        return
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(MAGIC + bytes(32))
            for part in parts:
                content = np.ascontiguousarray(part, "<i8").data
                digest.update(content)
                stream.write(content)
            stream.seek(len(MAGIC))
            stream.write(digest.digest())
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)


def hit_graph(
    detector: Detector,
    sensor: ArrayLike,
    cell: ArrayLike,
    layers: str | None = "projective",
    across: bool = True,
    gap: float | None = None,
    time: Floats | None = None,
    window: float = np.inf,
) -> tuple[Ints, Ints]:
    """Which hits of an event lie in neighbouring cells; the time grows with the hits, not with the detector.

    Parameters
    ----------
    detector : Detector
    sensor, cell : int (n,)
        Of each hit; -1 in either: a hit without neighbours.
    layers : str, optional
        Also cells of the next layers, ``projective`` or ``nearest`` as `between_layers` tells; None: without.
    across : bool
        Also cells of other sensors, if their polygons come within `gap`.
    gap : float, optional
        mm, only between sensors of one layer where `layers` is given; None: half a cell, of two sensors of one layer the
        lesser.
    time : float64 (n,), optional
        ns; with it, hits farther apart than `window` are no neighbours.
    window : float
        ns.

    Returns
    -------
    offsets : int64 (n + 1,)
    neighbour : int64 (m,)
        Rows of the hits, sorted within each hit; symmetric. Hits of one cell are neighbours of one another.
    """
    detector = detector.at_source()
    sensors, cells = np.asarray(sensor, np.int32), np.asarray(cell, np.int32)
    ids = detector.cell_id(np.where(cells < 0, -1, sensors), np.where(sensors < 0, -1, cells))
    unique, back = np.unique(ids, return_inverse=True)
    fired_sensor, fired_cell = detector.split_cell_id(unique)
    known = len(unique) - int((fired_cell < 0).any())
    one, two = _fired_pairs(detector, fired_sensor[:known], fired_cell[:known], layers, across, gap)
    order = np.argsort(back, kind="stable")
    members = np.concatenate([[0], np.cumsum(np.bincount(back, minlength=len(unique)))])
    moment = np.zeros(len(back)) if time is None else np.asarray(time, np.float64)
    return _of_hits(back, order, members, known, *_table(one, two, len(unique)), moment, float(window))


def _fired_pairs(
    detector: Detector, sensor: Cells, cell: Cells, layers: str | None, across: bool, gap: float | None
) -> tuple[Ints, Ints]:
    """Pairs of rows of fired cells, sorted by sensor and cell; both ways round."""
    unique = detector.cell_id(sensor, cell)
    row, other = inside(detector, sensor, cell)
    place = np.searchsorted(unique, other)
    place[place == len(unique)] = 0
    there = unique[place] == other if len(unique) else np.zeros(0, bool)
    one, two = [row[there]], [place[there]]
    if len(unique) and (across or layers is not None):
        shapes, _ = fired_shapes(detector, sensor, cell)
        found = []
        one_layer = layers is not None or gap is None
        if across:
            found.append(pairs_across(detector, shapes, shapes, each_gap(detector, gap), one_layer))
        if layers is not None:
            found.append(pairs_between(detector, shapes, shapes, layers))
        for first, second in found:
            one.append(np.searchsorted(unique, first))
            two.append(np.searchsorted(unique, second))
    return np.concatenate(one), np.concatenate(two)


@njit(cache=True)
def _table(one: Ints, two: Ints, n: int) -> tuple[Ints, Ints]:
    """Pairs as CSR, sorted within each row, each once."""
    offsets = np.zeros(n + 1, np.int64)
    for k in range(len(one)):
        offsets[one[k] + 1] += 1
    offsets = np.cumsum(offsets)
    free, other = offsets[:-1].copy(), np.empty(len(one), np.int64)
    for k in range(len(one)):
        other[free[one[k]]] = two[k]
        free[one[k]] += 1
    kept = 0
    for row in range(n):
        low, high = offsets[row], offsets[row + 1]
        sort(other[low:high])
        offsets[row] = kept
        for k in range(low, high):
            if k == low or other[k] != other[k - 1]:
                other[kept] = other[k]
                kept += 1
    offsets[n] = kept
    return offsets, other[:kept].copy()


@njit(cache=True)
def _of_hits(
    cell: Ints,
    order: Ints,
    members: Ints,
    known: int,
    offsets: Ints,
    others: Ints,
    time: Floats,
    window: float,
) -> tuple[Ints, Ints]:
    """From a table of cells to one of hits; cells from `known` on are none."""
    ends = np.zeros(len(cell) + 1, np.int64)
    found = np.empty(0, np.int64)
    for filling in range(2):
        if filling:
            ends = np.cumsum(ends)
            found = np.empty(ends[-1], np.int64)
        for hit in range(len(cell)):
            c, used = cell[hit], 0
            if c >= known:
                continue
            for k in range(offsets[c] - 1, offsets[c + 1]):
                other = c if k < offsets[c] else others[k]
                for m in range(members[other], members[other + 1]):
                    if order[m] == hit or not abs(time[order[m]] - time[hit]) <= window:
                        continue
                    if filling:
                        found[ends[hit] + used] = order[m]
                    used += 1
            if filling:
                sort(found[ends[hit] : ends[hit + 1]])
            else:
                ends[hit + 1] = used
    return ends, found
