"""Whether the confidence of tracks and clusters is what it says: a calibration curve, and the fit that makes it one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.bundle import ANY_DETECTOR, Bundle, load_bundle, load_task, save_bundle
from gnnreco.bundle.files import MANIFEST
from gnnreco.columns import Clusters, Event, Floats, Tracks
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events.select import seen, select_hits
from gnnreco.files.atomic import refuse
from gnnreco.files.json_types import JsonDict, JsonMapping, JsonObject
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import visible_fraction
from gnnreco.kernels import threads
from gnnreco.models.calibration import FEWEST, Calibration, fit_calibration, learn_usual
from gnnreco.progress import Progress
from gnnreco.schema import plain
from gnnreco.statistics import clopper_pearson
from gnnreco.tasks.contract import Accustomed, Calibratable
from gnnreco.tasks.layouts import layout_of
from gnnreco.tasks.registry import find_task

from .matching import match
from .sharing import share

EDGES = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0])
HELD_BACK = 3  # every third event tells how well the others would have calibrated it


class TooFew(BadConfig):
    """Events with too few tracks or clusters to calibrate with."""


def calibration_curve(score: Floats, right: NDArray[np.bool_]) -> JsonDict | None:
    """In bins of the score: how many, their mean score, and which part is right.

    Parameters
    ----------
    score : float64 (n,)
    right : bool (n,)

    Returns
    -------
    dict or None
        ``edges, count, score_mean, matched`` with ``matched_interval`` (68 %), each a list by bin; ``ece``, the expected
        calibration error: the mean over all of \\|mean score - part that is right\\| of their bin. None where there is
        nothing, or a score that no probability can be.
    """
    if not len(score) or len(score) != len(right) or not ((score >= 0) & (score <= 1)).all():
        return None
    row = np.minimum(np.digitize(score, EDGES) - 1, len(EDGES) - 2)
    count, sums, passed = (np.bincount(row, w, len(EDGES) - 1) for w in (None, score, right))
    some = count > 0
    mean, part = sums[some] / count[some], passed[some] / count[some]

    def listed(values: Floats) -> list[float | None]:
        out = np.full(len(count), None, object)
        out[some] = values.tolist()
        return list(out)

    return {
        "edges": EDGES.tolist(),
        "count": count.tolist(),
        "score_mean": listed(mean),
        "matched": listed(part),
        "matched_interval": clopper_pearson(passed, count).tolist(),
        "overall": {"count": len(score), "score_mean": float(score.mean()), "matched": float(right.mean())},
        "ece": float((count[some] * np.abs(mean - part)).sum() / len(score)),
    }


def right_of(found: Tracks | Clusters, event: Event, detector: Detector) -> NDArray[np.bool_]:
    """Which tracks (rule ``acts``) or clusters (half of the energy of both) are matched to a particle; bool (n,)."""
    if event.truth is None:
        raise BadInput(
            event.source, f"event {event.number}", "no truth to calibrate with: give files with particles"
        )
    if isinstance(found, Tracks):
        return match(found, event.truth, len(event.hits)).matched("acts")
    return share(event, found, visible_fraction(detector, event.hits.sensor)).matched


def calibrate(
    bundle: str | Path,
    samples: Sequence[tuple[Detector, Sequence[Event]]],
    output: str | Path,
    command: str = "",
    data: Sequence[JsonMapping] = (),
    progress: Progress | None = None,
    overwrite: bool = False,
) -> JsonObject:
    """Make the score of a bundle a probability, and save it with that.

    The noise of each event is also shown alone, so that what is made of noise has a low score. A task that can tell what
    kind of events these are (`Accustomed`) keeps that beside it.

    Parameters
    ----------
    bundle : str or path
        Of tracks or clusters; its weights stay as they are, byte for byte.
    samples : sequence of (Detector, events)
        With truth; nothing else may have been learned from them.
    output : str or path
        Folder of the calibrated bundle; may be that of `bundle`, which it then replaces.
    command : str
    data : sequence of dict
        Written to the manifest: what the events are.
    progress : callable, optional
        ``progress(what, done, total)``.
    overwrite : bool
        Replace a bundle in `output`.

    Returns
    -------
    dict
        ``bundle, found, matched, ece``: how many tracks or clusters, which part is matched, and the expected calibration
        error on a third of the events when the others alone are fitted to. For an `Accustomed` task also ``usual``: how
        many ratios it knows now.

    Raises
    ------
    BadConfig
        A bundle without a score; events with too few tracks or clusters (`TooFew`).
    BadInput
        A bundle in `output` that nobody asked to replace.
    """
    refuse(Path(output) / MANIFEST, overwrite)
    source = load_bundle(bundle)
    for learned in ("calibration", "usual"):
        source.config.pop(learned, None)
    shown = [_shown(source, *sample, progress) for sample in samples]
    task = shown[0][0]
    features = task.confidence_features
    table, matched, third = (
        np.concatenate(column) for column in zip(*(rows for _, rows, _ in shown), strict=True)
    )
    calibration = fit_calibration(features, table, matched)
    if calibration is None:
        raise TooFew(f"{len(matched)} found, {FEWEST} are needed to calibrate with; give more events")
    config = source.config | {"calibration": plain(calibration)}
    usual = None
    if isinstance(task, Accustomed):
        usual = learn_usual(task.ratios, [counts for *_, each in shown for counts in each])
        config |= {"usual": plain(usual)}
    error = _held_back_error(features, table, matched, third)
    told = {"command": command, "data": [dict(d) for d in data], "found": len(matched)}
    told |= {"matched": float(matched.mean()), "ece_held_back": error}
    anywhere = source.manifest["detector"]["hash"] == ANY_DETECTOR["hash"]
    save_bundle(
        output,
        source.task,
        config,
        source.state,
        None if anywhere else samples[0][0],
        source.manifest["training"] | {"calibration": told},
        source.manifest["metrics"],
    )
    row: JsonObject = {
        "bundle": str(output),
        "found": len(matched),
        "matched": float(matched.mean()),
        "ece": error,
    }
    if isinstance(task, Accustomed):
        row["usual"] = len(usual.ratios) if usual else 0
    return row


def calibrated_if_enough(
    bundle: str | Path,
    samples: Sequence[tuple[Detector, Sequence[Event]]],
    command: str,
    data: Sequence[JsonMapping],
    progress: Progress | None = None,
) -> str:
    """Calibrate a bundle in its place where it gives scores and the events are enough, and say whether they were."""
    source = load_bundle(bundle)
    if samples and not isinstance(load_task(source, samples[0][0]), Calibratable):
        return f"not calibrated: the task '{source.task}' gives no score"
    try:
        row = calibrate(bundle, samples, bundle, command, data, progress, overwrite=True)
    except TooFew as error:
        return f"not calibrated: {error}"
    return f"calibrated on {row['found']:,} {layout_of(find_task(source.task)).name}"


def _shown(
    source: Bundle, detector: Detector, events: Sequence[Event], progress: Progress | None
) -> tuple[Any, tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]], list[dict[str, int]]]:
    """The task of a bundle; of what it finds in events: features, whether it is right, whether it is held back; counts."""
    task = load_task(source, detector)
    if not isinstance(task, Calibratable):
        raise BadConfig(f"{source.name}: a bundle for the task '{source.task}' gives no score to calibrate")
    tables, right, third = (
        [np.zeros((0, len(task.confidence_features)))],
        [np.zeros(0, bool)],
        [np.zeros(0, bool)],
    )
    counts: list[dict[str, int]] = []
    with threads(1):
        for done, event in enumerate(events):
            for part in _with_noise_alone(event):
                found, table = task.found(part)
                if part is event and isinstance(task, Accustomed):
                    counts.append(task.counts(event, found))
                mine = seen(part, detector, task.needs.measures)
                tables.append(table)
                right.append(right_of(mine.narrow(found, len(part.hits)), mine.event, detector))
                third.append(np.full(len(table), done % HELD_BACK == 0))
            if progress:
                progress("calibrate", done + 1, len(events))
    return task, (np.concatenate(tables), np.concatenate(right), np.concatenate(third)), counts


def _with_noise_alone(event: Event) -> list[Event]:
    """The event, and one of its hits that no particle made, if there are any."""
    if event.truth is None:
        return [event]
    noise = np.ones(len(event.hits), bool)
    noise[event.truth.hit] = False
    return [event, select_hits(event, noise)] if noise.any() else [event]


def _held_back_error(
    features: Sequence[str], table: Floats, right: NDArray[np.bool_], third: NDArray[np.bool_]
) -> float | None:
    calibration: Calibration | None = fit_calibration(features, table[~third], right[~third])
    curve = None if calibration is None else calibration_curve(calibration(table[third]), right[third])
    return None if curve is None else float(curve["ece"])
