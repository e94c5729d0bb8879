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
    outputs = weight.shape[0]
    for j in range(0, outputs - 1, 2):
        _two(x, weight[j], weight[j + 1], bias[j], bias[j + 1], out[j * LANES : (j + 2) * LANES])
    if outputs % 2:
        _one(x, weight[outputs - 1], bias[outputs - 1], out[(outputs - 1) * LANES : outputs * LANES])
    if rectify:
        for n in range(outputs * LANES):
            out[n] = max(out[n], ZERO)


# Views and small indices: only so does the compiler see that lanes are apart. Two outputs together read their inputs once,
# which makes them half as slow again as the processor can multiply and add; one alone is twice as slow.
@inlined
def _two(
    x: NDArray[np.float32],
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    bias: np.float32,
    other: np.float32,
    out: NDArray[np.float32],
) -> None:
    for k in range(0, len(first), UNROLLED):
        i, w, v = x[k * LANES : (k + UNROLLED) * LANES], first[k : k + UNROLLED], second[k : k + UNROLLED]
        w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
        v0, v1, v2, v3, v4, v5, v6, v7 = v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
        for n in range(LANES):
            a, b = (bias, other) if k == 0 else (out[n], out[LANES + n])
            i0, i1, i2, i3 = i[n], i[LANES + n], i[2 * LANES + n], i[3 * LANES + n]
            i4, i5, i6, i7 = i[4 * LANES + n], i[5 * LANES + n], i[6 * LANES + n], i[7 * LANES + n]
            out[n] = a + i0 * w0 + i1 * w1 + i2 * w2 + i3 * w3 + i4 * w4 + i5 * w5 + i6 * w6 + i7 * w7
            out[LANES + n] = b + i0 * v0 + i1 * v1 + i2 * v2 + i3 * v3 + i4 * v4 + i5 * v5 + i6 * v6 + i7 * v7


@inlined
def _one(
    x: NDArray[np.float32], weight: NDArray[np.float32], bias: np.float32, out: NDArray[np.float32]
) -> None:
    for n in range(LANES):
        out[n] = bias
    for k in range(0, len(weight), UNROLLED):
        i, w = x[k * LANES : (k + UNROLLED) * LANES], weight[k : k + UNROLLED]
        w0, w1, w2, w3, w4, w5, w6, w7 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
        for n in range(LANES):
            i0, i1, i2, i3 = i[n], i[LANES + n], i[2 * LANES + n], i[3 * LANES + n]
            i4, i5, i6, i7 = i[4 * LANES + n], i[5 * LANES + n], i[6 * LANES + n], i[7 * LANES + n]
            out[n] += i0 * w0 + i1 * w1 + i2 * w2 + i3 * w3 + i4 * w4 + i5 * w5 + i6 * w6 + i7 * w7
