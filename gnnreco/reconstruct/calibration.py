"""Whether the p-values of an output can be believed: by whom they were calibrated, and whether the events drifted away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gnnreco.bundle import ANY_DETECTOR, load_task
from gnnreco.columns import Anomalies, Floats
from gnnreco.events.anomalies_file import read_anomalies
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.geometry import Detector
from gnnreco.pipeline import Stage
from gnnreco.tasks.contract import Calibrated

#: Fewer p-values say nothing of a drift.
FEWEST = 50
#: Of more events so many are tested, evenly spread over all: the test takes time with the square of their number.
MOST = 20_000


def calibration_of(stage: Stage, detector: Detector, files: Iterable[str | Path]) -> JsonDict:
    """What the manifest tells of the p-values of a task, under ``calibration``; empty for a task that gives none.

    Parameters
    ----------
    stage : Stage
    detector : Detector
        Of the events.
    files : iterable of path
        Of the output, in the order of the events.
    """
    if stage.kind.gives is not Anomalies:
        return {}
    task = load_task(stage.bundle, detector, any_detector=True)
    trained = stage.bundle.manifest["detector"]
    told: JsonDict = {
        "events": task.calibration_events if isinstance(task, Calibrated) else None,
        "detector": trained["name"],
        "of_this_detector": trained["hash"] in (detector.at_source().hash, ANY_DETECTOR["hash"]),
    }
    return {"calibration": told | {"drift": drift_of(p_values_of(files), told["events"])}}


def calibration_again(manifest: JsonMapping, files: Iterable[str | Path]) -> JsonDict:
    """The same for several parts of a job, from what the manifest of one of them holds."""
    told = manifest.get("calibration")
    if told is None:
        return {}
    return {"calibration": {**told, "drift": drift_of(p_values_of(files), told["events"])}}


def notes_of_calibration(manifest: JsonMapping) -> list[str]:
    """One line where the p-values are not to be believed; no fault of the run."""
    told = manifest.get("calibration")
    if told is None:
        return []
    if not told["of_this_detector"]:
        return [
            f"the p-values were calibrated on detector '{told['detector']}': on '{manifest['detector']['name']}' they are "
            "no probabilities; rank events by their scores, or train a bundle of its own"
        ]
    test = told["drift"]
    if test is None or not test["drifted"]:
        return []
    return [
        f"the p-values of {test['events']:,} events do not look like those of normal events of the calibration: "
        f"p = {test['p_value']:.2g} (Kolmogorov-Smirnov distance {test['ks']:.3f}, wealth of the martingale at most "
        f"{test['martingale_max']:.3g}, at event {test['event']}): either many are strange, or it no longer holds"
    ]


def p_values_of(files: Iterable[str | Path]) -> Floats:
    """The p-values in files of an output, in their order."""
    values = [found.p_value for file in files for _, _, found in read_anomalies(file)]
    return np.concatenate([np.zeros(0), *values])


def drift_of(p_values: Floats, calibration_events: int | None, fewest: int = FEWEST) -> JsonDict | None:
    """Whether p-values look like those of normal events, as plain values; None of fewer than `fewest`.

    Of more than `MOST` so many are tested; ``event`` is then still a row of all.
    """
    if len(p_values) < fewest:
        return None
    from gnnreco.statistics import drift  # scipy.stats, which a job without p-values does not wait for

    step = -(-len(p_values) // MOST)
    told = asdict(drift(p_values[::step], calibration_events))
    return told | {"event": told["event"] * step, "events": len(p_values[::step])}


def files_of(folder: Path, shards: Sequence[JsonMapping]) -> list[Path]:
    """The files that a manifest lists."""
    return [folder / str(shard["file"]) for shard in shards]
