"""A search for a resonance: scores that no event had a part in, a spectrum, a scan, and what it all means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnreco import __version__
from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict
from gnnreco.progress import Progress
from gnnreco.schema import plain
from gnnreco.statistics import gains

from .methods import METHODS, SHARED, Lesson, Scorer, learn
from .regions import Spectrum, inside, spectrum
from .scan import Look, model, overall, pseudo, scan
from .settings import SearchSettings
from .table import EventTable

DEFINITIONS = {
    "p_value_local": "chance of at least as many events in the window if there is no signal; the background is fitted to "
    "the bins outside the window, and its error is part of the chance (a negative binomial distribution)",
    "p_value": "chance that any window of a search without signal has a local p-value as small: pseudo-experiments drawn "
    "from the smooth background of each spectrum, fitted and scanned like the data",
    "p_value_gross_vitells": "the same by arXiv 1005.1891, from the mean number of upcrossings of pseudo-experiments; "
    "a bound that is close where windows overlap much and share one score",
    "folds": "the score of an event is learned from other folds only; in each fold the same share of events is kept",
}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What the scores of one window say.

    Attributes
    ----------
    data : array (n,)
        Of the events of the table, each by a score that has not seen it.
    kept : int array (m,)
        Rows of the highest of each fold.
    scorers : sequence of callable
        Of the folds.
    """

    data: Floats
    kept: Ints
    scorers: Sequence[Scorer]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A search: `told` is what JSON holds, the rest is what is drawn and written of it.

    Attributes
    ----------
    told : dict
    data : EventTable
    scores : Scores
        Of the most surprising window.
    spectrum : Spectrum
    look : Look
        Its events and their background.
    window : int
        Its number.
    excess : int array
        Rows of the table: the events that are kept in it.
    """

    told: JsonDict
    data: EventTable
    scores: Scores
    spectrum: Spectrum
    look: Look
    window: int
    excess: Ints


def hunt(
    data: EventTable,
    settings: SearchSettings,
    *,
    test: EventTable | None = None,
    reference: EventTable | None = None,
    signal: EventTable | None = None,
    resonance: str = "mass",
    command: str = "",
    progress: Progress | None = None,
) -> Result:
    """Search a table for a resonance.

    Parameters
    ----------
    data : EventTable
        The events of the search.
    settings : SearchSettings
    test : EventTable, optional
        Labelled events that nothing is learned from, for the significance improvement; by default the held-out folds.
    reference : EventTable, optional
        Background of another sample, to learn from; what is labelled as signal there is left out.
    signal : EventTable, optional
        Signal of another sample for ``supervised``; what is labelled as background there is left out.
    resonance, command : str
        For the record.
    progress : callable, optional

    Raises
    ------
    BadInput
        For what `check` and `gnnreco.search.regions.spectrum` refuse.
    """
    if (cut := settings.mass_range) is not None:
        data = data.of_masses(cut)
        others = (None if table is None else table.of_masses(cut) for table in (test, reference, signal))
        test, reference, signal = others
    check(data, settings.method, test, reference, signal)
    if reference is not None:
        reference = reference[reference.label != 1]
    if signal is not None:
        signal = signal[signal.label == 1]
    bins = spectrum(data.source, data.mass, settings.signal_region)
    found, looks = _look(data, bins, settings, reference, signal, progress)
    rows = scan(bins, looks)
    best = int(np.argmin([row["p_value_local"] for row in rows]))
    which = next(i for i, look in enumerate(looks) if best in look.windows)
    drawn = pseudo(bins, looks, settings.toys, settings.seed, progress)
    limits = bins.limits(bins.windows[best])
    scores = found[which]
    excess = scores.kept[inside(data.mass[scores.kept], limits)]
    inputs = {"table": data, "test": test, "reference": reference, "signal": signal}
    told: JsonDict = {
        "task": "search",
        "method": settings.method,
        "learned_from": METHODS[settings.method],
        "gnnreco": __version__,
        "command": command,
        "settings": plain(settings),
        "resonance": resonance,
        "features": list(data.names),
        "events": len(data),
        "inputs": {name: _about(table) for name, table in inputs.items() if table is not None},
        "mass_range": [float(data.mass.min()), float(data.mass.max())],
        **overall(rows[best]["p_value_local"], drawn),
        **rows[best],
        "windows": len(rows),
        "windows_left_out": bins.left_out,
        "scan": rows,
        "events_kept": len(scores.kept),
        "events_in_excess": len(excess),
        **judged(data, scores, test, limits, settings),
        "definitions": DEFINITIONS,
    }
    return Result(told, data, scores, bins, looks[which], best, excess)


def _look(
    data: EventTable,
    bins: Spectrum,
    settings: SearchSettings,
    reference: EventTable | None,
    signal: EventTable | None,
    progress: Progress | None,
) -> tuple[list[Scores], list[Look]]:
    """Scores and spectra: of each window its own, or one for all where a score knows no window."""
    fold = np.random.default_rng([settings.seed, 0]).permutation(len(data)) % settings.folds
    numbers = range(len(bins.windows))
    groups = [tuple(numbers)] if settings.method in SHARED else [(i,) for i in numbers]
    found, looks = [], []
    for number, windows in enumerate(groups):
        limits = bins.limits(bins.windows[windows[0]])
        scorers: list[Scorer] = []
        for k in range(settings.folds):
            seed = int(np.random.default_rng([settings.seed, 1, number, k]).integers(2**31))
            size = (settings.members, settings.epochs)
            lesson = Lesson(data[fold != k], reference, signal, limits, *size, seed, settings.trees)
            scorers.append(learn(settings.method, lesson))
            if progress is not None:
                progress("scores", number * settings.folds + k + 1, len(groups) * settings.folds)
        found.append(judge(data, fold, scorers, settings.keep))
        counts = bins.count(data.mass[found[-1].kept])
        total = bins.count(data.mass)
        background = model(settings.background, bins, counts, total, windows[0], settings.parameters)
        looks.append(Look(counts, background, windows))
    return found, looks


def _about(table: EventTable) -> JsonDict:
    return {"file": table.source, "events": len(table), "left_out": dict(table.left_out)}


def check(
    data: EventTable,
    method: str,
    test: EventTable | None,
    reference: EventTable | None,
    signal: EventTable | None,
) -> None:
    """Refuse labels that a method cannot learn from, and a test that cannot be one."""
    for other in (test, reference, signal):
        if other is not None and other.names != data.names:
            raise BadInput(
                other.source, "", f"has features {', '.join(other.names)}, not those of {data.source}"
            )
    if method in SHARED:
        if not data.labelled:
            raise BadInput(
                data.source, "", f"has no labels, which {method} learns from; try cwola, cathode or anode"
            )
        good = [bool((data.label == kind).any()) for kind in (0, 1)]
        if reference is not None:
            good[0] |= bool((reference.label != 1).any())
        if signal is not None and method == "supervised":
            good[1] |= bool((signal.label == 1).any())
        if not good[0] or (method == "supervised" and not good[1]):
            missing = "background" if not good[0] else "signal"
            raise BadInput(
                data.source,
                "column of the label",
                f"every event has the same: there is no {missing} to learn from",
            )
    if test is not None:
        same = Path(test.source).resolve()
        for other in (data, reference, signal):
            if other is not None and Path(other.source).resolve() == same:
                raise BadInput(
                    test.source, "", "is learned from, so it cannot be the test; name another file"
                )
        if len(set(test.label.tolist()) & {0, 1}) < 2:
            raise BadInput(test.source, "column of the label", "a test needs events of both labels, 0 and 1")


def judge(data: EventTable, fold: Ints, scorers: Sequence[Scorer], keep: float) -> Scores:
    """Give each event the score of its fold, and keep the highest of each fold."""
    score = np.empty(len(data))
    kept = []
    for k, scorer in enumerate(scorers):
        rows = np.flatnonzero(fold == k)
        score[rows] = scorer(data.features[rows], data.mass[rows])
        order = rows[np.argsort(-score[rows], kind="stable")]
        kept.append(order[: max(1, round(keep * len(rows)))])
    return Scores(score, np.sort(np.concatenate(kept)), scorers)


def judged(
    data: EventTable,
    scores: Scores,
    test: EventTable | None,
    limits: tuple[float, float],
    settings: SearchSettings,
) -> JsonDict:
    """Significance improvement of the scores of a window, in it, where labels tell the truth.

    An event of a test has the mean score of all folds.
    """
    table = data if test is None else test
    here = np.ones(len(table), bool) if settings.method in SHARED else inside(table.mass, limits)
    known = np.flatnonzero(here & (table.label >= 0))
    if len(set(table.label[known].tolist())) < 2:
        return {"max_significance_improvement": None, "auc": None, "sic": []}
    if test is None:
        score = scores.data[known]
    else:
        seen = test[known]
        score = np.mean([scorer(seen.features, seen.mass) for scorer in scores.scorers], axis=0)
    told = gains(score, table.label[known], settings.seed)
    place = "all masses" if settings.method in SHARED else f"masses {limits[0]:g} to {limits[1]:g}"
    return {**told, "judged_on": f"{'held-out folds' if table is data else 'test'}, {place}"}
