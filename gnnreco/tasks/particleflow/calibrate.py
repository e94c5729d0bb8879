"""The last numbers of a model: how sure it may be, and how wide its errors are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from gnnreco.columns import Floats, Ints
from gnnreco.models.element_network import CLASSES, NOTHING, Judged

from .answers import OwnerAnswers
from .judgement import Momenta
from .sharing import Shares

COVERED = 0.683  # of the deviations lie within the error
ENOUGH = 50  # owners of a class, to correct its errors


@dataclass(frozen=True, slots=True)
class Found:
    """Owners in events that nothing was learned from.

    Attributes
    ----------
    row : int64 (n,)
        0: track, 1: shower.
    logits : float64 (n, 6)
    kind, said : int64 (n,)
        True class, and the likeliest that is a particle.
    off : float64 (n,)
        Deviation of the logarithm of the energy in units of its error; NaN for nothing.
    """

    row: Ints
    logits: Floats
    kind: Ints
    said: Ints
    off: Floats

    @classmethod
    def of(
        cls,
        judged: Judged,
        found: Momenta,
        wanted: OwnerAnswers,
        shares: Shares,
        n_tracks: int,
    ) -> Found:
        """Those of one event."""
        off = np.abs(found.log_energy.numpy() - np.log(np.maximum(wanted.size, 1e-3)))
        off /= np.exp(found.log_sigma.numpy())
        row = (shares.element >= n_tracks).astype(np.int64)
        said = found.probability[:, :NOTHING].argmax(dim=1).numpy()
        return cls(row, judged.kind.double().numpy(), wanted.kind, said, off)

    @classmethod
    def join(cls, parts: Sequence[Found]) -> Found:
        """Those of several events."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


def fit_temperature(found: Found) -> NDArray[np.float32]:
    """What to divide the logits of tracks and of showers by (2,): Guo et al., arXiv 1706.04599."""
    out = np.ones(2, np.float32)
    for row in range(2):
        mine = found.row == row
        if np.count_nonzero(mine) >= ENOUGH:
            logits, kind = found.logits[mine], found.kind[mine]

            def cost(t: float, logits: Floats = logits, kind: Ints = kind) -> float:
                return -float(log_softmax(logits / np.exp(t), axis=1)[np.arange(len(kind)), kind].mean())

            out[row] = np.exp(minimize_scalar(cost, bounds=(-1.5, 1.5), method="bounded").x)
    return out


def fit_errors(found: Found) -> NDArray[np.float32]:
    """What to widen errors by, for tracks and showers of each class (2, 5), so that they cover 68 %: split conformal."""
    out = np.ones((2, CLASSES), np.float32)
    some = np.isfinite(found.off)
    for row in range(2):
        for kind in range(CLASSES):
            mine = found.off[some & (found.row == row) & (found.said == kind)]
            if len(mine) >= ENOUGH:
                out[row, kind] = max(np.quantile(mine, COVERED), 1e-3)
    return out
