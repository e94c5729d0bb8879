"""Dense layers over blocks of candidates: one lane for each, so that the processor works on many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.kernels import njit

LANES = 128  # candidates in a block: its hidden layers stay in the first-level cache
UNROLLED = 8  # inputs that one pass over a block adds up
ZERO = np.float32(0)

compiled = njit(cache=True, boundscheck=False, error_model="numpy", fastmath=True)
#: For a kernel that another kernel calls. Under `fastmath` two compilations of one function may round differently, and
#: where both are loaded a call binds to whichever came first: only a callee that is inlined gives the same bits always.
inlined = njit(cache=True, boundscheck=False, error_model="numpy", fastmath=True, forceinline=True)


def packed(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights (inputs, outputs) as `dense` wants them: (outputs, inputs), filled with zeros to a multiple of 8 inputs."""
    inputs, outputs = weight.shape
    out = np.zeros((outputs, -(-inputs // UNROLLED) * UNROLLED), np.float32)
    out[:, :inputs] = weight.T
    return out


@inlined
def dense(
    x: NDArray[np.float32],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    out: NDArray[np.float32],
    rectify: bool,
) -> None:
    """``out[j] = bias[j] + sum over k of weight[j, k] x[k]`` for every lane, cut off at zero if `rectify`.

    Parameters
    ----------
    x, out : float32 (inputs * LANES,), (outputs * LANES,)
        Row after row; rows that only fill up the inputs must be finite.
    weight, bias : float32 (outputs, inputs), (outputs,)
        See `packed`.
    """
    for j in range(weight.shape[0]):
        row, first = out[j * LANES : (j + 1) * LANES], bias[j]
        for n in range(LANES):
            row[n] = first
        for k in range(0, weight.shape[1], UNROLLED):
            i, w = x[k * LANES : (k + UNROLLED) * LANES], weight[j, k : k + UNROLLED]
            w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
            for n in range(
                LANES
            ):  # views and small indices: only so does the compiler see that lanes are apart
                row[n] += (
                    i[n] * w0
                    + i[LANES + n] * w1
                    + i[2 * LANES + n] * w2
                    + i[3 * LANES + n] * w3
                    + i[4 * LANES + n] * w4
                    + i[5 * LANES + n] * w5
                    + i[6 * LANES + n] * w6
                    + i[7 * LANES + n] * w7
                )
        if rectify:
            for n in range(LANES):
                row[n] = max(row[n], ZERO)
