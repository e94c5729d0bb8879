"""Compiled kernels for cells: which ones a track passes through, which ones touch, which ones hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import FIRST, SECOND, njit

# Columns of a grid of cells, and of a path across it.
PITCH_U, PITCH_V, MANY_U, MANY_V = range(4)
FROM_U, FROM_V, TO_U, TO_V = range(4)


@njit(cache=True, error_model="numpy")
def across_grids(path: Floats, grid: Floats) -> tuple[Ints, Ints, Floats]:
    """Cells of a rectangular grid under straight paths.

    Parameters
    ----------
    path : float64 (n, 4)
        Entry u, v and exit u, v, mm.
    grid : float64 (n, 4)
        Pitch along u and v, number of cells along u and v; centred on the origin.

    Returns
    -------
    row, cell : int64 (m,)
        Row of `path`, and ``iu * n_v + iv``.
    part : float64 (m,)
        Fraction of the path inside the cell.
    """
    room = 4 * len(path) + 16
    row, cell, part = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room)
    used = 0
    for i in range(len(path)):
        n_u, n_v = int(grid[i, MANY_U]), int(grid[i, MANY_V])
        pitch_u, pitch_v = grid[i, PITCH_U], grid[i, PITCH_V]
        u, v = path[i, FROM_U] / pitch_u + n_u / 2, path[i, FROM_V] / pitch_v + n_v / 2  # in units of cells
        du, dv = path[i, TO_U] / pitch_u + n_u / 2 - u, path[i, TO_V] / pitch_v + n_v / 2 - v
        iu, iv = int(np.floor(u)), int(np.floor(v))
        to_u = ((iu + 1 - u) if du > 0 else (iu - u)) / du if du != 0 else np.inf
        to_v = ((iv + 1 - v) if dv > 0 else (iv - v)) / dv if dv != 0 else np.inf
        at = 0.0
        while at < 1.0:
            until = min(to_u, to_v, 1.0)
            if until > at and 0 <= iu < n_u and 0 <= iv < n_v:
                if used == len(row):
                    row, cell, part = _doubled(row), _doubled(cell), _doubled(part)
                row[used], cell[used], part[used] = i, iu * n_v + iv, until - at
                used += 1
            at = until
            if to_u <= to_v:
                iu, to_u = (iu + 1 if du > 0 else iu - 1), to_u + 1 / abs(du)
            else:
                iv, to_v = (iv + 1 if dv > 0 else iv - 1), to_v + 1 / abs(dv)
    return row[:used].copy(), cell[:used].copy(), part[:used].copy()


@njit(cache=True)
def _doubled(column: NDArray[np.generic]) -> NDArray[np.generic]:
    larger = np.empty(2 * len(column), column.dtype)
    larger[: len(column)] = column
    return larger


@njit(cache=True)
def grid_pairs(cell: Ints, columns: Ints) -> Ints:
    """Pairs (m, 2) of fired cells that touch by an edge or a corner, on sensors with a rectangular grid.

    Parameters
    ----------
    cell : int64 (n,)
        ``sensor << 32 | iu * n_v + iv``, sorted.
    columns : int64 (n,)
        n_v of the cell's sensor; 0 where it has no rectangular grid.
    """
    pairs, used = np.empty((4 * len(cell), 2), np.int64), 0
    ahead = 0
    for i in range(len(cell)):
        n = columns[i]
        if n == 0:
            continue
        u, v = (cell[i] & 0xFFFFFFFF) // n, (cell[i] & 0xFFFFFFFF) % n
        if i + 1 < len(cell) and cell[i + 1] == cell[i] + 1 and v + 1 < n:
            pairs[used, FIRST], pairs[used, SECOND] = i, i + 1
            used += 1
        # Cells come sorted, so the place where the next row's neighbours begin only moves on.
        ahead = max(ahead, i + 1)
        while ahead < len(cell) and cell[ahead] < cell[i] + n - 1:
            ahead += 1
        j = ahead
        while j < len(cell) and cell[j] <= cell[i] + n + 1:
            next_row = cell[j] >> 32 == cell[i] >> 32 and (cell[j] & 0xFFFFFFFF) // n == u + 1
            if next_row and abs((cell[j] & 0xFFFFFFFF) % n - v) <= 1:
                pairs[used, FIRST], pairs[used, SECOND] = i, j
                used += 1
            j += 1
    return pairs[:used].copy()
