"""The report on an anomaly bundle: whether its p-values hold on events it did not learn from, and which are strangest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnnreco.bundle import Bundle, load_task
from gnnreco.columns import Anomalies, Event
from gnnreco.errors import BadConfig, BadInput, GnnrecoError
from gnnreco.evaluate import score_anomalies
from gnnreco.evaluate.report import page_of
from gnnreco.files.atomic import write_file
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.kernels import threads
from gnnreco.progress import Progress
from gnnreco.reconstruct.shard import short_names
from gnnreco.tasks.contract import Calibrated, ReadsJets

from .chain import Before
from .figures import Failed, Figure

#: Level of the p-value whose coverage is told first.
LEVEL = 0.01


def report_anomalies(
    bundle: Bundle,
    events: Sequence[Event],
    page: str | Path,
    detector: Detector,
    any_detector: bool = False,
    bundles: Sequence[str | Path] = (),
    command: str = "",
    progress: Progress | None = None,
) -> JsonDict:
    """Tell how strange a bundle finds normal events, as a page and as a table.

    Parameters
    ----------
    bundle : Bundle
        Of a task that gives `Anomalies`.
    events : sequence of Event
        Normal ones, that it was not trained on; truth is not read.
    page : path
        The page to write; an existing one is replaced.
    detector : Detector
        As it was loaded.
    any_detector : bool
        Allow a bundle that was trained on another detector.
    bundles : sequence of str or path
        Those that find what it looks at; without them those that it was trained with, or that ship for the detector.
    command : str
        The command behind the report.
    progress : callable, optional
        ``progress(what, done, total)``.

    Returns
    -------
    dict
        What `score_anomalies` returns, and ``figures``: the most important of it; every number is finite or None.

    Raises
    ------
    BadInput
        No events, or none that the bundle can judge.
    BadConfig
        The bundle reads files of jets.
    BadBundle
        One for another detector.
    """
    if not len(events):
        raise BadInput(str(page), "", "there are no events to report on: name some normal ones")
    task = load_task(bundle, detector, any_detector)
    if isinstance(task, ReadsJets) and task.reads_jets:
        raise BadConfig(f"bundle {bundle.name}: reads files of jets, of which no report is made")
    events = Before(bundle, task, detector, bundles).events(events)
    rows: list[tuple[int, str, Anomalies]] = []
    failed: list[Failed] = []
    with threads(1):  # the same bits on any machine
        for done, event in enumerate(events):
            try:
                found = task.reconstruct(event) if len(event.hits) else Anomalies()
                rows.append((event.number, event.source, found))
            except GnnrecoError as error:
                failed.append({"event": event.number, "source": event.source, "why": str(error)})
            if progress:
                progress("events", done + 1, len(events))
    names = short_names([source for _, source, _ in rows]) if rows else []
    named = ((number, name, found) for (number, _, found), name in zip(rows, names, strict=True))
    known = task.calibration_events if isinstance(task, Calibrated) else None
    scores = score_anomalies(named, (), str(page), known)
    about = {"name": bundle.name, "task": bundle.task, "sha256": bundle.manifest["sha256"]}
    out: JsonDict = {"task": bundle.task, "command": command, "bundle": about, **scores}
    out |= {"events_failed": failed, "figures": _figures(scores), "ranking": [], "left_out": []}
    write_file(Path(page), page_of({bundle.name: out}))
    return out


def _figures(scores: JsonDict) -> list[Figure]:
    """The most important numbers."""
    covered, test = scores["coverage"], scores["drift"]
    figures: list[Figure] = [
        {"figure": "events without a score", "value": scores["normal"]["without_score"], "interval": None}
    ]
    if covered is None:
        return figures
    at = covered["level"].index(LEVEL)
    return [
        {
            "figure": f"events with p at most {LEVEL:g}",
            "value": covered["below"][at],
            "interval": covered["interval"][at],
        },
        {"figure": "coverage error", "value": covered["error"], "interval": None},
        {
            "figure": "coverage error of perfect p-values",
            "value": covered["expected_error"],
            "interval": None,
        },
        {"figure": "p-value of no drift", "value": test["p_value"], "interval": None},
        *figures,
    ]
