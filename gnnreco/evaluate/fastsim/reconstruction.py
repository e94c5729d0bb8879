"""What reconstruction makes of generated showers beside true ones: energies, efficiency, identity, and their differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm, rankdata

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Event, Floats
from gnnreco.errors import BadBundle
from gnnreco.events.select import seen
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.graphs.showers.cells import visible_fraction
from gnnreco.pipeline import Reconstructor
from gnnreco.statistics import COVERAGE
from gnnreco.summary import counted
from gnnreco.tasks.showers.targets import ELECTRON, PHOTON, particle_classes, partners

from ..clustering import MEASURES, MIN_PER_WIDTH, ClusterScores, ShowerTarget, true_energy
from ..sharing import share

RATIO = "energy_resolution_ratio"
CROWDED = 1.5  # times as many particles in an event: reconstruction has another task there
RATES = ("efficiency", "purity", "split_rate", "merge_rate")
#: Figures of each sample.
FIGURES = (*RATES, "energy_response_mean", "energy_resolution")
PAIRS = {"photon_pi0": "pi0", "photon_electron": "electron"}
DEFINITIONS = {
    "reconstruction": "the same bundle finds showers in both samples; figures as of `gnnreco evaluate` of its output",
    "reconstruction.difference": "generated - truth; 68 % intervals, from those of both samples (Zou, Donner 2008)",
    "reconstruction.difference.energy_resolution_ratio": "generated / truth in bins of energy; over all the mean of its "
    "logarithm in the bins, weighted by their errors (a resolution over all energies depends on how far from linear the "
    "response is)",
    "reconstruction.photon_pi0": "area under the ROC curve of log p(neutral_hadron) / p(electromagnetic), what the bundle "
    "says of the cluster that holds most of the particle's energy; a pi0: two photons of its mass; interval of DeLong 1988. "
    "Where there is no pi0, photon_electron: both are one class, so that it is near 0.5",
}


@dataclass(slots=True)
class Reconstructed:
    """Reconstructs the events of one sample one by one, then answers with figures.

    Parameters
    ----------
    reconstruct : Reconstructor
        With a bundle that finds showers.
    target : ShowerTarget
        Particles that should be found.

    Attributes
    ----------
    failed : list of str
        Events that could not be reconstructed, and why; they count nowhere else.

    Raises
    ------
    BadBundle
        No bundle of these finds showers.
    """

    reconstruct: Reconstructor
    target: ShowerTarget = field(default_factory=ShowerTarget)
    failed: list[str] = field(default_factory=list)
    _scores: ClusterScores = field(init=False)
    _said: dict[str, list[Floats]] = field(init=False)

    def __post_init__(self) -> None:
        if not any(stage.kind.gives is Clusters for stage in self.reconstruct.stages):
            names = ", ".join(stage.given for stage in self.reconstruct.stages)
            raise BadBundle(names, "finds no showers; name one of the task 'clustering', such as showers-any")
        self._scores = ClusterScores(self.reconstruct.detector, self.target)
        self._said = {"photon": [], "electron": [], "pi0": []}

    def watched(self, events: Iterable[Event]) -> Iterator[Event]:
        """The same events, each reconstructed on its way."""
        for event in events:
            self.add(event)
            yield event

    def add(self, event: Event) -> Clusters | None:
        """Reconstruct and score an event; what was found in it, None where it failed."""
        outcomes = self.reconstruct.run(event)
        wrong = next((each.error for each in outcomes.values() if each.error is not None), None)
        if wrong is not None:
            self.failed.append(f"{event.source}, event {event.number}: {wrong}")
            return None
        found = next(each.found for each in outcomes.values() if isinstance(each.found, Clusters))
        self._scores.add(event, found)
        for kind, said in identities(event, found, self.reconstruct, self.target.min_energy).items():
            self._said[kind].append(said)
        return found

    def figures(self) -> JsonDict:
        """Rates, response and resolution, in all and in bins of energy, with their intervals."""
        scores = self._scores.result()
        names = [*FIGURES, *(f"{name}_interval" for name in FIGURES), "particles"]
        bins = scores["bins"]["energy"]
        return {name: scores[name] for name in [*names, "clusters"]} | {
            "events": self._scores.events,
            "events_failed": len(self.failed),
            "bins": {name: bins[name] for name in ["edges", *names]},
        }

    def said(self, kind: str) -> Floats:
        """Of each ``photon``, ``electron`` or ``pi0``: what the bundle said of it (n,)."""
        return np.concatenate([np.zeros(0), *self._said[kind]])


def identities(
    event: Event, clusters: Clusters, reconstruct: Reconstructor, min_energy: float
) -> dict[str, Floats]:
    """log p(neutral_hadron) / p(electromagnetic) of the cluster that holds most of each particle, by what it is.

    Particles below `min_energy` (GeV), which left nothing or of which no cluster holds anything, are left out.
    """
    detector = reconstruct.detector
    mine = seen(event, detector, MEASURES)
    clusters, event = mine.narrow(clusters, len(event.hits)), mine.event
    assert event.truth is not None
    particles = event.truth.particles
    sharing = share(event, clusters, visible_fraction(detector, event.hits.sensor))
    energy, kind = true_energy(particles), particle_classes(particles)
    momentum = np.stack([particles.px, particles.py, particles.pz], axis=1)
    other = partners(momentum, energy, kind)
    rows = np.arange(len(energy))
    units = {
        "photon": np.flatnonzero((kind == PHOTON) & (other < 0)),
        "electron": np.flatnonzero(kind == ELECTRON),
        "pi0": np.flatnonzero(other > rows),
    }
    probability = [
        clusters.class_probability[:, CLUSTER_CLASSES.index(name)]
        for name in ("neutral_hadron", "electromagnetic")
    ]
    score = np.subtract(*(np.log(np.maximum(each, 1e-12)) for each in probability))
    found: dict[str, Floats] = {}
    for name, first in units.items():
        second = other[first]
        both = energy[first] + np.where(second >= 0, energy[second], 0.0)
        held = sharing.table[:, first].toarray() + np.where(
            second >= 0, sharing.table[:, second].toarray(), 0.0
        )
        keep = (both > min_energy) & (held.max(axis=0, initial=0.0) > 0)
        found[name] = score[held[:, keep].argmax(axis=0)] if keep.any() else np.zeros(0)
    return found


def roc_area(one: Floats, other: Floats) -> tuple[float | None, list[float] | None]:
    """Chance that a score of the second kind is above one of the first (ties: half), and its 68 % interval.

    E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988) 837. None with fewer than five of either kind, or where
    the bundle tells no classes.
    """
    n, m = len(one), len(other)
    if min(n, m) < MIN_PER_WIDTH or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return None, None
    ranks = rankdata(np.concatenate([one, other]))
    above = (ranks[n:] - rankdata(other)) / n  # of each of the second kind, the part of the first below it
    below = 1 - (ranks[:n] - rankdata(one)) / m
    area = float(above.mean())
    error = float(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)) * float(
        norm.ppf((1 + COVERAGE) / 2)
    )
    return area, [max(area - error, 0.0), min(area + error, 1.0)]


def compare_reconstruction(generated: Reconstructed, truth: Reconstructed) -> JsonDict:
    """Figures of both samples and their differences.

    Returns
    -------
    dict
        ``bundles``, ``generated`` and ``truth`` (see `Reconstructed.figures`, and the area under the ROC curve under
        ``photon_pi0`` or ``photon_electron``), and ``difference`` with the same keys and ``energy_resolution_ratio``; in
        ``bins`` the ratio and the difference of responses.
    """
    sides = {"generated": generated.figures(), "truth": truth.figures()}
    samples = {"generated": generated, "truth": truth}
    names = list(FIGURES)
    for key, kind in PAIRS.items():
        if not all(len(each.said(kind)) >= MIN_PER_WIDTH for each in samples.values()):
            continue
        for name, each in samples.items():
            area, interval = roc_area(each.said("photon"), each.said(kind))
            sides[name] |= {key: area, f"{key}_interval": interval}
        names.append(key)
        break
    one, other = sides["generated"], sides["truth"]
    difference: JsonDict = {}
    for name in names:
        difference |= _difference(one, other, name)
    bins = [
        _ratio(_bin(one, k), _bin(other, k))
        | _difference(_bin(one, k), _bin(other, k), "energy_response_mean")
        for k in range(len(one["bins"]["edges"]) - 1)
    ]
    difference["bins"] = {"edges": one["bins"]["edges"]} | {
        name: [row[name] for row in bins] for name in bins[0]
    }
    difference |= _mean_ratio(bins)
    return {"bundles": [stage.given for stage in truth.reconstruct.stages], **sides, "difference": difference}


def unreconstructed(generated: Reconstructed, truth: Reconstructed) -> list[str]:
    """Events that could not be reconstructed, in sentences."""
    return [
        f"{counted(len(side.failed), f'{name} event')} could not be reconstructed and were left out there; "
        f"the first: {side.failed[0]}"
        for name, side in (("generated", generated), ("true", truth))
        if side.failed
    ]


def unlike(found: JsonMapping) -> list[str]:
    """Why the figures of `compare_reconstruction` are not about the showers, in sentences."""
    sides = [found[name] for name in ("generated", "truth")]
    if not all(side["events"] and side["particles"] for side in sides):
        return []
    one, other = (side["particles"] / side["events"] for side in sides)
    if max(one, other) < CROWDED * min(one, other):
        return []
    return [
        f"a generated event holds {one:.3g} target particles and a true one {other:.3g}: reconstruction finds other "
        "things in them, whatever the showers; give events with equally many"
    ]


def _bin(side: JsonMapping, k: int) -> JsonDict:
    return {name: values[k] for name, values in side["bins"].items() if name != "edges"}


def _difference(one: JsonMapping, other: JsonMapping, name: str) -> JsonDict:
    """Of two figures with intervals: square and add what each side may be off."""
    a, b, within_a, within_b = (side[key] for key in (name, f"{name}_interval") for side in (one, other))
    if a is None or b is None or within_a is None or within_b is None:
        return {name: None, f"{name}_interval": None}
    low = a - b - float(np.hypot(a - within_a[0], within_b[1] - b))
    high = a - b + float(np.hypot(within_a[1] - a, b - within_b[0]))
    return {name: a - b, f"{name}_interval": [low, high]}


def _ratio(one: JsonMapping, other: JsonMapping) -> JsonDict:
    """The same of the ratio of resolutions, from the difference of their logarithms."""
    logs: list[JsonDict] = []
    for side in (one, other):
        value, within = side["energy_resolution"], side["energy_resolution_interval"]
        known = value is not None and within is not None and min(value, within[0]) > 0
        logs.append(
            {RATIO: np.log(value) if known else None, f"{RATIO}_interval": np.log(within) if known else None}
        )
    found = _difference(logs[0], logs[1], RATIO)
    return {key: None if value is None else np.exp(value).tolist() for key, value in found.items()}


def _mean_ratio(bins: list[JsonDict]) -> JsonDict:
    """Of the bins that have a ratio."""
    known = [row for row in bins if row[RATIO] is not None]
    if not known:
        return {RATIO: None, f"{RATIO}_interval": None}
    values, within = (
        np.log([row[RATIO] for row in known]),
        np.log([row[f"{RATIO}_interval"] for row in known]),
    )
    weight = 4 / (within[:, 1] - within[:, 0]) ** 2
    mean, error = float((weight * values).sum() / weight.sum()), float(weight.sum() ** -0.5)
    return {RATIO: float(np.exp(mean)), f"{RATIO}_interval": np.exp([mean - error, mean + error]).tolist()}
