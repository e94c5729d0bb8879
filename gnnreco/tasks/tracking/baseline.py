"""The simplest scorer of triplets: how straight they are, in units of what resolution and scattering allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.graphs import TRIPLET_FEATURES

WORDS = (
    "the straightest continuation of each doublet (by its kink over the expected error), on the same graph"
)
KINK, BEAM = (TRIPLET_FEATURES.index(name) for name in ("kink_pull", "beam_pull"))
#: Log-odds of a triplet without any kink; at two and a half expected errors it is as likely wrong as right.
STRAIGHT = 3.0


class StraightestScorer:
    """Log-odds that fall with the square of both kinks, as for normal errors; it learns nothing."""

    def logits(
        self, nodes: NDArray[np.float32], edges: NDArray[np.float32], pairs: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Log-odds of the edges (m,): see `gnnreco.models.Scorer`."""
        square = edges[:, KINK] ** 2 + edges[:, BEAM] ** 2
        return np.asarray(STRAIGHT - 0.5 * square, np.float32)
