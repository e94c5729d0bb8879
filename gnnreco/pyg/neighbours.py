"""`knn_graph` and `radius_graph` as torch_geometric declares them, on the k-d tree of SciPy: no pyg-lib, no torch-cluster.

Both differ from theirs in one thing: of points that are equally far away, those that come first are taken, so the edges
are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import KDTree

from gnnreco.columns import Floats, Ints

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 1 << 22  # candidates that are held at a time
SHORTEST = 1e-150  # the square of a shorter radius is 0
FLOWS = ("source_to_target", "target_to_source")


def knn_graph(
    x: Tensor,
    k: int,
    batch: Tensor | None = None,
    loop: bool = False,
    flow: str = "source_to_target",
    cosine: bool = False,
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """Join each point to the `k` that are nearest to it.

    Parameters
    ----------
    x : Tensor (n, d) or (n,)
        Points.
    k : int
        Neighbours of each; fewer where the example has fewer points.
    batch : int64 Tensor (n,), optional
        Example of each point, in any order; no edge leads from one example to another.
    loop : bool
        Whether a point is a neighbour of itself, and counts among the `k`.
    flow : {"source_to_target", "target_to_source"}
        Whether the neighbours stand in the first row of the result or in the second.
    cosine : bool
        Take the angle between points as their distance; a point at the origin is as far from all others.
    num_workers : int
        Threads; -1: all.
    batch_size : int, optional
        Taken for the sake of the signature: the examples are counted.

    Returns
    -------
    int64 Tensor (2, m)
        On the device of `x`; sorted by the point, then by the distance.

    Raises
    ------
    ValueError
        For points that are not finite numbers, a `batch` of another length, and an unknown `flow`.

    Examples
    --------
    >>> import torch
    >>> knn_graph(torch.tensor([0.0, 1.0, 3.0]), k=1)
    tensor([[1, 0, 1],
            [0, 1, 2]])
    """
    return _graph(x, int(k), np.inf, batch, loop, flow, cosine, num_workers)


def radius_graph(
    x: Tensor,
    r: float,
    batch: Tensor | None = None,
    loop: bool = False,
    max_num_neighbors: int = 32,
    flow: str = "source_to_target",
    num_workers: int = 1,
    batch_size: int | None = None,
) -> Tensor:
    """Join each point to those that are at most `r` away, the `max_num_neighbors` nearest of them where there are more.

    Parameters
    ----------
    x, batch, loop, flow, num_workers, batch_size : Tensor (n, d) or (n,); int64 Tensor (n,), optional; bool; str; int; int
        As for `knn_graph`.
    r : float
        Largest distance, in the unit of `x`.
    max_num_neighbors : int
        Of each point.

    Returns
    -------
    int64 Tensor (2, m)
        On the device of `x`; sorted by the point, then by the distance.

    Raises
    ------
    ValueError
        As `knn_graph`.

    Examples
    --------
    >>> import torch
    >>> radius_graph(torch.tensor([0.0, 1.0, 3.0]), r=1.5)
    tensor([[1, 0],
            [0, 1]])
    """
    return _graph(x, int(max_num_neighbors), float(r), batch, loop, flow, False, num_workers)


def _graph(
    x: Tensor, k: int, r: float, batch: Tensor | None, loop: bool, flow: str, cosine: bool, workers: int
) -> Tensor:
    import torch

    if flow not in FLOWS:
        raise ValueError(f"no flow {flow!r}: choose one of {', '.join(FLOWS)}")
    points = x.detach().cpu().double().numpy()
    points = points[:, None] if points.ndim == 1 else points
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise ValueError(f"row {bad[0]} of x is not a finite number")
    if cosine:
        points = points / np.maximum(np.linalg.norm(points, axis=1), np.finfo(np.float64).tiny)[:, None]
    example = np.zeros(len(points), np.int64) if batch is None else batch.detach().cpu().numpy()
    if len(example) != len(points):
        raise ValueError(f"batch has {len(example):,} entries for {len(points):,} points")
    parts = [np.zeros((2, 0), np.int64)]
    for rows in _examples(example):
        center, neighbour = _nearest(points[rows], k, r, loop, workers)
        parts.append(np.stack([rows[neighbour], rows[center]]))
    edges = np.concatenate(parts, axis=1)
    edges = edges[:, np.argsort(edges[1], kind="stable")]
    if flow != FLOWS[0]:
        edges = edges[::-1]
    return torch.from_numpy(np.ascontiguousarray(edges)).to(x.device)


def _examples(example: Ints) -> Iterator[Ints]:
    """The rows of each example, ascending."""
    order = np.argsort(example, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(example[order])) + 1)


def _nearest(points: Floats, k: int, r: float, loop: bool, workers: int) -> tuple[Ints, Ints]:
    """Pairs (point, neighbour) of one example, sorted by the point, the distance, the neighbour."""
    n = len(points)
    k = min(k, n if loop else n - 1)
    if k < 1:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    tree, found = KDTree(points), []
    wanted = k if loop else k + 1  # the point itself is found as well
    todo, width = np.arange(n), min(wanted + 1, n)
    bound = max(r, SHORTEST) * (1 + 1e-9)  # SciPy leaves out what lies at the bound itself
    while len(todo):
        left = []
        for rows in np.array_split(todo, -(-len(todo) * width // BLOCK)):
            distance, other = tree.query(
                points[rows], np.arange(1, width + 1), distance_upper_bound=bound, workers=workers
            )
            # One beyond the last wanted that is farther: all that are as near as the last are there.
            done = (distance[:, -1] > distance[:, wanted - 1]) | np.isinf(distance[:, -1]) | (width == n)
            found.append(_first(rows[done], distance[done], other[done], k, r, loop))
            left.append(rows[~done])
        todo, width = np.concatenate(left), min(2 * width, n)
    center, neighbour = np.concatenate(found, axis=1)
    order = np.argsort(center, kind="stable")
    return center[order], neighbour[order]


def _first(rows: Ints, distance: Floats, other: Ints, k: int, r: float, loop: bool) -> Ints:
    """Of the candidates of each point the first `k` within `r`, by distance, then by row (2, m)."""
    keep = (distance <= r) & np.isfinite(distance)
    if not loop:
        keep &= other != rows[:, None]
    center = np.broadcast_to(rows[:, None], other.shape)[keep]
    order = np.lexsort((other[keep], distance[keep], center))
    center, neighbour = center[order], other[keep][order]
    rank = np.arange(len(center)) - np.searchsorted(center, center)
    return np.stack([center, neighbour])[:, rank < k].astype(np.int64)
