"""Figures of a task on events with truth: the evaluator of what it gives, and a short list of what it measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from gnnreco.columns import Clusters, Event, Floats, Ints, ReconstructedParticles, Tracks
from gnnreco.errors import BadConfig, BadInput, GnnrecoError
from gnnreco.evaluate import Target, calibration_curve, score_clusters, score_tracks, target_of
from gnnreco.evaluate.confidence import right_of
from gnnreco.evaluate.particles import score_particles
from gnnreco.evaluate.tracking import as_seen
from gnnreco.events.select import seen
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.statistics import clopper_pearson
from gnnreco.tasks.contract import AnyTask, Classified, Classifying, Reconstructs, needed

from .flow import PARTICLES, compared

#: What a task finds in an event, or says of it; None where it failed.
Answer: TypeAlias = Tracks | Clusters | ReconstructedParticles | Classified | None
Pairs = Iterable[tuple[Event, Any]]


class Figure(TypedDict):
    """One figure; the interval holds 68 %, None where none is known."""

    figure: str
    value: float | None
    interval: list[float] | None


class Failed(TypedDict):
    """An event that a task refused."""

    event: int
    source: str
    why: str


class Pull(TypedDict):
    """Core width and bias of the pulls of one quantity."""

    of: str
    core: float | None
    bias: float | None
    interval: list[float] | None


class Gap(TypedDict):
    """A figure of the test less that of the training, and how many standard errors that is."""

    figure: str
    training: float
    test: float
    difference: float
    interval: list[float] | None
    sigma: float | None


#: Where each figure stands in what an evaluator returns; its interval stands beside it.
TRACKS = {
    "efficiency": ("acts", "efficiency"),
    "fake rate": ("acts", "fake_rate"),
    "duplicate rate": ("acts", "duplicate_rate"),
    "purity": ("acts", "purity"),
    "efficiency, every track": ("all_tracks", "acts", "efficiency"),
    "fake rate, every track": ("all_tracks", "acts", "fake_rate"),
    "tracks with all hits and no other": ("perfect", "purity"),
    "TrackML score": ("trackml_score",),
    "calibration error of the score": ("calibration", "ece"),
}
CLUSTERS = {
    "efficiency": ("efficiency",),
    "purity": ("purity",),
    "fake rate": ("fake_rate",),
    "split rate": ("split_rate",),
    "merge rate": ("merge_rate",),
    "energy response": ("energy_response_mean",),
    "energy resolution": ("energy_resolution",),
    "width of the pull of the energy": ("pull_sigma",),
    "adjusted Rand index": ("adjusted_rand",),
    "area under the ROC curve of the classes": ("class_auc",),
    "calibration error of the score": ("calibration", "ece"),
    "calibration error of the class": ("class_calibration", "ece"),
}
CLASSES = {
    "accuracy": ("accuracy",),
    "area under the ROC curve": ("class_auc",),
    "cross entropy": ("cross_entropy",),
    "calibration error of the class": ("class_calibration", "ece"),
}
CLASS_DEFINITIONS = {
    "accuracy": "answers whose likeliest class is the true one / answers whose true class is known",
    "class_auc": "area under the ROC curve of each class against the others; the mean over the classes",
    "cross_entropy": "mean of minus the logarithm of the probability of the true class",
    "intervals": "68 %: Clopper-Pearson for the accuracy, normal for the cross entropy",
}
SCORED = {Tracks: TRACKS, Clusters: CLUSTERS, ReconstructedParticles: PARTICLES}
NO_FIELD = 1e-9  # tesla
PULLS = {"d0_mm": "d0", "z0_mm": "z0", "phi": "phi", "theta": "theta", "q_over_p": "q/p"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a task does on events.

    Attributes
    ----------
    result : dict
        Of the evaluator.
    figures : list of dict
        ``figure, value, interval``; the interval holds 68 %, None where none is known.
    found : list
        What was found in each event; None where it failed.
    failed : list of dict
        ``event, source, why``.
    """

    result: JsonDict
    figures: list[Figure]
    found: list[Answer]
    failed: list[Failed]


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks one kind of task, and scores its answers.

    Attributes
    ----------
    gives : type
        Columns that the task gives; ``NoneType``: it classifies.
    measures : tuple of str
        What the hits it reads measure.
    detector : Detector or None
    target : Target, optional
        Particles whose tracks should be found.
    """

    gives: type
    measures: tuple[str, ...]
    detector: Detector | None
    target: Target | None = None

    @classmethod
    def of(cls, task: AnyTask) -> Judge:
        """The one for a task; raises `BadConfig` where nothing here scores what it gives."""
        if task.gives not in SCORED and not isinstance(task, Classifying):
            why = f"nothing here scores what the task '{task.name}' gives; name a bundle of another task"
            raise BadConfig(why)
        target = target_of(needed(task.detector, task.name)) if task.gives is Tracks else None
        return cls(task.gives, task.needs.measures, task.detector, target)

    @property
    def places(self) -> dict[str, tuple[str, ...]]:
        """The figures that are shown, and where the evaluator has them."""
        return SCORED.get(self.gives, CLASSES)

    def ask(self, task: Reconstructs | Classifying, event: Event) -> Answer:
        """What the task finds, or how it classifies."""
        if self.gives in SCORED and isinstance(task, Reconstructs):
            return task.reconstruct(event)
        assert isinstance(task, Classifying)
        return task.classified(event)

    def score(self, pairs: Pairs, resolutions: bool = True) -> JsonDict:
        """All that is measured of some events; `resolutions` of tracks are not needed where only rates are."""
        if self.gives is Clusters:
            assert self.detector is not None
            return score_clusters(pairs, self.detector)
        if self.gives is Tracks:
            assert self.detector is not None
            mine = as_seen(pairs, self.detector, self.measures)
            magnet = self.detector.at_source().field if resolutions else None
            return score_tracks(mine, magnet, self.target)
        if self.gives is ReconstructedParticles:
            assert self.detector is not None
            return score_particles(pairs, self.detector)
        return score_classes(said for _, said in pairs)

    def objects(self, event: Event, found: Answer) -> tuple[Floats, NDArray[np.bool_]]:
        """Score of each object that was found, and whether it is right; bool (n,)."""
        if isinstance(found, Classified):
            known = found.label >= 0
            best = np.where(known, found.probability.max(axis=1, initial=0.0), np.nan)
            return best, known & (found.probability.argmax(axis=1) == found.label)
        assert self.detector is not None
        assert found is not None
        if isinstance(found, ReconstructedParticles):
            return found.score, compared(event, found, self.detector).right
        mine = seen(event, self.detector, self.measures)
        right = right_of(mine.narrow(found, len(event.hits)), mine.event, self.detector)
        return found.score, right

    def lost(self, event: Event, found: Answer) -> tuple[int, int, int]:
        """Of one event: how many were to be found, how many of these were not, and how many were found for nothing."""
        if isinstance(found, ReconstructedParticles):
            assert self.detector is not None
            return compared(event, found, self.detector).counts
        result = self.score([(event, found)], resolutions=False)
        if self.gives is Tracks:
            row = result["acts"]
            return row["particles"], row["particles"] - row["found"], row["fakes"]
        if self.gives is Clusters:
            n, efficiency, fakes = result["particles"], result["efficiency"], result["fake_rate"]
            return (
                n,
                round(n * (1 - (efficiency or 0.0))) if n else 0,
                round(result["clusters"] * (fakes or 0)),
            )
        wrong = result["answers"] - result["right"]
        return result["answers"], wrong, 0


def measure(
    judge: Judge,
    task: Reconstructs | Classifying,
    events: Sequence[Event],
    progress: Callable[[Iterator[Event]], Iterator[Event]],
) -> Measured:
    """Run a task on events and score it; an event that it refuses is told, and the others go on."""
    found: list[Answer] = []
    failed: list[Failed] = []

    def pairs() -> Iterator[tuple[Event, Answer]]:
        for event in progress(iter(events)):
            if isinstance(event, Event) and event.truth is None:  # a block of jets has its labels
                why = "has no truth to compare with: give files with particles"
                raise BadInput(event.source, f"event {event.number}", why)
            try:
                answer = judge.ask(task, event)
            except GnnrecoError as error:
                found.append(None)
                failed.append({"event": event.number, "source": event.source, "why": str(error)})
                continue
            found.append(answer)
            yield event, answer

    result = judge.score(pairs())
    return Measured(result, listed(result, judge.places), found, failed)


def listed(result: JsonDict, places: dict[str, tuple[str, ...]]) -> list[Figure]:
    """The figures of a result as rows."""
    rows: list[Figure] = []
    for name, place in places.items():
        inner: JsonDict | None = result
        for key in place[:-1]:
            inner = (inner or {}).get(key)
        value = (inner or {}).get(place[-1])
        bounds = (inner or {}).get(f"{place[-1]}_interval") if value is not None else None
        rows.append({"figure": name, "value": value, "interval": bounds})
    return rows


def score_classes(said: Iterable[Classified]) -> JsonDict:
    """Accuracy, ROC curves, cross entropy and calibration of classes."""
    parts = list(said)
    classes = parts[0].classes if parts else ()
    probability = np.concatenate([np.zeros((0, len(classes))), *(part.probability for part in parts)])
    label = np.concatenate([np.zeros(0, np.int64), *(part.label for part in parts)]).astype(np.int64)
    known = label >= 0
    probability, label = probability[known], label[known]
    n = len(label)
    right = probability.argmax(axis=1) == label if n else np.zeros(0, bool)
    k = int(right.sum())
    out: JsonDict = {"events": len(parts), "answers": n, "right": k, "definitions": dict(CLASS_DEFINITIONS)}
    out |= {"accuracy": k / n if n else None, "accuracy_interval": clopper_pearson(k, n).tolist()}
    areas = {name: _area(probability[:, i], label == i) for i, name in enumerate(classes)}
    told = [area for area in areas.values() if area is not None]
    out |= {"class_auc": float(np.mean(told)) if told else None, "class_auc_by_class": areas}
    entropy = -np.log(np.maximum(probability[np.arange(n), label], 1e-12))
    out |= mean_row("cross_entropy", entropy)
    best = probability.max(axis=1, initial=0.0)
    return out | {"class_calibration": calibration_curve(best, right), "warnings": []}


def _area(score: Floats, mine: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve, by the rank statistic of Mann and Whitney; None without two kinds."""
    n, m = int(mine.sum()), int((~mine).sum())
    return float((rankdata(score)[mine].sum() - n * (n + 1) / 2) / (n * m)) if n and m else None


def mean_row(name: str, values: Floats | Ints) -> JsonDict:
    """A mean and its 68 % interval from the spread of the values."""
    if not len(values):
        return {name: None, f"{name}_interval": None}
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {name: mean, f"{name}_interval": None if error is None else [mean - error, mean + error]}


def pulls(result: JsonDict, detector: Detector | None) -> list[Pull]:
    """Core width and bias of the pulls of what is fitted or measured; both would be 1 and 0.

    Without a field nothing measures q/p, and there is no pull of it.
    """
    straight = detector is None or np.abs(detector.field.at(detector.center)).max(initial=0.0) < NO_FIELD
    fits = result.get("resolutions") or {}
    rows = [
        _pull(name, fits[key]["pull_core"], fits[key]["pull_bias"])
        for key, name in PULLS.items()
        if key in fits and not (straight and key == "q_over_p")
    ]
    rows.append(_pull("energy", result.get("pull_sigma"), None, result.get("pull_sigma_interval")))
    for name, row in result.get("classes", {}).items():
        words = f"energy, {name.replace('_', ' ')}s"
        rows.append(_pull(words, row["pull_width"], row["pull_bias"], row["pull_width_interval"]))
    return [row for row in rows if row["core"] is not None]


def _pull(of: str, core: float | None, bias: float | None, interval: list[float] | None = None) -> Pull:
    return {"of": of, "core": core, "bias": bias, "interval": interval}


def gaps(test: Sequence[Figure], train: Sequence[Figure]) -> list[Gap]:
    """Test less training of each figure that both have, and how many standard errors that is.

    A figure of the training without an interval counts as exact; one of the test gives no standard errors.
    """
    of_train = {row["figure"]: row for row in train}
    rows: list[Gap] = []
    for row in test:
        other = of_train.get(row["figure"])
        if other is None or row["value"] is None or other["value"] is None:
            continue
        difference, bounds, sigma = row["value"] - other["value"], None, None
        if row["interval"] is not None:
            widths = [b[1] - b[0] for b in (row["interval"], other["interval"]) if b is not None]
            error = float(np.hypot.reduce(widths)) / 2
            bounds = [difference - error, difference + error]
            sigma = difference / error if error > 0 else None
        rows.append(
            {
                "figure": row["figure"],
                "training": other["value"],
                "test": row["value"],
                "difference": difference,
                "interval": bounds,
                "sigma": sigma,
            }
        )
    return rows
