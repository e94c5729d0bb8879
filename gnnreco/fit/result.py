"""What a track fit gives: columns that its kernels, compiled by `njit`, fill, and how each fit ended."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints, Tracks

FITTED, TOO_FEW_HITS, MISSED_SENSOR, UNSETTLED, NOT_FINITE = 0, 1, 2, 3, 4
UNMEASURED = 1e6  # (e/GeV)^2, variance given to a q/p that too weak a field cannot tell


class FitResult(NamedTuple):
    """Fitted tracks, one row a candidate; hit columns follow the candidates' `hit_index`.

    Attributes
    ----------
    parameters : (n, 5)
        d0, z0 (mm), phi, theta (rad), q/p (e/GeV) where the track passes the z axis, with the signs of ACTS. Where the field
        along the track cannot tell q/p, it is 0 with variance `UNMEASURED`. All zero where `valid` is False.
    covariance : (n, 15)
        Lower triangle, row by row.
    chi2, ndf : (n,)
        Two measurements a hit that was kept, less five parameters (four where q/p cannot be told).
    status : uint8 (n,)
        FITTED, TOO_FEW_HITS, MISSED_SENSOR (no curve reaches the sensors), UNSETTLED
        (no solution in `gnnreco.fit.trackfit.MAX_PASSES` passes, or errors so unlike that chi2 drowns in rounding),
        NOT_FINITE.
    at_first_hit : bool (n,)
        The track runs along z as well as can be told, so nothing defines its closest approach to the axis: d0 and z0 are
        those of the innermost hit, and z0 has no variance. Test beams; never in a collider.
    kept : bool (m,)
        False for hits dropped as outliers, hits of no sensor and hits that are not finite.
    chi2_hit : (m,)
        What the hit adds to chi2 (two degrees of freedom); for a dropped one, at the time it was dropped.
    first, last : (n, 7)
        x, y, z (mm), direction, q/p on the innermost and outermost sensor: where to start looking for more hits.
    """

    parameters: Floats
    covariance: Floats
    chi2: Floats
    ndf: Floats
    status: NDArray[np.uint8]
    at_first_hit: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    chi2_hit: Floats
    first: Floats
    last: Floats

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Rows whose numbers mean something, (n,)."""
        return np.equal(self.status, FITTED)

    def tracks(self, offsets: Ints, hit_index: Ints, score: Floats) -> Tracks:
        """The same as `Tracks`, without the dropped hits; failed fits stay, with zeros.

        Parameters
        ----------
        offsets, hit_index
            The candidates as they were given to `fit_tracks`.
        score : (n,)
        """
        before = np.concatenate([[0], np.cumsum(self.kept)])
        d0, z0, phi, theta, q_over_p = np.ascontiguousarray(self.parameters.T)
        return Tracks(
            before[offsets],
            hit_index[self.kept],
            d0,
            z0,
            phi,
            theta,
            q_over_p,
            self.covariance,
            self.chi2,
            self.ndf,
            score,
        )
