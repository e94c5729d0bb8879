"""How a score is learned: from labels, from mixtures, or from densities in the side-bands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar

from gnnreco.columns import Floats
from gnnreco.errors import BadInput

from .lumps import learn_lumps
from .regions import FEWEST, Bools, inside, near
from .table import EventTable
from .trees import Trees, TreeSettings, grow

#: Methods, and what each learns from.
METHODS = {
    "supervised": "signal against background by the labels: the ceiling, not a search",
    "idealised": "events of unknown kind against known background: what a perfect model of the background would give",
    "cwola": "events of a window against those of its side-bands, no label (arXiv 1902.02634)",
    "cathode": "events of a window against background drawn there by a flow that learned the side-bands (arXiv 2109.00546)",
    "anode": "density of a window over that of its side-bands, both by flows (arXiv 2001.04990)",
}
#: Those whose score does not depend on the window.
SHARED = ("supervised", "idealised")
#: Boosted trees: where labels are true the trees may be many, where they are mixed they stop early.
TREES = {
    "supervised": TreeSettings(trees=300, rate=0.05, held_out=0.2),
    "idealised": TreeSettings(leaves=63),
    "cwola": TreeSettings(),
    "cathode": TreeSettings(),
}

#: Correlation of a feature with mass, in side-bands, below which no trend is taken off, and the same in its standard errors.
WEAKEST, SURE = 0.1, 3.0
#: In which trees are trained again, to be weighed against what votes beside them.
FOLDS = 5
#: A score (n,) of features (n, k) and masses (n,).
Scorer = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a method may learn from.

    Attributes
    ----------
    data : EventTable
        Events of the search that this score will not judge.
    reference : EventTable or None
        Background of another sample.
    signal : EventTable or None
        Signal of another sample, for ``supervised``.
    window : (float, float)
        Where a signal is looked for.
    members : int
        Of an ensemble.
    epochs : int
        Of flows.
    seed : int
    trees : int, optional
        Of each member, at most.
    """

    data: EventTable
    reference: EventTable | None
    signal: EventTable | None
    window: tuple[float, float]
    members: int
    epochs: int
    seed: int
    trees: int | None = None


def learn(method: str, lesson: Lesson) -> Scorer:
    """Train one of `METHODS`."""
    return {
        "supervised": _supervised,
        "idealised": _idealised,
        "cwola": _cwola,
        "cathode": _cathode,
        "anode": _anode,
    }[method](lesson)


def _supervised(lesson: Lesson) -> Scorer:
    extra = [table for table in (lesson.reference, lesson.signal) if table is not None]
    features = np.concatenate([lesson.data.features, *(table.features for table in extra)])
    label = np.concatenate([lesson.data.label, *(table.label for table in extra)])
    return _trees("supervised", lesson, features, label == 1, np.ones(len(label)))


def _idealised(lesson: Lesson) -> Scorer:
    data, reference = lesson.data, lesson.reference
    if reference is None:
        data, reference = halves(data, lesson.seed)
    features = np.concatenate([data.features, reference.features])
    target = np.arange(len(features)) < len(data)
    weight = np.ones(len(target))
    trees = _grow("idealised", lesson, features, target, weight)
    lumps = learn_lumps(data.features, reference.features, lesson.seed)
    fold, unseen = np.empty((2, len(target)))
    for kind in (target, ~target):
        fold[kind] = np.random.default_rng([lesson.seed, 5]).permutation(kind.sum()) % FOLDS
    for rows in (fold == k for k in range(FOLDS)):
        part = _grow("idealised", lesson, features[~rows], target[~rows], weight[~rows])
        unseen[rows] = part(features[rows])
    share = share_of_first(lumps.unseen, unseen, target)
    return lambda features, mass: share * lumps(features) + (1 - share) * trees(features)


def share_of_first(first: Floats, second: Floats, target: Bools) -> float:
    """The weight of the first of two probabilities (n,) of "mixed" in the mean that foretells `target` (n,) best.

    This is stacking (Wolpert, Neural Networks 5, 1992): the cross-entropy of the mean, where both classes count alike, is
    convex in the weight. Each probability is to come from what did not learn from its event; NaN, where there is none, is
    left out. The weight is one half where that leaves a class empty.
    """
    kinds = [target & np.isfinite(first), ~target & np.isfinite(first)]
    if not all(kind.any() for kind in kinds):
        return 0.5

    def cost(share: float) -> float:
        mean = np.clip(share * first + (1 - share) * second, 1e-9, 1 - 1e-9)
        return float(-np.log(mean[kinds[0]]).mean() - np.log1p(-mean[kinds[1]]).mean())

    return float(minimize_scalar(cost, bounds=(0, 1), method="bounded").x)


def halves(data: EventTable, seed: int) -> tuple[EventTable, EventTable]:
    """A half with its share of signal, and the background of the other half."""
    first = np.random.default_rng([seed, 2]).permutation(len(data)) % 2 == 0
    return data[first], data[~first & (data.label == 0)]


def _cwola(lesson: Lesson) -> Scorer:
    data = lesson.data
    here, side = inside(data.mass, lesson.window), near(data.mass, lesson.window)
    enough(data, here, side, lesson.window)
    trend = Trend.of(data, side)
    used = here | side
    # Side-bands below and above count alike, or their mean mass would tell them from the window.
    below = side & (data.mass < lesson.window[0])
    weight = np.ones(len(data))
    for part in (below, side & ~below):
        weight[part] = len(data) / max(int(part.sum()), 1)
    learned = _trees("cwola", lesson, trend(data.features, data.mass)[used], here[used], weight[used])
    return lambda features, mass: learned(trend(features, mass), mass)


def _cathode(lesson: Lesson) -> Scorer:
    from .density import draw_background

    data = lesson.data
    here = inside(data.mass, lesson.window)
    enough(data, here, ~here, lesson.window)
    drawn = draw_background(data, lesson.window, lesson.epochs, lesson.seed)
    features = np.concatenate([data.features[here], drawn])
    target = np.arange(len(features)) < here.sum()
    return _trees("cathode", lesson, features, target, np.ones(len(target)))


def _anode(lesson: Lesson) -> Scorer:
    from .density import density_ratio

    here = inside(lesson.data.mass, lesson.window)
    enough(lesson.data, here, ~here, lesson.window)
    return density_ratio(lesson.data, lesson.window, lesson.epochs, lesson.seed)


def _trees(method: str, lesson: Lesson, features: Floats, target: Bools, weight: Floats) -> Scorer:
    trees = _grow(method, lesson, features, target, weight)
    return lambda features, mass: trees(features)


def _grow(method: str, lesson: Lesson, features: Floats, target: Bools, weight: Floats) -> Trees:
    settings = replace(TREES[method], members=lesson.members)
    if lesson.trees is not None:
        settings = replace(settings, trees=lesson.trees)
    return grow(features, target.astype(np.int64), weight, settings, lesson.seed)


def enough(data: EventTable, here: Bools, side: Bools, window: tuple[float, float]) -> None:
    """Raise `BadInput` if a window or its side-bands hold too few events to learn from."""
    place = f"window {window[0]:g} to {window[1]:g}"
    for name, part in (("it", here), ("its side-bands", side)):
        if (count := int(part.sum())) < FEWEST // 4:
            verb = "holds" if name == "it" else "hold"
            raise BadInput(
                data.source,
                place,
                f"{name} {verb} {count} events to learn from, fewer than {FEWEST // 4}; name a wider region",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """How features change with mass in side-bands, on a straight line; called, it takes that off.

    Without it a score that tells a window from its side-bands would tell masses, and cut a bump out of background.
    Side-bands on both sides undo a weak trend by themselves. There the line is left alone, as its slope is mostly chance:
    taken off, it would move the ends of a feature's range with mass, more beside the window than in it, and a score would
    learn that.
    """

    middle: float
    slope: Floats

    @classmethod
    def of(cls, data: EventTable, rows: Bools) -> Trend:
        """The straight lines through some rows of a table, flat where no correlation is seen."""
        mass, features = data.mass[rows], data.features[rows]
        middle = float(mass.mean())
        spread = max(float(((mass - middle) ** 2).sum()), 1e-300)
        slope = (mass - middle) @ (features - features.mean(axis=0)) / spread
        seen = max(WEAKEST, SURE / np.sqrt(max(len(mass), 1)))
        return cls(middle, np.where(np.abs(slope) * mass.std() > seen * features.std(axis=0), slope, 0.0))

    def __call__(self, features: Floats, mass: Floats) -> Floats:
        return features - (mass - self.middle)[:, None] * self.slope
