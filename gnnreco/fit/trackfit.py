"""Fit of track candidates in any magnetic field: a Kalman filter and smoother about the track itself, on any sensors.

A candidate's hits are read from the outermost inwards. The state on a sensor is the offset along its two axes, two small
angles about the direction, and q/p, all as *deviations from a reference track*, so nothing is singular: not at low angle,
not along z. The reference starts as the curve through three hits; after each pass it becomes the smoothed track, which
makes the fit the exact least-squares solution with a kink allowed at every sensor (Gauss-Newton), in two or three passes.

The smoother is the disturbance smoother of Durbin and Koopman (Time Series Analysis by State Space Methods, 2012, 4.5),
which inverts nothing larger than 2 x 2 and gives what each hit adds to chi2: dropping that hit lowers chi2 by just that.
Multiple scattering: Highland's formula as the Particle Data Group gives it.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints
from gnnreco.geometry import Detector, along_z
from gnnreco.kernels import U, V, X, Y, Z

from .clusters import COLUMNS, clusters_of, take_errors
from .helix import BEND
from .kalman import IGNORED, Given, Work, filter_hits, kernel, smooth
from .matter import between_sensors
from .reference import advance, angle_axes, follow_hits, write_track
from .result import FITTED, MISSED_SENSOR, NOT_FINITE, TOO_FEW_HITS, UNMEASURED, UNSETTLED, FitResult
from .seed import lever_of, seed

if TYPE_CHECKING:
    from gnnreco.geometry import Field
    from gnnreco.geometry.field.grid import FieldGrid


__all__ = [
    "FITTED",
    "MISSED_SENSOR",
    "NOT_FINITE",
    "TOO_FEW_HITS",
    "UNMEASURED",
    "UNSETTLED",
    "FitResult",
    "fit_tracks",
]

#: Passes over one track: one or two nearly always do.
MAX_PASSES = 6


class Surfaces(Protocol):
    """What a fit asks of the planes that hits were measured on: a detector, or anything with these columns."""

    @property
    def field(self) -> Field:
        """Magnetic field, wherever a track is."""
        ...

    @property
    def rotation(self) -> Floats:
        """Axes u, v and normal of each plane, (n, 3, 3)."""
        ...

    @property
    def radiation_lengths(self) -> Floats:
        """Of the material at each plane, (n,)."""
        ...

    @property
    def resolution_u(self) -> Floats:
        """Of hits that tell no variance, mm, (n,)."""
        ...

    @property
    def resolution_v(self) -> Floats:
        """The same along v."""
        ...


def fit_tracks(
    detector: Surfaces,
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
    detector : Surfaces
        Gives the field, the sensors' axes, radiation lengths and, where the hits have none, resolutions.
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
        GeV, assumed for scattering where the field cannot tell it.
    threads : int
        Candidates are shared among this many threads; the result does not depend on it.

    Returns
    -------
    FitResult
    """
    n, m = len(offsets) - 1, len(hit_index)
    if offsets[-1] != m or (m and not 0 <= int(hit_index.min()) <= int(hit_index.max()) < len(hits)):
        raise ValueError("offsets and hit_index do not describe candidates of these hits")
    result = FitResult(
        np.zeros((n, 5)),
        np.zeros((n, 15)),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, np.uint8),
        np.zeros(n, np.bool_),
        np.zeros(m, np.bool_),
        np.zeros(m),
        np.zeros((n, 7)),
        np.zeros((n, 7)),
    )
    if n == 0 or m == 0:
        result.status[:] = TOO_FEW_HITS
        return result
    sensor, bz = np.clip(hits.sensor, 0, len(detector.rotation) - 1), along_z(detector.field)
    lengths, layer = _layers(detector)
    given = Given(
        np.ascontiguousarray(hits.xyz),
        hits.sensor,
        np.asarray(detector.resolution_u[sensor] ** 2 if hits.var_u is None else hits.var_u, np.float64),
        np.asarray(detector.resolution_v[sensor] ** 2 if hits.var_v is None else hits.var_v, np.float64),
        np.ascontiguousarray(detector.rotation),
        lengths,
        layer,
        _cylinders(detector),
        BEND if bz is None else bz * BEND,
        mass,
        energy_loss,
        1.0 / momentum_without_field,
        np.inf if max_chi2_hit is None else max_chi2_hit,
        max_drops,
    )
    clusters = clusters_of(detector, hits, np.asarray(hit_index, np.int64))
    grid = detector.field.grid if bz is None else None  # None: along z and the same everywhere
    offsets, hit_index = np.asarray(offsets, np.int64), np.asarray(hit_index, np.int64)

    def fit(start: int, stop: int) -> None:
        _fit_range(start, stop, offsets, hit_index, given, clusters, grid, result)

    if threads <= 1:  # an event of few tracks would wait for a thread to start and to end
        fit(0, n)
        return result
    edges = np.linspace(0, n, threads + 1).astype(np.int64).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fit, edges[:-1], edges[1:]))
    return result


def _layers(detector: Surfaces) -> tuple[Floats, NDArray[np.int32]]:
    """Radiation lengths of each plane, and of one behind another plane of its layer, (n, 2); its layer, (n,)."""
    if isinstance(detector, Detector):
        return detector.shared_radiation_lengths, detector.layer
    lengths = np.asarray(detector.radiation_lengths, np.float64)
    return np.stack([lengths, lengths], axis=1), np.arange(len(lengths), dtype=np.int32)


def _cylinders(detector: Surfaces) -> Floats:
    """Radius, half length, radiation lengths and middle of the passive cylinders, (k, 4); planes alone have none."""
    rows = [
        (c.radius, c.half_length, c.radiation_lengths, c.middle) for c in getattr(detector, "passive", ())
    ]
    return np.array(rows, np.float64).reshape(-1, 4)


@kernel
def _fit_range(
    start: int,
    stop: int,
    offsets: Ints,
    hit_index: Ints,
    given: Given,
    clusters: Floats,
    grid: FieldGrid | None,
    out: FitResult,
) -> None:
    """Fit candidates `start` to `stop`; `grid` is None where the field is along z and the same everywhere."""
    longest = 1
    for i in range(start, stop):
        longest = max(longest, offsets[i + 1] - offsets[i])
    n = longest
    work = Work(
        np.empty(n, np.int64), np.empty((n, 3)), np.empty((n, 5, 3)), np.empty((n, 2)), np.zeros((n, 2, COLUMNS)),
        np.empty(n), np.empty((n, 7)), np.empty((n, 3)), np.empty((n, 2)), np.zeros((n, 5)), np.empty((n, 5, 5)),
        np.empty((n, 5)), np.empty((n, 5, 5)), np.empty((n, 5, 2)), np.empty((n, 3)), np.empty((n, 2)), np.empty(n),
        np.empty((5, 5)), np.empty((6, 7)), np.empty((5, 5)), np.empty((5, 5)), np.empty((5, 5)),
    )  # fmt: skip
    for i in range(start, stop):
        n = _load(offsets[i], offsets[i + 1], hit_index, given, clusters, out, work)
        used = n
        lever = lever_of(n, given, grid, work)
        unknowns = 5 if lever > 0.0 else 4
        for drop in range(given.max_drops + 1):
            out.status[i] = _fit_one(n, used, lever, given, grid, work)
            if out.status[i] != FITTED:
                break
            worst = 0
            for j in range(n):
                if work.variance[j, U] < IGNORED:
                    out.chi2_hit[work.row[j]] = work.chi2[j]
                if work.chi2[j] > work.chi2[worst]:
                    worst = j
            if (
                drop == given.max_drops
                or work.chi2[worst] <= given.max_chi2_hit
                or 2 * (used - 1) <= unknowns
            ):
                break
            # The track has crossed the sensor all the same: its material stays, the measurement goes.
            out.kept[work.row[worst]] = False
            work.variance[worst] = IGNORED
            used -= 1
        if out.status[i] == FITTED:
            out.status[i] = write_track(i, n, 2 * used - unknowns, lever, given, grid, work, out)


@kernel
def _load(
    start: int, stop: int, hit_index: Ints, given: Given, clusters: Floats, out: FitResult, work: Work
) -> int:
    """Copy one candidate's usable hits, outermost first; returns how many."""
    n, before = 0, -1
    for m in range(stop - 1, start - 1, -1):
        hit = hit_index[m]
        sensor = given.sensor[hit]
        size = given.xyz[hit, X] + given.xyz[hit, Y] + given.xyz[hit, Z] + given.var_u[hit] + given.var_v[hit]
        if (
            sensor < 0
            or sensor >= len(given.rotation)
            or not math.isfinite(size)
            or given.var_u[hit] <= 0.0
            or given.var_v[hit] <= 0.0
        ):
            continue
        out.kept[m] = True
        work.row[n] = m
        for c in range(3):
            work.point[n, c] = given.xyz[hit, c]
            for a in range(3):
                work.axes[n, a, c] = given.rotation[sensor, c, a]
        work.variance[n, U], work.variance[n, V] = given.var_u[hit], given.var_v[hit]
        # Services of a layer count where a track leaves it: in ACTS those of pixels stand 3 mm outside of them.
        further = 1 if given.layer[sensor] == before else 0
        work.material[n] = given.radiation_lengths[sensor, further]
        before = given.layer[sensor]
        if len(clusters):
            work.cluster[n] = clusters[m]
        n += 1
    between_sensors(n, given, work)
    return n


@kernel
def _fit_one(n: int, used: int, lever: float, given: Given, grid: FieldGrid | None, work: Work) -> int:
    """Passes of linearise, filter, smooth until the track stands still; returns the status.

    A change of direction by an angle leaves an error of that angle squared times the way to the next sensor: when it is
    under a twentieth of the best resolution, or chi2 does not change, another pass would tell nothing new.
    """
    if 2 * used < (5 if lever > 0.0 else 4) or used < 2:
        return TOO_FEW_HITS
    seed(n, lever, given, grid, work)
    finest, before = np.inf, np.inf
    for j in range(n):
        finest = min(finest, work.variance[j, U], work.variance[j, V])
    p = work.point
    way = math.sqrt(
        (p[0, X] - p[n - 1, X]) ** 2 + (p[0, Y] - p[n - 1, Y]) ** 2 + (p[0, Z] - p[n - 1, Z]) ** 2
    ) / (n - 1)
    reached = _step_through(n, True, lever, given, grid, work)
    if not reached:
        follow_hits(n, work)
        reached = _step_through(n, False, lever, given, grid, work)
    take_errors(n, work)
    for _ in range(MAX_PASSES):
        if not reached:
            return MISSED_SENSOR
        chi2 = filter_hits(n, lever, work)
        if not math.isfinite(chi2):
            return NOT_FINITE
        turned = smooth(n, work)
        if turned * way < 0.05 * math.sqrt(finest) or abs(chi2 - before) < 0.01 + 1e-3 * chi2:
            return FITTED
        before = chi2
        reached = _step_through(n, False, lever, given, grid, work)
    return UNSETTLED


@kernel
def _step_through(n: int, new: bool, lever: float, given: Given, grid: FieldGrid | None, work: Work) -> bool:
    """The Jacobians along the reference; from its first state alone where it is `new`. False if a sensor is missed."""
    angle_axes(0, work)
    for j in range(1, n):
        if not new:
            angle_axes(j, work)
        if not advance(j - 1, new, lever, given, grid, work):
            return False
    return True
