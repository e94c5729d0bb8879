"""Made-up submissions: the truth with hits dropped or shuffled, or nothing but chance.

All chance comes from NumPy's global generator in the order in which the challenge's library draws, since its programs
seed that generator: the same seed gives the same submission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .tables import need_pandas, require_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame


def set_seed(seed: int) -> None:
    """Seed the generator of this module, which is NumPy's global one."""
    np.random.seed(seed)


def random_solution(hits: DataFrame, ntracks: int) -> DataFrame:
    """Give every hit one of `ntracks` tracks by chance.

    Parameters
    ----------
    hits : pandas.DataFrame
        With the column ``hit_id``.
    ntracks : int

    Returns
    -------
    pandas.DataFrame
        ``hit_id`` and ``track_id`` (int32, 1 to `ntracks`).
    """
    require_columns(hits, "hits", ("hit_id",))
    return _submission(hits, np.random.randint(1, ntracks + 1, size=len(hits), dtype=np.int32))


def drop_hits(truth: DataFrame, probability: float) -> DataFrame:
    """Take hits off their tracks by chance; each is then a track of its own.

    Parameters
    ----------
    truth : pandas.DataFrame
        With the columns ``hit_id`` and ``particle_id``. Hits of noise (particle 0) make one track together.
    probability : float
        Of a hit to be dropped.

    Returns
    -------
    pandas.DataFrame
        ``hit_id`` and ``track_id``, which are 1 to the number of tracks in an order of chance.
    """
    particle, chosen = _particles(truth, probability)
    if len(particle):
        particle[chosen] = particle.max() + 1 + np.arange(np.count_nonzero(chosen))
    return _submission(truth, _renumbered(particle))


def shuffle_hits(truth: DataFrame, probability: float) -> DataFrame:
    """Move hits to other tracks by chance.

    Parameters
    ----------
    truth : pandas.DataFrame
        With the columns ``hit_id`` and ``particle_id``. Hits of noise (particle 0) make one track together.
    probability : float
        Of a hit to be moved; every track, also its own, is as likely to take it.

    Returns
    -------
    pandas.DataFrame
        ``hit_id`` and ``track_id``, which are 1 to the number of tracks in an order of chance.
    """
    particle, chosen = _particles(truth, probability)
    if len(particle):
        particle[chosen] = np.random.choice(np.unique(particle), size=np.count_nonzero(chosen))
    return _submission(truth, _renumbered(particle))


def _particles(truth: DataFrame, probability: float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A copy of the particle of each hit, and which hits chance has chosen."""
    require_columns(truth, "truth", ("hit_id", "particle_id"))
    particle = truth["particle_id"].to_numpy(np.int64, copy=True)
    return particle, np.random.random_sample(len(particle)) < probability


def _renumbered(label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels as numbers from one on, in an order that tells nothing of the particles."""
    found, row = np.unique(label, return_inverse=True)
    numbers = 1 + np.arange(len(found))
    np.random.shuffle(numbers)
    return numbers[row]


def _submission(table: DataFrame, track: NDArray) -> DataFrame:
    return need_pandas().DataFrame({"hit_id": table["hit_id"], "track_id": track})
