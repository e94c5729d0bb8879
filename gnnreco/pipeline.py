"""Tasks in a chain: an event is read once, and each task sees it with all that the tasks before it found."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from gnnreco.bundle import Bundle, default_bundles, load_bundle, load_task
from gnnreco.bundle.edge_scorer import plug_in, scored_tasks
from gnnreco.bundle.onnx import OnnxBundle, load_onnx
from gnnreco.columns import Anomalies, Clusters, Event, ReconstructedParticles, Tracks, concatenate
from gnnreco.columns.table import Columns, Table
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.events.output_file import Layout
from gnnreco.geometry import Detector, load_detector
from gnnreco.kernels.timer import Timer
from gnnreco.tasks.contract import AnyTask, Needs, Scorable
from gnnreco.tasks.layouts import layout_of
from gnnreco.tasks.registry import Kind, find_task

__all__ = ["Found", "Outcome", "Reconstructor", "Stage", "choose"]

Engine = Literal["native", "onnx"]
Bundles = str | Path | Sequence[str | Path] | None
#: Columns of which several bundles may give some, each in a folder that is called like the bundle: nothing builds on them.
SEVERAL = (Anomalies,)
#: What such a folder may be called.
PLAIN = re.compile(r"[A-Za-z0-9][\w.+-]*")
#: What a cluster is may be unknown (NaN); what a fit of hits without freedom is worth as well.
MAY_BE_NAN = {"class_probability", "chi2", "ndf"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A bundle that has its place in a chain; its task is built where events are reconstructed.

    Attributes
    ----------
    name : str
        Of the task; of the bundle where several for one task run (see `SEVERAL`).
    given : str
        The bundle as the user named it.
    bundle : Bundle
    kind : Kind
    needs : Needs
        What the bundle reads of an event.
    exported : OnnxBundle, optional
        Its network in ONNX, where ONNX Runtime is to run it.
    scorer : (file, sha256), optional
        A network of somebody else's in place of its own.
    """

    name: str
    given: str
    bundle: Bundle
    kind: Kind
    needs: Needs
    exported: OnnxBundle | None = None
    scorer: tuple[str, str] | None = None

    @classmethod
    def open(cls, given: str | Path, engine: Engine = "native") -> Stage:
        """Read a bundle, shipped or a folder."""
        exported = load_onnx(given) if engine == "onnx" else None
        bundle = exported.bundle if exported else load_bundle(given)
        kind = find_task(bundle.task)
        try:
            needs = kind.needs_with(bundle.config)
        except BadConfig as error:
            raise BadBundle(given, f"its settings do not fit the task '{bundle.task}': {error}") from error
        return cls(bundle.task, str(given), bundle, kind, needs, exported)

    @property
    def engine(self) -> str:
        """What runs the network: ``native``, or a sum over the ONNX model."""
        return self.exported.identity if self.exported else "native"

    def build(self, detector: Detector, any_detector: bool, threads: int) -> AnyTask:
        """The task, ready to reconstruct."""
        task = load_task(self.bundle, detector, any_detector)
        if self.exported:
            assert isinstance(task, Scorable)  # what `load_onnx` takes is
            task.scorer = self.exported.network(threads)
        if self.scorer:
            plug_in(task, self.scorer[0], threads)
        return task


@dataclass(slots=True)
class Outcome:
    """What became of one event in one stage.

    Attributes
    ----------
    found : columns or None
        What the task gives; None where it failed.
    tally : dict
        What became of the hits, by name.
    timer : Timer
        What it took.
    error : Exception or None
    """

    timer: Timer
    found: Columns | None = None
    tally: dict[str, int] = field(default_factory=dict)
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Found(Mapping[str, Columns]):
    """What was found in one event, by task: ``found["drift"]``; and over all tasks: `tracks`, `clusters`, `particles`."""

    by_task: Mapping[str, Columns]

    @property
    def tracks(self) -> Tracks:
        """Tracks of all tasks, one after the other."""
        return self.of(Tracks)

    @property
    def clusters(self) -> Clusters:
        """Clusters of all tasks."""
        return self.of(Clusters)

    @property
    def particles(self) -> ReconstructedParticles:
        """Particles of all tasks."""
        return self.of(ReconstructedParticles)

    def of(self, kind: type[Table]) -> Table:
        """The columns of a kind, of all tasks that give them."""
        return joined([found for found in self.by_task.values() if isinstance(found, kind)], kind)

    def __getitem__(self, task: str) -> Columns:
        return self.by_task[task]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_task)

    def __len__(self) -> int:
        return len(self.by_task)

    def __repr__(self) -> str:
        parts = (f"{task}: {len(found)} {type(found).__name__.lower()}" for task, found in self.items())
        return f"Found({', '.join(parts)})"


class Reconstructor:
    """From an event to what is in it: what `gnnreco reconstruct` runs on every event.

    Parameters
    ----------
    detector : name, path or Detector
    bundles : name, path, or several
        Shipped, or folders; one bundle for each task (of anomalies several), in any order. None: those that ship for what
        the detector measures.
    any_detector : bool
        Allow a bundle that was trained on another detector.
    engine : {"native", "onnx"}
        What runs the networks.
    scorer : path, optional
        A network of your own in ONNX, in place of that of the bundle for tracks: see `gnnreco.bundle.edge_scorer`.
    threads : int
        Of ONNX Runtime; kernels and torch have as many as the process gives them.
    brings : collection of type
        What the events have in ``found`` already (`EventSource.brings`).

    Raises
    ------
    BadGeometry, BadBundle
        If one does not exist, does not fit, or needs what no other one gives.

    Examples
    --------
    >>> from gnnreco.simulate import simulate
    >>> from gnnreco.geometry import load_detector
    >>> reconstruct = Reconstructor("telescope")
    >>> found = reconstruct(next(simulate(load_detector("telescope"), "beam", 1)))
    >>> found.tracks.q_over_p.shape == (len(found.tracks),)
    True
    """

    def __init__(
        self,
        detector: str | Path | Detector,
        bundles: Bundles = None,
        *,
        any_detector: bool = False,
        engine: Engine = "native",
        scorer: str | Path | None = None,
        threads: int = 1,
        brings: Collection[type] = (),
    ) -> None:
        self.detector = detector if isinstance(detector, Detector) else load_detector(detector)
        self.stages = choose(self.detector, bundles, any_detector, engine, scorer, lambda: brings)
        self._tasks = {s.name: s.build(self.detector, any_detector, threads) for s in self.stages}

    def __call__(self, event: Event) -> Found:
        """What is found in an event; raises what made a task fail."""
        outcomes = self.run(event)
        for outcome in outcomes.values():
            if outcome.error is not None:
                raise outcome.error
        return Found({name: o.found for name, o in outcomes.items() if o.found is not None})

    def run(self, event: Event, due: Callable[[str], bool] = lambda name: True) -> dict[str, Outcome]:
        """What becomes of an event in each stage that is due, by task; one that fails does not stop the others.

        Stages that are not due run only where one that is needs what they give. What a stage finds anew takes the place of
        what the event brings along: with both, each track would be there twice.
        """
        check_hits(event)
        anew = {stage.kind.gives for stage in self.stages if stage.kind.gives not in stage.needs.found}
        event = replace(event, found={kind: told for kind, told in event.found.items() if kind not in anew})
        wanted = self._wanted(due)
        outcomes: dict[str, Outcome] = {}
        for stage in self.stages:
            if stage.name not in wanted:
                continue
            outcome = self._outcome(stage, event)
            if due(stage.name):
                outcomes[stage.name] = outcome
            if outcome.error is None:
                before = event.found.get(stage.kind.gives)
                parts = [part for part in (before, outcome.found) if part is not None]
                event = replace(
                    event, found={**event.found, stage.kind.gives: joined(parts, stage.kind.gives)}
                )
        return outcomes

    def _wanted(self, due: Callable[[str], bool]) -> set[str]:
        """The stages that are due, and those whose columns they need."""
        wanted: set[str] = set()
        needed: set[type] = set()
        for stage in reversed(self.stages):
            if due(stage.name) or stage.kind.gives in needed:
                wanted.add(stage.name)
                needed.update(stage.needs.found)
        return wanted

    def _outcome(self, stage: Stage, event: Event) -> Outcome:
        task, kind, layout = self._tasks[stage.name], stage.kind, layout_of(stage.kind)
        outcome = Outcome(Timer())
        try:
            missing = [one.__name__.lower() for one in stage.needs.found if one not in event.found]
            if missing:
                why = f"{stage.name} needs {' and '.join(missing)}, which could not be found in it"
                raise BadInput(event.source, f"event {event.number}", why)
            with outcome.timer:
                found = task.reconstruct(event) if len(event.hits) else kind.gives()
            _check_numbers(found, layout)
            outcome.tally = task.tally(event, found)
            if "hit_id" in layout.hits:
                found = replace(found, hit_id=event.hits.hit_id[found.hit_index])
            outcome.found = found
        except Exception as error:  # whatever it is, the caller decides what to do with the others
            outcome.error = error
        return outcome

    def __repr__(self) -> str:
        chain = " -> ".join(f"{stage.name} ({stage.bundle.name})" for stage in self.stages)
        return f"Reconstructor({self.detector.name}: {chain})"


def choose(
    detector: Detector,
    bundles: Bundles,
    any_detector: bool = False,
    engine: Engine = "native",
    scorer: str | Path | None = None,
    brings: Callable[[], Collection[type]] = tuple,
) -> tuple[Stage, ...]:
    """Open bundles and put them in order: each after those that give what it needs.

    `brings` is asked only if no bundle gives it: what the events have in ``found`` already.

    Raises
    ------
    BadBundle
        If two are for one task, one was trained on another detector, or one needs what none gives.
    """
    names = default_bundles(detector) if bundles is None else bundles
    names = [names] if isinstance(names, str | Path) else list(names)
    stages = [Stage.open(name, engine) for name in names]
    if not any_detector:
        for stage in stages:
            stage.bundle.check_detector(detector)
    tasks = [stage.name for stage in stages]
    stages = [
        replace(stage, name=stage.bundle.name)
        if tasks.count(stage.name) > 1 and stage.kind.gives in SEVERAL and PLAIN.fullmatch(stage.bundle.name)
        else stage
        for stage in stages
    ]
    for stage in stages:
        if stage.kind.gives is type(None):
            why = f"a bundle for the task '{stage.bundle.task}' finds nothing in events; use `gnnreco deploy`"
            raise BadBundle(stage.given, why)
    if len({stage.name for stage in stages}) < len(stages) or not stages:
        wrong = ", ".join(map(str, names)) or "bundles"
        raise BadBundle(wrong, f"one bundle for each task; these are for {', '.join(tasks) or 'none'}")
    scored = {} if scorer is None else scored_tasks(scorer, tasks, engine)
    return tuple(replace(stage, scorer=scored.get(stage.bundle.task)) for stage in _in_order(stages, brings))


def _in_order(stages: Sequence[Stage], brings: Callable[[], Collection[type]]) -> Iterator[Stage]:
    """Stages whose needs are met first, otherwise in the order given; some are met by what events bring along."""
    left = list(stages)
    while left:
        coming = {stage.kind.gives for stage in left}
        ready = next((s for s in left if coming.isdisjoint({*s.needs.found} - {s.kind.gives})), None)
        if ready is None:
            raise BadBundle(left[0].given, f"needs what {left[-1].given} gives, which needs what it gives")
        given = {stage.kind.gives for stage in stages if stage not in left}
        lacking = [kind for kind in ready.needs.found if kind not in given]
        missing = [kind.__name__.lower() for kind in lacking]
        if lacking and not set(lacking) <= set(brings()):
            why = f"{ready.name} needs {' and '.join(missing)}; name a bundle that gives them as well"
            raise BadBundle(ready.given, why)
        left.remove(ready)
        yield ready


def joined(parts: Sequence[Table], kind: type[Table]) -> Table:
    """Columns of several tasks as one: rows one after the other."""
    if len(parts) < 2:
        return parts[0] if parts else kind()
    return concatenate(parts)  # type: ignore[no-any-return]


def check_hits(event: Event) -> None:
    """Raise `BadInput` for a hit that is nowhere."""
    bad = ~np.isfinite(event.hits.xyz).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise BadInput(
            event.source,
            f"hit {event.hits.hit_id[row]}",
            "its position is not a finite number; correct the file",
        )


def _check_numbers(found: Columns, layout: Layout) -> None:
    names = [*layout.numbers.values(), *(attribute for attribute, _ in layout.vectors.values())]
    for name in [n for n in names if n not in MAY_BE_NAN]:
        if not np.isfinite(getattr(found, name)).all():
            raise ArithmeticError(f"one of the {layout.name} has a {name} that is not a finite number")
