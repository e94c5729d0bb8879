"""Figures of particle flow on events with truth links: whose particles they are does not matter.

`figures` takes for each event the particles that someone found, and which true particles they belong to; `links_of` makes
these links for particles that are made of the tracks and clusters of the file.

Rules. True particles are those that the generator left stable; one that decayed in flight is replaced by its children, one
that converted or showered stays. What the generator decayed and the simulation flew all the same stands for its children. Neutrinos, and whatever is nearer to the beam than `COSINE`, true or found, are left out.
A found particle belongs to the true one with the largest weight, or, where that is none of these, to its nearest ancestor
that is. Of those that belong to a true particle, the one of its class with most energy is its match. Efficiency: true
particles above `MIN_ENERGY` that have a match. Fakes: found particles above it that are no match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import PARTICLE_CLASSES, Floats, Ints, Particles, ReconstructedParticles, Tracks
from gnnreco.events.readers.lcio import DstEvent, Links

MIN_ENERGY = 2.0  # GeV
COSINE = 0.99
NEUTRINOS = (12, 14, 16)
CLASS_OF = {22: "photon", 11: "electron", 13: "muon"}
SAME_ANGLE, SAME_MOMENTUM = 0.01, 0.05  # rad, relative
RESAMPLED, INTERVAL = 1000, (16, 84)


class Sample(NamedTuple):
    """One event: what is true, what was found in it, and to which true particles that belongs."""

    event: DstEvent
    particles: ReconstructedParticles
    links: Links


class Truth(NamedTuple):
    """The true particles of an event that count.

    Attributes
    ----------
    row : int64 (n,)
        In ``event.truth.particles``.
    belongs : int64 (n_true,)
        For each row there: the one of `row` that it is or came from, by position; -1 where there is none.
    kind : int64 (n,)
        Row in `PARTICLE_CLASSES`.
    energy : float64 (n,)
        GeV.
    """

    row: Ints
    belongs: Ints
    kind: Ints
    energy: Floats


def truth_of(event: DstEvent, cosine: float = COSINE) -> Truth:
    """The true particles that count, by the rules above; with another `cosine`, 1 for all of them, also nearer to the beam."""
    truth = event.event.truth
    assert truth is not None
    assert truth.fates is not None
    particles, parent = truth.particles, truth.fates.parent
    code = np.abs(particles.pdg.astype(np.int64))
    p = np.sqrt(particles.px**2 + particles.py**2 + particles.pz**2)
    energy = np.hypot(p, event.mass)
    has_children = np.bincount(parent[parent >= 0], minlength=len(particles)) > 0
    opened = truth.fates.became("decayed") & has_children
    counts = np.zeros(len(particles), bool)
    above = np.full(len(particles), -1)  # the nearest one that counts, the particle itself included
    # The simulation may fly what the generator has decayed, a K0S, and none of its children: then it is the particle.
    flew, of_flown = ~truth.fates.became("escaped"), np.zeros(len(particles), bool)
    of_flown[parent[flew & (parent >= 0)]] = True
    stands = (event.generator_status == 1) | ((event.generator_status > 1) & flew & has_children & ~of_flown)
    open_above = np.zeros(
        len(particles), bool
    )  # it stands for itself, or came of what was replaced by its children
    for row in parents_first(parent):
        up = parent[row]
        within = up >= 0 and above[up] >= 0
        open_above[row] = not within and (stands[row] or (up >= 0 and open_above[up]))
        counts[row] = open_above[row] and not opened[row]
        above[row] = row if counts[row] else (-1 if up < 0 else above[up])
    seen = counts & ~np.isin(code, NEUTRINOS) & _inside(particles.px, particles.py, particles.pz, cosine)
    rows = np.flatnonzero(seen)
    position = np.full(len(particles) + 1, -1)
    position[rows] = np.arange(len(rows))
    return Truth(rows, position[above], kinds_of(particles)[rows], energy[rows])


def kinds_of(particles: Particles) -> Ints:
    """The class of each true particle, a row of `PARTICLE_CLASSES`."""
    charged, neutral = (PARTICLE_CLASSES.index(f"{name}_hadron") for name in ("charged", "neutral"))
    kind = np.where(particles.charge != 0, charged, neutral)
    for pdg, name in CLASS_OF.items():
        kind[np.abs(particles.pdg) == pdg] = PARTICLE_CLASSES.index(name)
    return kind


def _inside(px: Floats, py: Floats, pz: Floats, cosine: float = COSINE) -> NDArray[np.bool_]:
    """Whether directions are far enough from the beam."""
    return np.asarray(np.abs(pz) < cosine * np.sqrt(px**2 + py**2 + pz**2))


def parents_first(parent: Ints) -> Ints:
    """Rows in an order in which each stands behind its parent."""
    depth, above = np.zeros(len(parent), np.int64), parent
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, parent[above], -1)
    return np.argsort(depth, kind="stable")


def links_of(particles: ReconstructedParticles, event: DstEvent) -> Links:
    """Links of particles that are made of the tracks and clusters of the file, by tracks, or else by energy in clusters.

    Parameters
    ----------
    particles : ReconstructedParticles
        `track_index` and `cluster_index` are rows of what the file holds.
    event : DstEvent

    Returns
    -------
    Links
        Weights of each particle add up to 1; a particle whose tracks and clusters have no links has none.
    """
    n_true = len(event.generator_status)
    energy = event.subdetector_energy.sum(axis=1)
    parts = []
    for offsets, index, links, size in (
        (particles.track_offsets, particles.track_index, event.tracks_to_truth, None),
        (particles.cluster_offsets, particles.cluster_index, event.clusters_to_truth, energy),
    ):
        of = np.repeat(np.arange(len(particles)), np.diff(offsets))
        order = np.argsort(links.found, kind="stable")
        start = np.searchsorted(links.found[order], index, side="left")
        count = np.searchsorted(links.found[order], index, side="right") - start
        inside = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        link = order[np.repeat(start, count) + inside]
        weight = links.weight[link] * (1.0 if size is None else size[links.found[link]])
        parts.append((np.repeat(of, count), links.particle[link], weight))
    by_track = np.isin(parts[1][0], parts[0][0])
    found, particle, weight = (
        np.concatenate([track, cluster[~by_track]]) for track, cluster in zip(*parts, strict=True)
    )
    pair, step = np.unique(found * n_true + particle, return_inverse=True)
    total = np.bincount(step, weight, len(pair))
    found, particle = np.divmod(pair, n_true)
    return Links(found, particle, total / np.bincount(found, total, len(particles))[found])


def with_rejected_tracks(event: DstEvent) -> DstEvent:
    """The event with at most one track for a true particle, and links of tracks that Pandora rejected, where it is plain whose they are.

    Of the tracks of one of Pandora's particles (a kink, a V0) the file links each to the same true particle: the one whose momentum
    is nearest stays, and the others count as rejected. A rejected track belongs to the charged true particle without a track of
    its own whose charge, direction (`SAME_ANGLE`) and momentum (`SAME_MOMENTUM`) it has. The surest come first, and each particle
    is given once.
    """
    truth, tracks = event.event.truth, event.event.found[Tracks]
    assert truth is not None
    links = _nearest_tracks(event.tracks_to_truth, tracks, truth.particles)
    free = np.flatnonzero(~np.isin(np.arange(len(tracks)), links.found))
    true = truth.particles
    p = np.stack([true.px, true.py, true.pz], axis=1)
    size = np.linalg.norm(p, axis=1)
    alone = np.flatnonzero((true.charge != 0) & (size > 0) & ~np.isin(np.arange(len(true)), links.particle))
    sin, momentum = np.sin(tracks.theta), 1 / np.maximum(np.abs(tracks.q_over_p), 1e-9)
    way = np.stack([sin * np.cos(tracks.phi), sin * np.sin(tracks.phi), np.cos(tracks.theta)], axis=1)[free]
    cosine = np.clip(way @ (p[alone] / size[alone, None]).T, -1.0, 1.0)
    off = np.maximum(
        np.arccos(cosine) / SAME_ANGLE, np.abs(momentum[free, None] / size[alone] - 1) / SAME_MOMENTUM
    )
    off[np.sign(tracks.q_over_p[free])[:, None] != np.sign(true.charge[alone])] = np.inf
    pairs = []
    while off.size and off.min() < 1:
        row, column = np.unravel_index(off.argmin(), off.shape)
        pairs.append((free[row], alone[column]))
        off[row], off[:, column] = np.inf, np.inf
    found, particle = np.array(pairs, np.int64).reshape(-1, 2).T
    more = Links(
        np.append(links.found, found),
        np.append(links.particle, particle),
        np.append(links.weight, np.ones(len(found))),
    )
    return replace(event, tracks_to_truth=more)


def _nearest_tracks(links: Links, tracks: Tracks, true: Particles) -> Links:
    """For each particle, its link to the track of the nearest momentum."""
    size = np.sqrt(true.px**2 + true.py**2 + true.pz**2)[links.particle]
    off = np.abs(np.log(np.maximum(np.abs(tracks.q_over_p[links.found]) * size, 1e-9)))
    order = np.argsort(off, kind="stable")
    kept = np.sort(order[np.unique(links.particle[order], return_index=True)[1]])
    return Links(links.found[kept], links.particle[kept], links.weight[kept])


def counts_of(sample: Sample) -> dict[str, Floats]:
    """For each class of one event: true particles, those matched, found particles, fakes; and the visible energies."""
    truth, found = truth_of(sample.event), sample.particles
    owner = np.full(len(found), -1)
    order = np.argsort(sample.links.weight, kind="stable")  # the largest is written last
    owner[sample.links.found[order]] = truth.belongs[sample.links.particle[order]]
    some = np.flatnonzero(owner >= 0)
    same = some[found.class_index[some] == truth.kind[owner[some]]]
    match = np.full(len(truth.row), -1)
    by_energy = same[np.argsort(found.energy[same], kind="stable")]
    match[owner[by_energy]] = by_energy
    n = len(PARTICLE_CLASSES)
    inside = _inside(found.px, found.py, found.pz)
    hard, hard_found = truth.energy > MIN_ENERGY, inside & (found.energy > MIN_ENERGY)
    right = np.zeros(len(found), bool)
    right[match[match >= 0]] = True
    return {
        "true": np.bincount(truth.kind[hard], minlength=n),
        "matched": np.bincount(truth.kind[hard & (match >= 0)], minlength=n),
        "found": np.bincount(found.class_index[hard_found], minlength=n),
        "fake": np.bincount(found.class_index[hard_found & ~right], minlength=n),
        "visible": np.array([found.energy[inside].sum(), truth.energy.sum()]),
    }


def figures(
    samples: Sequence[Sample], beside: Sequence[Sample] | None = None, seed: int = 0
) -> dict[str, Any]:
    """Efficiency and fakes of each class, response and resolution of the visible energy, each with its 68 % interval.

    Parameters
    ----------
    samples : sequence of Sample
    beside : sequence of Sample, optional
        What somebody else found in the same events: all figures become differences to theirs, with both taken from the
        same events in each draw.
    seed : int
        Of the events that are drawn again for the intervals.

    Returns
    -------
    dict
        Values as ``{"value", "low", "high"}``; None where nothing tells.
    """
    mine = _quantities(samples)
    theirs = None if beside is None else _quantities(beside)
    draws = np.random.default_rng(seed).integers(len(samples), size=(RESAMPLED, len(samples)))

    def told(name: str) -> dict[str, float] | None:
        def of(rows: Ints) -> float:
            return mine[name](rows) - (0.0 if theirs is None else theirs[name](rows))

        value = of(np.arange(len(samples)))
        if not np.isfinite(value):
            return None
        low, high = np.nanpercentile([of(rows) for rows in draws], INTERVAL)
        return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}

    tables = [counts_of(sample) for sample in samples]
    classes = {
        name: {
            **{key: int(sum(table[key][k] for table in tables)) for key in ("true", "found")},
            **{key: told(f"{name} {key}") for key in ("efficiency", "fake_rate")},
        }
        for k, name in enumerate(PARTICLE_CLASSES)
    }
    visible = {key: told(key) for key in ("median", "iqr_over_median", "rms90_over_mean")}
    return {"events": len(samples), "classes": classes, "visible_energy": visible}


def _quantities(samples: Sequence[Sample]) -> dict[str, Callable[[Ints], float]]:
    """What is told, as functions of the events that it is taken from."""
    tables = [counts_of(sample) for sample in samples]
    count = {name: np.array([table[name] for table in tables]) for name in tables[0]}
    ratio = count["visible"][:, 0] / count["visible"][:, 1]
    out: dict[str, Callable[[Ints], float]] = {
        "median": lambda rows: float(np.median(ratio[rows])),
        "iqr_over_median": lambda rows: _iqr(ratio[rows]),
        "rms90_over_mean": lambda rows: rms90(ratio[rows]),
    }
    for k, name in enumerate(PARTICLE_CLASSES):
        for key, part, whole in (("efficiency", "matched", "true"), ("fake_rate", "fake", "found")):
            columns = count[part][:, k], count[whole][:, k]
            out[f"{name} {key}"] = lambda rows, c=columns: _share(c[0][rows], c[1][rows])
    return out


def _share(part: Ints, whole: Ints) -> float:
    return float(part.sum() / whole.sum()) if whole.sum() else np.nan


def _iqr(values: Floats) -> float:
    """Interquartile range over median, as a standard deviation (divided by 1.349)."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return float((high - low) / 1.349 / middle)


def rms90(values: Floats) -> float:
    """Root mean square over mean in the shortest interval that holds 90 % of the values."""
    ordered = np.sort(values)
    n = max(int(np.ceil(0.9 * len(ordered))), 1)
    width = ordered[n - 1 :] - ordered[: len(ordered) - n + 1]
    inside = ordered[(start := int(width.argmin())) : start + n]
    return float(inside.std() / inside.mean())
