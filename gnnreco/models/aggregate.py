"""Sums of edge values at nodes over sorted segments: deterministic, and the fastest on a CPU.

On a GPU torch-scatter takes the sums if it is installed, else torch.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnnreco.kernels import njit


@njit(cache=True, boundscheck=False)
def _sum(
    values: NDArray[np.float32], order: NDArray[np.int64], start: NDArray[np.int64], out: NDArray[np.float32]
) -> None:
    width = values.shape[1]
    for node in range(len(start) - 1):
        for k in range(start[node], start[node + 1]):
            edge = order[k]
            for c in range(width):
                out[node, c] += values[edge, c]


class _SegmentSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, node: Tensor, order: Tensor, start: Tensor) -> Tensor:
        ctx.save_for_backward(node)
        out = np.zeros((len(start) - 1, values.shape[1]), np.float32)
        _sum(values.detach().numpy(), order.numpy(), start.numpy(), out)
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        (node,) = ctx.saved_tensors
        return grads[0].index_select(0, node), None, None, None


def segment_sum(values: Tensor, node: Tensor, order: Tensor, start: Tensor) -> Tensor:
    """Sum the rows of `values` (m, c) that belong to each node.

    Parameters
    ----------
    values : float32 (m, c)
    node : int64 (m,)
        Node of each row.
    order, start : int64 (m,), (n + 1,)
        Rows sorted by node, and where each node's rows begin: see `sort_by_node`.

    Returns
    -------
    float32 (n, c)
    """
    if values.device.type != "cpu":
        if (library := _torch_scatter()) is not None:
            return _by_library(library, values, order, start)
        return values.new_zeros(len(start) - 1, values.shape[1]).index_add_(0, node, values)
    result: Tensor = _SegmentSum.apply(values.float().contiguous(), node, order, start)  # type: ignore[no-untyped-call]
    return result


@cache
def _torch_scatter() -> ModuleType | None:
    """torch-scatter (the extra ``scatter``), where it is installed and was built for this torch."""
    try:
        import torch_scatter
    except (ImportError, OSError):  # one that was built for another torch cannot be loaded
        return None
    module: ModuleType = torch_scatter
    return module


def _by_library(library: ModuleType, values: Tensor, order: Tensor, start: Tensor) -> Tensor:
    """The sum by torch-scatter: on a GPU its bits are the same in every run, those of `index_add_` are not."""
    result: Tensor = library.segment_csr(values.index_select(0, order), start, reduce="sum")
    return result


def sort_by_node(node: NDArray[np.integer[Any]], n_nodes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order of the rows by node (stable) and the start of each node's rows: done once for each graph."""
    order = np.argsort(node, kind="stable")
    return order, np.searchsorted(node[order], np.arange(n_nodes + 1))
