"""Scores found clusters against the truth: rates, energy response and resolution, agreement of hits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Event, Floats, Ints, Particles
from gnnreco.errors import BadInput
from gnnreco.events.select import seen
from gnnreco.files.json_types import JsonDict, JsonObject
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import visible_fraction
from gnnreco.graphs.showers.families import one_shower_each
from gnnreco.particles import species_of
from gnnreco.statistics import COVERAGE, clopper_pearson
from gnnreco.summary import counted
from gnnreco.tasks.showers.columns import CLASS_OF_KIND
from gnnreco.tasks.showers.edges import Shares
from gnnreco.tasks.showers.targets import cell_truth, cluster_targets

from .confidence import calibration_curve
from .matching import Mask, check_hit_rows
from .sharing import Sharing, adjusted_rand, hit_labels, link_energies, share, v_measure
from .target import kinematics, passed

MEASURES = ("energy", "charge")
CROWD_MM = 150.0
MUON = 13
FRAGMENT = 0.1
MIN_PER_WIDTH = 5
EDGES: dict[str, Floats] = {
    "energy": np.array([0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 2000.0]),
    "eta": np.linspace(-4, 4, 17),
    "local_density": np.array([0, 1, 2, 3, 5, 10, 20, 50, 200.0]),
}
DEFINITIONS = {
    "energies": "of hits over the sampling fraction of their sensor; what a particle left is shared with a cluster by the "
    "hit's weight in it",
    "matching": "a cluster is matched to the particle with most of its energy if that is at least half of the cluster's "
    "energy and at least half of what the particle left",
    "particles": "secondaries of a shower count as the particle that entered the calorimeter; products of a conversion, "
    "of radiation or of a nuclear interaction in front of it whose middles lie within a Moliere radius, seen from the "
    "source, count as one, of the energy that they carried together, where the files tell what made them",
    "efficiency": "target particles with a matched cluster / target particles",
    "purity": "matched counted clusters / counted clusters",
    "fake_rate": "counted clusters with less than half of their energy from any one particle / counted clusters",
    "split_rate": "target particles that are the main one of two clusters or more, each with at least "
    f"{100 * FRAGMENT:.0f} % of what it left / target particles",
    "merge_rate": "target particles most of whose energy lies in a cluster that is mainly another's / target particles",
    "energy_response": "energy of the matched cluster / energy of the particle (of what it left, where only charge is "
    "measured); mean",
    "energy_resolution": "half of the central 68 % interval of that ratio over its median",
    "pull_sigma": "half of the central 68 % interval of (cluster - particle) / expected error",
    "adjusted_rand, v_measure": "of the main particle and the main cluster of hits that have a particle, a hit in no "
    "cluster being one of its own; mean over events with two particles or more",
    "class_auc": "area under the ROC curve of each class against the others, over counted clusters that are matched (a "
    "cluster of both photons of a pi0, or of either where they overlap, is a neutral hadron); "
    "class_auc is the mean over the classes with 5 clusters or more and 5 of others; null where no bundle tells classes",
    "calibration": "score against the part of all clusters that is matched, in bins of the score; ece: mean over clusters "
    "of |mean score - matched part| of their bin",
    "class_calibration": "the same of the probability of the likeliest class against how often it is the true one, over "
    "the clusters of class_auc",
    "local_density": f"other target particles whose energy lies within {CROWD_MM:g} mm",
    "intervals": f"{100 * COVERAGE:.0f} %: Clopper-Pearson for rates, normal for means and widths",
    "seconds": "hits in to clusters out, from the manifest of reconstruct",
}


@dataclass(frozen=True, slots=True)
class ShowerTarget:
    """The particles that should be found, and the clusters that are counted.

    Attributes
    ----------
    min_energy : float
        Of the particle, GeV; a cluster counts from half of it.
    max_eta : float
    min_hits : int
        Hits in which the particle left energy.
    min_left : float
        Fraction of its energy that it left there; muons may leave less.
    """

    min_energy: float = 1.0
    max_eta: float = np.inf
    min_hits: int = 3
    min_left: float = 0.1

    def cuts(self, energy: Floats, eta: Floats, hits: Ints, left: Floats) -> dict[str, Mask]:
        """Each cut by the words for it."""
        cuts = {f"energy > {self.min_energy:g} GeV": energy > self.min_energy}
        if np.isfinite(self.max_eta):
            cuts[f"|eta| < {self.max_eta:g}"] = np.abs(eta) < self.max_eta
        cuts[f"at least {counted(self.min_hits, 'hit')}"] = hits >= self.min_hits
        return cuts | {f"at least {100 * self.min_left:g} % of the energy left": left >= self.min_left}

    def describe(self) -> str:
        """One clause for the `definitions`."""
        return ", ".join(self.cuts(*np.zeros((4, 0))))


def shower_target_of(detector: Detector) -> ShowerTarget:
    """What the calorimeters of a detector should find, where nobody says it: showers may lie in one cell of each layer.

    A calorimeter of one or two layers is asked for as many hits, any other for three.
    """
    parts = [k for k, s in enumerate(detector.subsystems) if not set(MEASURES).isdisjoint(s.measures)]
    layers = [len(np.unique(detector.layer[detector.subsystem == k])) for k in parts]
    usual = ShowerTarget()
    return replace(usual, min_hits=min([usual.min_hits, max(layers)])) if layers else usual


def shared(event: Event, clusters: Clusters, detector: Detector) -> tuple[Event, Clusters, Floats, Sharing]:
    """What is scored of an event, and which cluster holds how much of which particle.

    Parameters
    ----------
    event : Event
        With truth; `BadInput` without.
    clusters : Clusters
        Found in this event.
    detector : Detector

    Returns
    -------
    Event
        The hits that measure energy or charge; its particles are those that entered the calorimeter.
    Clusters
        Of these hits.
    float64 (hits,)
        The fraction of the energy in each hit's layer that the hit measures.
    Sharing
    """
    if event.truth is None:
        raise BadInput(event.source, f"event {event.number}", "no truth: give files with particles")
    mine = seen(event, detector, MEASURES)
    told, narrow = one_shower_each(mine.event, detector.at_source()), mine.narrow(clusters, len(event.hits))
    fraction = visible_fraction(detector, told.hits.sensor)
    return told, narrow, fraction, share(told, narrow, fraction)


@dataclass(slots=True)
class ClusterScores:
    """Collects events one by one, then answers with figures.

    Parameters
    ----------
    detector : Detector
    target : ShowerTarget
    """

    detector: Detector
    target: ShowerTarget
    events: int = 0
    shared_equally: bool = False
    _particles: list[Floats] = field(default_factory=list)
    _clusters: list[Floats] = field(default_factory=list)
    _classes: list[Floats] = field(default_factory=list)
    _confidence: list[Floats] = field(default_factory=list)
    _agreement: list[tuple[float | None, float | None]] = field(default_factory=list)
    _passed: Any = 0

    def add(self, event: Event, clusters: Clusters) -> None:
        """Compare one event; raises `BadInput` where the clusters cannot belong to it."""
        check_clusters(event, clusters)
        event, clusters, fraction, sharing = shared(event, clusters, self.detector)
        assert event.truth is not None
        self.shared_equally |= event.truth.energy is None
        energy, eta, wanted = self._targets(event, sharing)
        crowd = _crowd(event, fraction, wanted)
        matched = sharing.matched
        best = np.full(len(energy), -1)
        order = np.flatnonzero(matched)[np.argsort(sharing.main_share[matched], kind="stable")]
        best[sharing.main[order]] = order
        pieces = self._pieces(sharing)
        merged = (sharing.holder >= 0) & (sharing.held > 0.5 * sharing.particle_energy)
        merged &= np.append(sharing.main, -1)[sharing.holder] != np.arange(len(energy))
        ratio = np.append(clusters.energy, np.nan)[best] / energy
        pull = (np.append(clusters.energy, np.nan)[best] - energy) / np.append(clusters.energy_sigma, np.nan)[
            best
        ]
        self._particles.append(
            np.stack([energy, eta, crowd, best >= 0, pieces > 1, merged, ratio, pull], axis=1)[wanted]
        )
        fake = sharing.main_share < 0.5 * sharing.cluster_energy
        radius = np.hypot(np.hypot(clusters.x, clusters.y), clusters.z)
        cluster_eta = np.arctanh(np.clip(clusters.z / np.where(radius > 0, radius, 1.0), -1 + 1e-9, 1 - 1e-9))
        main_crowd = np.append(crowd, 0.0)[sharing.main]
        counted = clusters.energy >= 0.5 * self.target.min_energy * (1.0 if self._calorimeter else 0.0)
        self._clusters.append(
            np.stack([clusters.energy, cluster_eta, main_crowd, matched, fake], axis=1)[counted]
        )
        self._confidence.append(np.stack([clusters.score, matched], axis=1))
        self._classes.append(_classes(event, clusters, fraction)[counted])
        labels = hit_labels(event, clusters, fraction)
        if len(np.unique(labels[0])) > 1:
            self._agreement.append((adjusted_rand(*labels), v_measure(*labels)))
        self.events += 1

    @property
    def _calorimeter(self) -> bool:
        return any("energy" in s.measures for s in self.detector.subsystems)

    def _targets(self, event: Event, sharing: Sharing) -> tuple[Floats, Floats, Mask]:
        """Energy to compare with and eta of each particle, and which should be found."""
        assert event.truth is not None
        kin, energy = kinematics(event.truth.particles), true_energy(event.truth.particles)
        muon = np.abs(event.truth.particles.pdg) == MUON
        part = np.where(
            muon | (not self._calorimeter), 1.0, sharing.particle_energy / np.maximum(energy, 1e-30)
        )
        cuts = self.target.cuts(energy, kin.eta, sharing.particle_hits, part)
        left = sharing.particle_energy > 0
        self._passed = self._passed + np.array([left.sum(), *((left & cut).sum() for cut in cuts.values())])
        wanted = np.logical_and.reduce([left, *cuts.values()])
        if not self._calorimeter:
            energy = np.where(sharing.particle_energy > 0, sharing.particle_energy, np.nan)
        return energy, kin.eta, wanted

    @staticmethod
    def _pieces(sharing: Sharing) -> Floats:
        """How many clusters are mainly each particle's and hold a good part of it."""
        real = sharing.main >= 0
        large = sharing.main_share >= FRAGMENT * np.append(sharing.particle_energy, np.inf)[sharing.main]
        return np.bincount(sharing.main[real & large], minlength=len(sharing.particle_energy)).astype(float)

    def result(self) -> JsonDict:
        """All figures of the events so far, as the JSON of `evaluate` holds them."""
        particles = np.concatenate([np.zeros((0, 8)), *self._particles])
        clusters = np.concatenate([np.zeros((0, 5)), *self._clusters])
        out = _figures(particles, clusters)
        for i, name in enumerate(("adjusted_rand", "v_measure")):
            values = np.array([pair[i] for pair in self._agreement if pair[i] is not None], float)
            out |= _mean(name, values)
        classes = np.concatenate([np.zeros((0, 1 + len(CLUSTER_CLASSES))), *self._classes])
        out |= class_aucs(classes)
        out["class_calibration"] = class_calibration(classes)
        score, matched = np.concatenate([np.zeros((0, 2)), *self._confidence]).T
        out["calibration"] = calibration_curve(score, matched > 0)
        out |= {"particles": len(particles), "clusters": len(clusters)}
        warnings = []
        if self.events and not len(particles):
            total, *counts = (int(count) for count in self._passed)
            cuts = dict(zip(self.target.cuts(*np.zeros((4, 0))), counts, strict=True))
            warnings = [passed("particle is a target", "particles that left energy", cuts, total)]
        out["warnings"] = warnings
        out["bins"] = {name: _bins(particles, clusters, i, EDGES[name]) for i, name in enumerate(EDGES)}
        return out


def score_clusters(
    pairs: Iterable[tuple[Event, Clusters]], detector: Detector, target: ShowerTarget | None = None
) -> JsonDict:
    """Score any clusters, ours or a peer's, against the truth of their events.

    Returns
    -------
    dict
        The keys that `evaluate --json` writes for clustering, without the timing.
    """
    target = target or ShowerTarget()
    scores = ClusterScores(detector, target)
    for event, clusters in pairs:
        scores.add(event, clusters)
    truth = "equal shares between the particles of a hit: the files do not tell what each left"
    spoken = {
        "target": f"particles of {target.describe()}",
        "clusters": f"energy >= {target.min_energy / 2:g} GeV; any may find a particle",
        "truth_energy": truth
        if scores.shared_equally
        else "what each particle left in each hit, from the files",
    }
    return {"events": scores.events, "definitions": spoken | DEFINITIONS, **scores.result()}


def check_clusters(event: Event, clusters: Clusters) -> None:
    """Raise `BadInput` where hit rows or numbers cannot be those of clusters of this event."""
    check_hit_rows(event, clusters.hit_index, "cluster")
    where = f"event {event.number}"
    for name in ("energy", "energy_sigma", "hit_weight"):
        if not np.isfinite(getattr(clusters, name)).all():
            raise BadInput(event.source, where, f"a cluster has {name} that is not finite; reconstruct again")


def true_energy(particles: Particles) -> Floats:
    """Total energy of each particle at its production, GeV."""
    p2 = particles.px**2 + particles.py**2 + particles.pz**2
    species = species_of(np.unique(particles.pdg).tolist())
    return np.sqrt(p2 + species.mass[species.rows(particles.pdg)] ** 2)


def _crowd(event: Event, fraction: Floats, wanted: Mask) -> Floats:
    """Other wanted particles near each particle's energy, by the middle of what they left."""
    truth = event.truth
    assert truth is not None
    n = len(truth.particles)
    energy = np.ones(len(event.hits)) if event.hits.energy is None else event.hits.energy
    given = link_energies(truth, energy) / fraction[truth.hit]
    total = np.maximum(np.bincount(truth.particle, given, n), 1e-30)
    middle = np.stack(
        [np.bincount(truth.particle, given * event.hits.xyz[truth.hit, k], n) / total for k in range(3)],
        axis=1,
    )
    if not wanted.any():
        return np.zeros(n)
    near = cKDTree(middle[wanted]).query_ball_point(middle, CROWD_MM, return_length=True)
    return np.asarray(near - wanted, float)


def _classes(event: Event, clusters: Clusters, fraction: Floats) -> Floats:
    """True row of `CLUSTER_CLASSES` of each cluster (-1: none), then what was said of it (n, 1 + 4)."""
    truth = cell_truth(event, np.arange(len(event.hits)), fraction)
    owner = np.repeat(np.arange(len(clusters)), np.diff(clusters.offsets))
    energy = np.ones(len(fraction)) if event.hits.energy is None else event.hits.energy
    shares = Shares(clusters.hit_index, owner, clusters.hit_weight, len(clusters))
    kind = cluster_targets(truth, shares, energy / fraction).kind
    true = np.append(CLASS_OF_KIND, -1)[kind]
    return np.column_stack([true.astype(np.float64), clusters.class_probability])


def class_aucs(table: Floats) -> JsonObject:
    """Area under the ROC curve (the rank statistic of Mann and Whitney) of each class against the others, and the mean."""
    known = (table[:, 0] >= 0) & np.isfinite(table[:, 1:]).all(axis=1)
    kind, said, areas = table[known, 0], table[known, 1:], {}
    for k, name in enumerate(CLUSTER_CLASSES):
        mine = kind == k
        n, m = int(mine.sum()), int((~mine).sum())
        enough = min(n, m) >= MIN_PER_WIDTH
        areas[name] = (
            float((rankdata(said[:, k])[mine].sum() - n * (n + 1) / 2) / (n * m)) if enough else None
        )
    told = [area for area in areas.values() if area is not None]
    return {"class_auc": float(np.mean(told)) if told else None, "class_auc_by_class": areas}


def class_calibration(table: Floats) -> JsonObject | None:
    """Probability of the likeliest class against how often it is the true one; rows as for `class_aucs`."""
    known = (table[:, 0] >= 0) & np.isfinite(table[:, 1:]).all(axis=1)
    kind, said = table[known, 0], table[known, 1:]
    return calibration_curve(np.minimum(said.max(axis=1, initial=0.0), 1.0), said.argmax(axis=1) == kind)


def _rate(name: str, passed: float, total: int) -> JsonObject:
    value = passed / total if total else None
    return {name: value, f"{name}_interval": clopper_pearson(passed, total).tolist()}


def _mean(name: str, values: Floats) -> JsonObject:
    if not len(values):
        return {name: None, f"{name}_interval": None}
    mean = float(values.mean())
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {name: mean, f"{name}_interval": None if error is None else [mean - error, mean + error]}


def _width(name: str, values: Floats, relative: bool) -> JsonObject:
    """Half of the central 68 % interval; a normal sample of n has an error of about 1 / sqrt(1.5 n) of it."""
    if len(values) < MIN_PER_WIDTH:
        return {name: None, f"{name}_interval": None}
    low, middle, high = np.quantile(values, [(1 - COVERAGE) / 2, 0.5, (1 + COVERAGE) / 2])
    width = float(high - low) / 2 / (float(middle) if relative and middle > 0 else 1.0)
    error = width / np.sqrt(1.5 * len(values))
    return {name: width, f"{name}_interval": [width - error, width + error]}


def _figures(particles: Floats, clusters: Floats) -> JsonObject:
    """Rates, response, resolution and pull of some particles and clusters (rows as `ClusterScores` keeps them)."""
    found, split, merged, ratio, pull = particles[:, 3:8].T
    matched, fake = clusters[:, 3:5].T
    out = _rate("efficiency", found.sum(), len(found)) | _rate("purity", matched.sum(), len(matched))
    out |= _rate("fake_rate", fake.sum(), len(fake)) | _rate("split_rate", split.sum(), len(found))
    out |= _rate("merge_rate", merged.sum(), len(found))
    known = np.isfinite(ratio)
    out |= _mean("energy_response_mean", ratio[known]) | _width("energy_resolution", ratio[known], True)
    return out | _width("pull_sigma", pull[np.isfinite(pull)], False)


def _bins(particles: Floats, clusters: Floats, column: int, edges: Floats) -> JsonObject:
    """The same figures in bins: particles by what they are, clusters by what was found of them."""
    rows: list[JsonObject] = []
    bins = [np.digitize(table[:, column], edges) - 1 for table in (particles, clusters)]
    for k in range(len(edges) - 1):
        some, of_them = particles[bins[0] == k], clusters[bins[1] == k]
        rows.append({"particles": len(some), "clusters": len(of_them), **_figures(some, of_them)})
    return {"edges": edges.tolist()} | {name: [row[name] for row in rows] for name in rows[0]}
