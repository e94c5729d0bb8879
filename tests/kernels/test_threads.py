"""Numba and torch share OpenMP, and so the number of its threads."""

from __future__ import annotations

import numba
import numpy as np
import torch

from gnnreco.kernels import threads


@numba.njit(parallel=True)
def _doubled(values):
    out = np.empty_like(values)
    for i in numba.prange(len(values)):
        out[i] = 2 * values[i]
    return out


def test_a_parallel_kernel_leaves_torch_its_one_thread() -> None:
    before = numba.get_num_threads(), torch.get_num_threads()
    with threads(1):
        assert _doubled(np.arange(100.0)).sum() == 9900
        assert torch.get_num_threads() == 1
    assert (numba.get_num_threads(), torch.get_num_threads()) == before
