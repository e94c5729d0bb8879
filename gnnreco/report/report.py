"""Puts a report together: what a bundle is, what it does, what it reads, where it fails, and how sure all of that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from gnnreco.bundle import Bundle, load_bundle, load_task
from gnnreco.columns import Clusters, Event, ReconstructedParticles, Tracks
from gnnreco.errors import BadBundle, BadConfig, BadInput, GnnrecoError
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.geometry import Detector
from gnnreco.kernels import threads
from gnnreco.progress import Progress
from gnnreco.tasks.contract import (
    AnyTask,
    Classifying,
    Comparable,
    Explainable,
    Explainer,
    Reading,
    Reconstructs,
)

from .attribution import attribution
from .chain import Before
from .failures import Example, examples, failures, opens
from .figures import Figure, Judge, Measured, gaps, mean_row, measure, pulls
from .flow import hits_of
from .page import write_page
from .ranking import REPEATS, Rise, ranking

EXPLAINED = 10  # events that columns are shuffled in
DEFINITIONS = {
    "loss": "what the training makes small, in each event; its mean over events, with an interval from their spread",
    "intervals": "68 %",
    "gap": "test less training; sigma: over the error of both (a figure of the manifest counts as exact)",
    "rise": f"of the loss where the values of a column change places among all rows ({REPEATS} shuffles); interval from "
    "the spread over events",
    "part": "integrated gradients from average features of the event to those of the object: parts of a sum add up to "
    "answer less average answer",
    "seeds": "bundles that differ in the seed of their training only, if the user named such",
}


def report(
    bundle: str | Path,
    events: Sequence[Event],
    page: str | Path,
    detector: Detector | None = None,
    training: Sequence[Event] | None = None,
    seeds: Sequence[str | Path] = (),
    *,
    bundles: Sequence[str | Path] = (),
    any_detector: bool = False,
    explained: int = EXPLAINED,
    seed: int = 0,
    detector_name: str = "",
    command: str = "",
    progress: Progress | None = None,
) -> JsonDict:
    """Tell what a trained model does on events that it was not trained on, as a page and as a table.

    Parameters
    ----------
    bundle : str or path
        Shipped, or a folder.
    events : sequence of Event
        With truth; read several times.
    page : path
        The page to write; an existing one is replaced.
    detector : Detector, optional
        None: for bundles that need none.
    training : sequence of Event, optional
        What it was trained on, to tell the gap between both; without them the manifest is asked.
    seeds : sequence of str or path
        Bundles of other trainings for the same task, to be set beside it.
    bundles : sequence of str or path
        Those that find what it builds on (particle flow: tracks and clusters), if not those that it was trained with. Events
        in which all of that was found already stay as they are.
    any_detector : bool
        Allow a bundle that was trained on another detector.
    explained : int
        Events in which columns are shuffled; objects are explained in any.
    seed : int
        Of the shuffles.
    detector_name, command : str
        How the user names the detector in commands; the command behind the report.
    progress : callable, optional
        ``progress(what, done, total)``.

    Returns
    -------
    dict
        All that the page shows but its pictures; every number is finite or None.

    Raises
    ------
    BadBundle
        A bundle for another detector, one of `seeds` for another task, or one that finds what it builds on is not there.
    BadConfig
        Nothing scores what the task gives.
    BadInput
        No events, or no truth in them.
    """
    if not len(events):
        raise BadInput(str(page), "", "there are no events to report on: name some that hold truth")
    opened = load_bundle(bundle)
    with threads(1):  # the same bits on any machine, and small networks are faster so
        made = _Report(opened, str(bundle), events, detector, any_detector, detector_name, bundles, progress)
        return made.whole(page, training, seeds, explained, seed, command)


class _Report:
    """The parts of a report, each made once."""

    def __init__(
        self,
        bundle: Bundle,
        given: str,
        events: Sequence[Event],
        detector: Detector | None,
        any_detector: bool,
        detector_name: str,
        before: Sequence[str | Path],
        progress: Progress | None,
    ) -> None:
        self.bundle, self.given = bundle, given
        self.detector, self.any_detector = detector, any_detector
        self.named, self.progress = detector_name, progress
        self.task = load_task(bundle, detector, any_detector)
        self.judge = Judge.of(self.task)
        self.before = Before(bundle, self.task, detector, before)
        self.events = self.before.events(events)
        self.left_out: list[str] = []

    def whole(
        self,
        page: str | Path,
        training: Sequence[Event] | None,
        seeds: Sequence[str | Path],
        explained: int,
        seed: int,
        command: str,
    ) -> JsonDict:
        test = self._measured(self.task, self.events, "events")
        loss = self._losses(self.task, self.events, "loss")
        figures = test.figures + loss
        training = None if training is None else self.before.events(training)
        learned = None if training is None else self._training(training)
        out: JsonDict = {
            "command": command,
            "bundle": _about(self.bundle) | {"before": self._builds_on()},
            "events": len(self.events),
            "events_failed": test.failed,
            "figures": figures,
            "training": learned or {"what": "the manifest of the bundle", "figures": self._manifest()},
        }
        out["gap"] = gaps(figures, out["training"]["figures"])
        out["seeds"] = self._seeds(seeds, figures)
        out["baseline"] = self._baseline(training or ())
        out["calibration"] = {
            what: test.result[what]
            for what in ("calibration", "class_calibration")
            if test.result.get(what) is not None
        }
        out["pulls"] = pulls(test.result, self.detector)
        out["ranking"], out["objects"], views = self._explained(test, explained, seed)
        worst, sure, commands = failures(
            self.judge, test, self.events, [*self.before.given, self.given], self.named
        )
        out["failures"] = {"events": worst, "objects": sure, "first": commands}
        out["warnings"] = test.result.get("warnings", [])
        out["left_out"] = self.left_out
        out["definitions"] = DEFINITIONS | test.result["definitions"]
        write_page(page, out, views)
        return out

    def _builds_on(self) -> list[JsonDict]:
        """The bundles that ran before it."""
        return [{"name": s.bundle.name, "sha256": s.bundle.manifest["sha256"]} for s in self.before.stages]

    def _measured(self, task: Reconstructs | Classifying, events: Sequence[Event], what: str) -> Measured:
        def told(items: Iterator[Event]) -> Iterator[Event]:
            for done, event in enumerate(items):
                yield event
                if self.progress:
                    self.progress(what, done + 1, len(events))

        return measure(self.judge, task, events, told)

    def _losses(self, task: AnyTask, events: Sequence[Event], what: str) -> list[Figure]:
        """Mean of what the training makes small, as a figure; none where nothing was learned."""
        if not self.bundle.state:
            self._leave_out("the loss: the method learns nothing")
            return []
        values = []
        with torch.no_grad():
            for done, event in enumerate(events):
                try:
                    values.append(float(task.loss(task.sample(event))[0]))
                except GnnrecoError as error:
                    self._leave_out(f"the loss of event {event.number}: {error}")
                if self.progress:
                    self.progress(what, done + 1, len(events))
        row = mean_row("value", np.array(values))
        return [{"figure": "loss", "value": row["value"], "interval": row["value_interval"]}]

    def _training(self, events: Sequence[Event]) -> JsonDict:
        if not len(events):
            raise BadInput(
                "the training events", "", "there are none: name those that the bundle learned from"
            )
        measured = self._measured(self.task, events, "training events")
        figures = measured.figures + self._losses(self.task, events, "training loss")
        return {"what": f"{len(events):,} training events", "figures": figures}

    def _manifest(self) -> list[Figure]:
        """What the manifest tells of the last epoch: of the training the loss has the same meaning as here."""
        metrics = self.bundle.manifest["metrics"]
        self._leave_out(
            "training events: none were given with train=; only the loss in the manifest is compared"
        )
        value = metrics.get("training_loss")
        return [] if value is None else [{"figure": "loss", "value": float(value), "interval": None}]

    def _seeds(self, seeds: Sequence[str | Path], own: list[Figure]) -> list[JsonDict]:
        """The same figures of other trainings."""
        if not seeds:
            self._leave_out(
                "other seeds: none were given with seeds=; how reproducible it is, nobody has asked"
            )
            return []
        rows = [{"bundle": self.bundle.name, "sha256": self.bundle.manifest["sha256"], "figures": own}]
        for given in seeds:
            other = load_bundle(given)
            if other.task != self.bundle.task:
                why = (
                    f"is for the task '{other.task}', not for '{self.bundle.task}'; name another with seeds="
                )
                raise BadBundle(given, why)
            task = load_task(other, self.detector, self.any_detector)
            figures = self._measured(task, self.events, other.name).figures
            figures += self._losses(task, self.events, f"loss of {other.name}")
            rows.append({"bundle": str(given), "sha256": other.manifest["sha256"], "figures": figures})
        return rows

    def _baseline(self, training: Sequence[Event]) -> JsonDict | None:
        """The same figures of a simple method, where the task has one."""
        if not isinstance(self.task, Comparable) or not self.bundle.state:
            self._leave_out("a simple method: the task has none, or is one itself")
            return None
        try:
            words, simple = self.task.baseline(training)
        except BadConfig as error:
            self._leave_out(f"a simple method: {error}")
            return None
        return {"what": words, "figures": self._measured(simple, self.events, "simple method").figures}

    def _explained(
        self, test: Measured, most: int, seed: int
    ) -> tuple[list[Rise], list[JsonDict], list[JsonDict]]:
        """Ranking of the columns, objects with what made them, and what the page draws of these."""
        if not isinstance(self.task, Explainable) or not self.bundle.state:
            self._leave_out("what the network reads: the task does not tell, or learns nothing")
            return [], [], []
        explainer = self.task.explainer()
        some = [i for i, found in enumerate(test.found) if found is not None][:most]
        readings = [r for i in some if _read_anything(r := explainer.read(self.events[i]))]
        rows = ranking(explainer, readings, seed, self.progress)
        objects, views = [], []
        for one in examples(self.judge, test, self.events):
            made = self._object(explainer, test, one)
            if made is None:
                self._leave_out("why it said so: what was found is not the network's")
                continue
            objects.append(made[0])
            views.append(made[1])
        return rows, objects, views

    def _object(self, explainer: Explainer, test: Measured, one: Example) -> tuple[JsonDict, JsonDict] | None:
        """One object with what made it, and what the page draws of it; None where the network has no answer for it."""
        event, found = self.events[one["place"]], test.found[one["place"]]
        reading = explainer.read(event)
        with torch.no_grad():
            if one["object"] >= len(explainer.answers(reading, reading.features)):
                return None
        made = attribution(explainer, reading, event, one["object"])
        hits, by_row = made.pop("hits"), made.pop("rows")
        row: JsonDict = {"event": event.number, "source": event.source, "answer_is": explainer.answer}
        row |= {key: value for key, value in one.items() if key != "place"} | made
        row["command"] = opens(event, self.named)
        view: JsonDict = {"rows": by_row}
        if isinstance(found, Tracks | Clusters | ReconstructedParticles):
            mine = hits_of(event, found, one["object"])
            part = hits[mine]
            order = np.argsort(-np.abs(part), kind="stable")
            ids = event.hits.hit_id[mine]
            row["hits"] = [{"hit_id": int(ids[i]), "part": float(part[i])} for i in order.tolist()]
            view |= {"xyz": event.hits.xyz, "mine": mine, "part": part} if len(mine) else {}
        return row, view

    def _leave_out(self, what: str) -> None:
        if what not in self.left_out:
            self.left_out.append(what)


def _read_anything(reading: Reading) -> bool:
    """Whether there is anything to shuffle."""
    return any(len(rows) for rows in reading.features.values())


def _about(bundle: Bundle) -> JsonDict:
    """What a bundle is, from its manifest."""
    manifest: JsonMapping = bundle.manifest
    training = manifest["training"]
    files = manifest["files"]
    return {
        "name": bundle.name,
        "task": bundle.task,
        "detector": manifest["detector"]["name"],
        "sha256": manifest["sha256"],
        "gnnreco": manifest["gnnreco"],
        "parameters": bundle.parameters,
        "bytes": sum(file["bytes"] for file in files.values()),
        "command": training.get("command"),
        "data": training.get("data"),
        "metrics": manifest["metrics"],
    }
