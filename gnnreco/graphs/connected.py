"""Parts of a graph that no edge connects, and portions of whole parts: what a network says of one hangs on no other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gnnreco.geometry.adjacency.connected import connected_parts
from gnnreco.kernels import FIRST

from .order import by_key


def portions(
    ends: NDArray[np.int32], n: int, most: int
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]]:
    """A graph in portions of whole parts, each of about `most` edges or of one larger part.

    Parameters
    ----------
    ends : int32 (m, 2)
        Nodes of each edge.
    n : int
        Nodes; those without an edge are in some portion, too.
    most : int

    Yields
    ------
    nodes, edges : int32 (k,), (l,)
        Rows, rising.
    ends : int32 (l, 2)
        Of those edges, in rows of those nodes.
    """
    part, parts = connected_parts(ends, n)
    size = np.bincount(part[ends[:, FIRST]], minlength=parts)
    last = np.maximum(np.cumsum(size), size[size > 0][:1].sum())  # nodes without edges go with others
    portion = np.maximum(last - 1, 0) // most
    portion = np.cumsum(np.diff(portion, prepend=portion[:1]) > 0, dtype=np.int32)  # none is empty
    part, count = portion[part], int(portion[-1]) + 1 if n else 0
    nodes, node_start = by_key(part, count)
    edges, edge_start = by_key(part[ends[:, FIRST]], count)
    place = np.empty(n, np.int32)  # of each node, in its portion
    for k in range(count):
        rows, held = (
            nodes[node_start[k] : node_start[k + 1]],
            edges[edge_start[k] : edge_start[k + 1]],
        )
        place[rows] = np.arange(len(rows), dtype=np.int32)
        yield rows, held, place[ends[held]]
