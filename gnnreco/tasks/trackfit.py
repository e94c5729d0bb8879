"""Fit of track candidates in a solenoid field: a Kalman filter and smoother about the track itself, on any sensors.

A candidate's hits are read from the outermost inwards. The state on a sensor is the offset along its two axes, two small
angles about the direction, and q/p, all as *deviations from a reference track*, so nothing is singular: not at low angle,
not along z. The reference starts as the helix through three hits; after each pass it becomes the smoothed track, which
makes the fit the exact least-squares solution with a kink allowed at every sensor (Gauss-Newton), in two or three passes.

The smoother is the disturbance smoother of Durbin and Koopman (Time Series Analysis by State Space Methods, 2012, 4.5),
which inverts nothing larger than 2 x 2 and gives what each hit adds to chi2: dropping that hit lowers chi2 by just that.
Multiple scattering: Highland's formula as the Particle Data Group gives it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints, Tracks
from gnnreco.tasks.helix import BEND
from gnnreco.tasks.kalman import FITTED, TOO_FEW_HITS, Given, Out, fit_range

if TYPE_CHECKING:
    from gnnreco.geometry import Detector


@dataclass(frozen=True, slots=True)
class FitResult:
    """Fitted tracks, one row a candidate; hit columns follow the candidates' `hit_index`.

    Attributes
    ----------
    parameters : (n, 5)
        d0, z0 (mm), phi, theta (rad), q/p (e/GeV) where the track passes the z axis, with the signs of ACTS. Without a
        field q/p is 0 with variance `UNMEASURED`. All zero where `valid` is False.
    covariance : (n, 15)
        Lower triangle, row by row.
    chi2, ndf : (n,)
        Two measurements a hit that was kept, less five parameters (four without a field).
    status : uint8 (n,)
        FITTED, TOO_FEW_HITS, MISSED_SENSOR (no helix reaches the sensors), NOT_FINITE.
    at_first_hit : bool (n,)
        The track runs along z as well as can be told, so nothing defines its closest approach to the axis: d0 and z0 are
        those of the innermost hit. Test beams; never in a collider.
    kept : bool (m,)
        False for hits dropped as outliers, hits of no sensor and hits that are not finite.
    chi2_hit : (m,)
        What the hit adds to chi2 (two degrees of freedom); for a dropped one, at the time it was dropped.
    first, last : (n, 7)
        x, y, z (mm), direction, q/p on the innermost and outermost kept sensor: where to start looking for more hits.
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
        return self.status == FITTED

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
            before[offsets], hit_index[self.kept], d0, z0, phi, theta, q_over_p, self.covariance, self.chi2, self.ndf, score
        )


def fit_tracks(
    detector: Detector,
    hits: Hits,
    offsets: Ints,
    hit_index: Ints,
    max_chi2_hit: float | None = None,
    max_drops: int = 2,
    energy_loss: bool = False,
    mass: float = 0.13957,
    momentum_without_field: float = 1.0,
    threads: int = 1,
) -> FitResult:
    """Fit every candidate.

    Parameters
    ----------
    detector : Detector
        Gives the field (its bz), the sensors' axes, radiation lengths and, where the hits have none, resolutions.
    offsets : int64 (n + 1,)
        Candidate ``i`` has the hits ``hit_index[offsets[i]:offsets[i + 1]]``, from the innermost outwards.
    hit_index : int64 (m,)
        Rows of `hits`.
    max_chi2_hit : float, optional
        Drop the worst hit and fit again while one adds more than this to chi2, up to `max_drops` times and never below
        one degree of freedom. None keeps all.
    energy_loss : bool
        Correct q/p at each sensor for the mean loss in as many radiation lengths of silicon (Bethe).
    mass : float
        GeV, for scattering and energy loss.
    momentum_without_field : float
        GeV, assumed for scattering where the field is zero.
    threads : int
        Candidates are shared among this many threads; the result does not depend on it.

    Returns
    -------
    FitResult
    """
    n, m = len(offsets) - 1, len(hit_index)
    result = FitResult(
        np.zeros((n, 5)), np.zeros((n, 15)), np.zeros(n), np.zeros(n), np.zeros(n, np.uint8), np.zeros(n, np.bool_),
        np.zeros(m, np.bool_), np.zeros(m), np.zeros((n, 7)), np.zeros((n, 7)),
    )  # fmt: skip
    if n == 0 or m == 0:
        result.status[:] = TOO_FEW_HITS
        return result
    sensor = np.maximum(hits.sensor, 0)
    given = Given(
        np.ascontiguousarray(hits.xyz),
        hits.sensor,
        np.asarray(detector.resolution_u[sensor] ** 2 if hits.var_u is None else hits.var_u, np.float64),
        np.asarray(detector.resolution_v[sensor] ** 2 if hits.var_v is None else hits.var_v, np.float64),
        np.ascontiguousarray(detector.rotation),
        np.asarray(detector.radiation_lengths, np.float64),
        float(detector.field.bz) * BEND,
        mass,
        energy_loss,
        1.0 / momentum_without_field,
        np.inf if max_chi2_hit is None else max_chi2_hit,
        max_drops,
    )
    out = Out(
        result.parameters, result.covariance, result.chi2, result.ndf, result.status, result.at_first_hit, result.kept,
        result.chi2_hit, result.first, result.last,
    )  # fmt: skip
    offsets, hit_index = np.asarray(offsets, np.int64), np.asarray(hit_index, np.int64)
    edges = np.linspace(0, n, max(1, threads) + 1).astype(np.int64)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        parts = [pool.submit(fit_range, a, b, offsets, hit_index, given, out) for a, b in zip(edges, edges[1:], strict=False)]
        for part in parts:
            part.result()
    return result
