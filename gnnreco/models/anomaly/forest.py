"""Isolation forest (Liu, Ting, Zhou, ICDM 2008): what few random cuts set apart from the rest is strange.

scikit-learn grows the trees; they are kept as arrays and walked by a kernel of ours, so that scoring needs no scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import MissingTool
from gnnreco.kernels import njit
from gnnreco.models.state import Numbers

from .heads import Arrays, Head
from .scale import Array

Reals = NDArray[np.float32]
Whole = NDArray[np.int32]
#: Nodes of all trees of a forest.
NODES = 1 << 24


class Forest(Head):
    """An isolation forest; its score is minus scikit-learn's ``score_samples``, between 0 and 1.

    It is ``2 ** -(d / c)`` of the mean depth d at which a row is set apart. A cut adds to the contribution of its column as
    much as it makes that depth smaller than expected before the cut; the steps of one row are then scaled so that they add
    up to its score less `base`, that of a row of which no cut is known.

    Parameters
    ----------
    trees, sample : int
        How many there are, and rows that each is grown from.
    """

    name = "forest"

    def __init__(self, trees: int = 100, sample: int = 256) -> None:
        self.trees, self.sample = trees, sample
        self._nodes: Arrays = {}

    def _learn(self, z: Array, weights: Array | None, varies: NDArray[np.bool_], seed: int) -> None:
        try:
            from sklearn.ensemble import IsolationForest
        except ImportError as error:
            raise MissingTool(
                "scikit-learn", "an isolation forest is grown by it: pip install 'gnnreco[anomaly]'"
            ) from error
        if weights is not None:
            z = z[np.random.default_rng(seed).choice(len(z), len(z), p=weights / weights.sum())]
        sample = min(self.sample, len(z))
        grown = IsolationForest(n_estimators=self.trees, max_samples=sample, random_state=seed % 2**32)
        grown.fit(z.astype(np.float32))
        grafted = [_nodes(tree.tree_) for tree in grown.estimators_]
        counts = np.cumsum([0, *(len(tree["column"]) for tree in grafted)])
        for tree, start in zip(grafted, counts, strict=False):
            tree["child"] += np.where(tree["column"] >= 0, start, 0).astype(np.int32)[:, None]
        self._nodes = {name: np.concatenate([tree[name] for tree in grafted]) for name in grafted[0]}
        self._nodes |= {
            "first": counts[:-1].astype(np.int32),
            "length": _path_length(np.array([max(sample, 2)])),
        }
        begun = self._nodes["depth"][self._nodes["first"]].astype(np.float64)
        self.base = float(self._of_depth(begun.mean(keepdims=True))[0])

    def _of_depth(self, depth: Array) -> Array:
        return np.exp2(-depth / self._nodes["length"][0])

    def _scores(self, z: Array) -> Array:
        depth = np.zeros(len(z))
        _walk(*self._given(z), depth)
        return self._of_depth(depth / len(self._nodes["first"]))

    def _parts(self, z: Array) -> Array:
        shallower = np.zeros(z.shape)
        _account(*self._given(z), shallower)
        step = np.log(self._scores(z) / self.base)
        # A difference of exponentials over that of exponents: the factor that makes the steps add up.
        factor = self.base * np.where(step == 0, 1.0, np.expm1(step) / np.where(step == 0, 1.0, step))
        shallower *= np.log(2.0) / (self._nodes["length"][0] * len(self._nodes["first"]))
        return shallower * factor[:, None]

    def _given(self, z: Array) -> tuple[NDArray[Any], ...]:
        nodes = self._nodes
        order = (nodes[name] for name in ("first", "column", "threshold", "child", "depth"))
        return (np.ascontiguousarray(z, np.float32), *order)

    def _arrays(self) -> Arrays:
        return self._nodes

    @classmethod
    def _expected(cls, columns: int) -> dict[str, Numbers]:
        return {
            "first": Numbers(("trees",), np.int32, 0, NODES),
            "length": Numbers((1,), np.float64, 1.0, 1e3),
            "column": Numbers(("nodes",), np.int32, -1, columns - 1),
            "threshold": Numbers(("nodes",)),
            "child": Numbers(("nodes", 2), np.int32, 0, NODES),
            "depth": Numbers(("nodes",), low=0.0, high=1e3),
        }

    def _take(self, found: Arrays) -> None:
        nodes = len(found["column"])
        inner = np.flatnonzero(found["column"] >= 0)
        child = found["child"][inner]
        # The kernels follow children unchecked: each lies after its node, so every walk ends.
        if not (len(found["first"]) and (found["first"] < nodes).all()):
            raise ValueError("a forest needs trees, and each must begin at one of its nodes")
        if not ((child > inner[:, None]) & (child < nodes)).all():
            raise ValueError("a node of the forest has a child that is no later node")
        self._nodes = {name: np.ascontiguousarray(found[name]) for name in self._expected(1)}


def _path_length(n: NDArray[np.integer]) -> Array:
    """Mean depth at which one of n rows is set apart by random cuts: that of a failed search in a binary tree."""
    n = n.astype(np.float64)
    many = np.maximum(n, 3.0)
    length = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(n > 2, length, np.where(n == 2, 1.0, 0.0))


def _nodes(tree: Any) -> Arrays:
    """One tree of scikit-learn as arrays: column of each cut (-1: a leaf), threshold, children, expected depth."""
    child = np.stack([tree.children_left, tree.children_right], axis=1).astype(np.int32)
    leaf = child[:, 0] < 0
    rows = tree.n_node_samples.astype(np.float64)
    depth = tree.compute_node_depths() - 1.0 + _path_length(tree.n_node_samples)
    for node in np.flatnonzero(~leaf)[::-1]:  # children come after their node
        depth[node] = rows[child[node]] @ depth[child[node]] / rows[child[node]].sum()
    threshold = tree.threshold.astype(np.float32)
    # Rows are in single precision: the largest such number that is not above the threshold cuts them at the same place.
    above = threshold.astype(np.float64) > tree.threshold
    threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
    return {
        "column": np.where(leaf, -1, tree.feature).astype(np.int32),
        "threshold": np.where(leaf, np.float32(0), threshold),
        "child": np.where(leaf[:, None], 0, child).astype(np.int32),
        "depth": depth.astype(np.float32),
    }


@njit(cache=True, nogil=True)
def _walk(
    z: Reals, first: Whole, column: Whole, threshold: Reals, child: Whole, depth: Reals, out: Array
) -> None:
    """Add to `out` (n,) the depth at which each row (n, k) ends, over all trees."""
    for tree in range(len(first)):
        for row in range(len(z)):
            node = first[tree]
            while column[node] >= 0:
                node = child[node, 0 if z[row, column[node]] <= threshold[node] else 1]
            out[row] += depth[node]


@njit(cache=True, nogil=True)
def _account(
    z: Reals, first: Whole, column: Whole, threshold: Reals, child: Whole, depth: Reals, out: Array
) -> None:
    """Add to `out` (n, k) by how much the cuts of each column make the depth of a row smaller than expected before."""
    for tree in range(len(first)):
        for row in range(len(z)):
            node = first[tree]
            while column[node] >= 0:
                after = child[node, 0 if z[row, column[node]] <= threshold[node] else 1]
                out[row, column[node]] += depth[node] - depth[after]
                node = after
