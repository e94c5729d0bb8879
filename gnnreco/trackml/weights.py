"""The weights of hits in the score of the challenge, by order along the track and transverse momentum.

The formula stands in `gnnreco.evaluate.tracking.trackml`, whose `hit_weights` takes our own columns; here are tables.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gnnreco.evaluate.tracking.trackml import MAX_HITS, MIN_HITS, ORDER_WORTH, order_table, pt_weight

from .tables import require_columns, require_once
from .utils import decode_particle_id

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from pandas import DataFrame

ORDER_PROPOSAL = ORDER_WORTH.tolist()
ORDER_MIN_HITS, ORDER_MAX_HITS = MIN_HITS, MAX_HITS
#: Weight by (hits of the particle, position along the track), float64 (21, 20).
ORDER_MATRIX = order_table()[:, :MAX_HITS]
#: The particle of noise; the name is the challenge's own.
INVALID_PARTICLED_ID = 0
#: What is added to the truth; what is there already is made anew.
MADE = ("particle_nhits", "weight_pt", "ihit", "weight_order")


def print_order_weight_matrix(prefix: str = "") -> None:
    """Print the weights by order in per cent, a line for each number of hits, each behind `prefix`."""
    print(f"{prefix}weight in per cent of the hits along the track, by the number of hits")
    print(f"{prefix}hits |" + "".join(f"{i:3d}" for i in range(ORDER_MAX_HITS)))
    for nhits in range(1, ORDER_MAX_HITS + 1):
        print(f"{prefix}{nhits:4d} |" + "".join(f"{100 * w:3.0f}" for w in ORDER_MATRIX[nhits, :nhits]))


def weight_order(args: Sequence[Any]) -> Any:
    """Weight due to the order of a hit along its track.

    Parameters
    ----------
    args : pair (ihit, nhits)
        Position of the hit along the track, from 0 on, and the hits of the particle; two numbers or two arrays.

    Returns
    -------
    float64
        In the shape of the arguments; 0 for particles with fewer than 4 hits and for hits beyond the 20th, of which
        a `UserWarning` tells.

    Raises
    ------
    ValueError
        A hit lies beyond the last of its particle.
    """
    ihit, nhits = (np.asarray(values) for values in args)
    counts = nhits >= ORDER_MIN_HITS
    late = counts & (ihit >= ORDER_MAX_HITS)
    wrong = counts & ~late & ((ihit >= nhits) | (ihit < 0))
    if wrong.any():
        hit, of = (np.broadcast_to(values, wrong.shape)[wrong][0] for values in (ihit, nhits))
        raise ValueError(
            f"hit {hit} (from 0 on) of a particle with {of} hits: the particles are not those of this truth"
        )
    if late.any():
        beyond = np.count_nonzero(late)
        warnings.warn(f"{beyond} hits beyond the {ORDER_MAX_HITS}th of a track have no weight", stacklevel=2)
    known = counts & ~late
    return np.where(known, ORDER_MATRIX[np.minimum(nhits, ORDER_MAX_HITS) * known, ihit * known], 0.0)[()]


def weight_pt(
    pt: ArrayLike, pt_inf: float = 0.5, pt_sup: float = 3.0, w_min: float = 0.2, w_max: float = 1.0
) -> Any:
    """Weight due to transverse momentum.

    Parameters
    ----------
    pt : float or array
        GeV.
    pt_inf, pt_sup : float
        Where the weight begins to rise, and where it ends, GeV.
    w_min, w_max : float
        The weights there.

    Returns
    -------
    float64
        In the shape of `pt`; zero below 0.05 GeV.
    """
    return pt_weight(pt, pt_inf, pt_sup, w_min, w_max)


def weight_hits_phase1(truth: DataFrame, particles: DataFrame) -> DataFrame:
    """Weights of the accuracy phase: of all particles.

    Parameters
    ----------
    truth : pandas.DataFrame
        With the columns ``hit_id``, ``particle_id`` and ``tz``.
    particles : pandas.DataFrame
        With the columns ``particle_id``, ``vz``, ``px``, ``py`` and ``nhits``.

    Returns
    -------
    pandas.DataFrame
        A new table: the truth, with ``particle_nhits``, ``weight_pt``, ``ihit`` (position along the track, by
        ``|tz - vz|``; hits at the same place share the lower one), ``weight_order`` and ``weight``. The weights sum
        to one (they are all zero where no hit counts); noise, and particles that are not listed, have none.

    Raises
    ------
    KeyError
        A column is missing.
    ValueError
        A particle is listed twice (`pandas.errors.MergeError`), or has more hits in the truth than its ``nhits``.
    """
    return _weighed(_with_particles(truth, particles))


def weight_hits_phase2(truth: DataFrame, particles: DataFrame) -> DataFrame:
    """Weights of the throughput phase: only of particles that come from a collision itself, not from other particles.

    Parameters
    ----------
    truth, particles : pandas.DataFrame
        As in `weight_hits_phase1`.

    Returns
    -------
    pandas.DataFrame
        As from `weight_hits_phase1`, with the columns of `gnnreco.trackml.utils.decode_particle_id` too (NaN for
        noise); weights are zero where ``generation`` is not.

    Raises
    ------
    KeyError, ValueError
        As in `weight_hits_phase1`.
    """
    return _weighed(_with_particles(truth, particles, decode=True), only_generation=0)


def _with_particles(truth: DataFrame, particles: DataFrame, decode: bool = False) -> DataFrame:
    """The truth and, hit by hit, what the weights need of the particles."""
    require_columns(truth, "truth", ("particle_id", "tz"))
    require_columns(particles, "particles", ("particle_id", "vz", "px", "py", "nhits"))
    require_once(particles, "particles", "particle_id")
    needed = particles[["particle_id"]].assign(
        particle_vz=particles["vz"],
        particle_nhits=particles["nhits"],
        weight_pt=weight_pt(np.hypot(particles["px"], particles["py"])),
    )
    if decode:
        needed = decode_particle_id(needed)
    again = [name for name in needed.columns.union(MADE) if name in truth and name != "particle_id"]
    found = truth.drop(columns=again).merge(needed, how="left", on="particle_id")
    return found.fillna({"weight_pt": 0.0, "particle_nhits": 0}).astype({"particle_nhits": np.int32})


def _weighed(found: DataFrame, only_generation: int | None = None) -> DataFrame:
    """The table with order and weight of each hit, without what was needed for it."""
    distance = (found["tz"] - found["particle_vz"]).abs()
    # NaN, of hits without a particle, has no rank
    place = distance.groupby(found["particle_id"]).rank().fillna(1.0) - 1
    found["ihit"] = place.astype(np.int32)
    found["weight_order"] = weight_order((found["ihit"], found["particle_nhits"]))
    weight = found["weight_pt"] * found["weight_order"]
    if only_generation is not None:
        weight = weight.where(found["generation"] == only_generation, 0.0)
    total = weight.sum()
    found["weight"] = weight / total if total > 0 else weight
    return found.drop(columns="particle_vz")
