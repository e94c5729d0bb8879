"""Efficiency, fake rate, duplicate rate and purity with 68 % intervals, in all and in bins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonObject
from gnnreco.statistics import clopper_pearson

from .matching import Mask, Matching

RATES = ("efficiency", "fake_rate", "duplicate_rate", "purity")

EDGES: dict[str, Floats] = {
    "pt": np.array([0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 100.0]),
    "eta": np.linspace(-4, 4, 33),
    "production_radius": np.array([0, 0.1, 0.5, 1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500.0]),
}


def rates(matching: Matching, rule: str, wanted: Mask, counted: Mask) -> JsonObject:
    """The four rates of one matching rule, all of the same particles and the same tracks.

    Parameters
    ----------
    matching : Matching
    rule : str
        A key of `RULES`.
    wanted : bool (n_particles,)
        Particles that should be found: the denominator of the efficiency.
    counted : bool (n_tracks,)
        Tracks that are counted: they may find a particle, and are the denominator of the fake rate, duplicate rate and
        purity.

    Returns
    -------
    dict
        Each rate with ``<rate>_interval``, the counts, and the mean hit purity and hit efficiency of
        matched tracks. A rate without a denominator is None.
    """
    found, fake, duplicate, matched = _flags(matching, rule, counted)
    n_tracks, n_wanted = int(counted.sum()), int(wanted.sum())
    counts = {
        "efficiency": (int((found & wanted).sum()), n_wanted),
        "fake_rate": (int(fake.sum()), n_tracks),
        "duplicate_rate": (int(duplicate.sum()), n_tracks),
        "purity": (int(matched.sum()), n_tracks),
    }
    result: JsonObject = {}
    for name, (k, n) in counts.items():
        result[name] = k / n if n else None
        result[f"{name}_interval"] = clopper_pearson(k, n).tolist()
    result |= {"particles": n_wanted, "found": counts["efficiency"][0], "tracks": n_tracks}
    result |= {"fakes": counts["fake_rate"][0], "duplicates": counts["duplicate_rate"][0]}
    whole = matching.particle_hits[matching.particle[matched]]
    result["hit_purity"] = _mean(matching.common[matched] / matching.track_hits[matched])
    result["hit_efficiency"] = _mean(matching.common[matched] / whole)
    return result


Selection = Callable[[str], tuple[Mask, Mask]]


def binned_rates(
    matching: Matching, rule: str, select: Selection, particle: dict[str, Floats], track: dict[str, Floats]
) -> JsonObject:
    """The same rates in bins of every variable in `EDGES`.

    Parameters
    ----------
    select : callable
        Gives (wanted, counted) for the name of a variable, with the cut on that variable lifted.
    particle, track : dict of float64 arrays
        The variable of every particle, and of every track; a variable that tracks lack takes the value of the
        track's particle, and has no fake rate.
    """
    result: JsonObject = {}
    for name, edges in EDGES.items():
        wanted, counted = select(name)
        found, fake, duplicate, matched = _flags(matching, rule, counted)
        own = name in track
        value = track[name] if own else _of_particle(matching, particle[name])
        counted = counted if own else matched
        n_wanted, n_tracks = _fill(particle[name], wanted, edges), _fill(value, counted, edges)
        rows = {"efficiency": (_fill(particle[name], found & wanted, edges), n_wanted)}
        if own:
            rows["fake_rate"] = (_fill(value, fake, edges), n_tracks)
        rows["duplicate_rate"] = (_fill(value, duplicate, edges), n_tracks)
        if own:
            rows["purity"] = (_fill(value, matched, edges), n_tracks)
        bins: JsonObject = {
            "edges": edges.tolist(),
            "particles": n_wanted.tolist(),
            "tracks": n_tracks.tolist(),
        }
        for rate, (k, n) in rows.items():
            bins[rate] = [a / b if b else None for a, b in zip(k.tolist(), n.tolist(), strict=True)]
            bins[f"{rate}_interval"] = clopper_pearson(k, n).tolist()
        result[name] = bins
    return result


def _flags(matching: Matching, rule: str, counted: Mask) -> tuple[Mask, Mask, Mask, Mask]:
    """(found per particle; fake, duplicate, matched per track)."""
    passed = matching.matched(rule)
    matched = passed & counted
    found = np.zeros(len(matching.particle_hits), bool)
    found[matching.particle[matched]] = True
    return found, counted & ~passed, matched & ~matching.best(matched), matched


def _of_particle(matching: Matching, values: Floats) -> Floats:
    # tracks without a particle land below every bin
    return np.append(values, -1.0)[matching.particle]


def _fill(values: Floats, mask: Mask, edges: Floats) -> NDArray[np.int64]:
    return np.histogram(values[mask], edges)[0].astype(np.int64)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None
