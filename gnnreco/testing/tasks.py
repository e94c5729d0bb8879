"""What every task must answer: see `gnnreco.tasks.contract` and `gnnreco.testing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event, Ints, Tracks
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector, load_detector
from gnnreco.schema import build, plain
from gnnreco.tasks.contract import AnyTask, State, Task
from gnnreco.tasks.registry import Kind, find_task

from .detectors import run_checks

#: What particles call the rows of what they are made of.
INDEX = {Tracks: "track_index", Clusters: "cluster_index"}
#: Objects by the rows of their hits, and the numbers of each.
Told = list[tuple[tuple[int, ...], list[float]]]


class TaskCase:
    """A task under test, with a detector and some events; for the parameters see `check_task`."""

    def __init__(
        self,
        task: str | Kind,
        detector: str | Path | Detector,
        events: Sequence[Event],
        settings: Any = None,
        state: State | None = None,
    ) -> None:
        self.name = task if isinstance(task, str) else ""
        self.kind = find_task(task) if isinstance(task, str) else task
        self.detector = detector if isinstance(detector, Detector) else load_detector(detector)
        self.events = list(events)
        self.task_class, self.settings_class = self.kind.load()
        self.settings = self.settings_class() if settings is None else settings
        self._state = state

    @cached_property
    def task(self) -> AnyTask:
        """The task, ready to reconstruct."""
        task = self.task_class.from_config(self.settings, self.detector)
        if self._state is None:
            task.prepare(self.events)
            self._state = task.state()
        task.load_state(self._state)
        return task

    def again(self) -> AnyTask:
        """Another task with the same numbers."""
        other = self.task_class.from_config(self.settings, self.detector)
        other.load_state(self.task.state())
        return other

    @property
    def learns(self) -> bool:
        """Whether gradients train it."""
        return self.task_class.loss is not Task.loss

    @property
    def reconstructs(self) -> bool:
        """Whether it gives columns, and is not only deployed."""
        return self.kind.gives is not type(None)


def check_task(
    task: str | Kind,
    detector: str | Path | Detector,
    events: Sequence[Event],
    settings: Any = None,
    state: State | None = None,
) -> None:
    """Run every check of `TASK_CHECKS`.

    Parameters
    ----------
    task : str or Kind
        The name the package registers, or what it registers.
    detector : name, path or Detector
    events : sequence of Event
        With truth and hits; few and small ones do.
    settings : dataclass, optional
        Of the task; its defaults where none are given.
    state : mapping of arrays, optional
        What it has learned, such as the `state` of a bundle; without it the task prepares itself with the events.

    Raises
    ------
    AssertionError
        Naming every check that failed, and how.
    BadConfig, BadGeometry
        If there is no such task or detector, or the two do not go together.

    Examples
    --------
    >>> import gnnreco
    >>> events = list(gnnreco.simulate("telescope", "beam", count=3, events=3, seed=1))
    >>> bundle = gnnreco.load_bundle("tracking-telescope")
    >>> check_task("tracking", "telescope", events, state=bundle.state)  # doctest: +SKIP
    """
    case = TaskCase(task, detector, events, settings, state)
    run_checks(TASK_CHECKS, case, case.name or case.task_class.__name__)


def kind_and_class_agree(case: TaskCase) -> None:
    """What is announced is what the class says, and the class inherits from `Task`."""
    kind, task = case.kind, case.task_class
    assert Task in task.__mro__, f"{task.__name__} does not inherit from gnnreco.tasks.contract.Task"
    assert task.needs == kind.needs, f"announces {kind.needs}, the class says {task.needs}"
    assert task.gives is kind.gives, f"announces {kind.gives}, the class says {task.gives}"
    assert case.name in ("", task.name), f"is announced as '{case.name}', the class says '{task.name}'"
    if case.reconstructs:
        told, needs = kind.needs_with(plain(case.settings)), case.task.needs
        assert needs == told, f"announces {told} with these settings, the task says {needs}"


def settings_travel_as_yaml(case: TaskCase) -> None:
    """Settings are a dataclass with a default for each, and a bundle's file gives the same ones again."""
    assert is_dataclass(case.settings_class), f"{case.settings_class.__name__} is no dataclass"
    for settings in (case.settings_class(), case.settings):
        again = build(case.settings_class, yaml.safe_load(yaml.safe_dump(plain(settings))))
        assert again == settings, f"{settings} came back as {again}"


def samples_travel_as_tensors(case: TaskCase) -> None:
    """A sample that was written and read again gives the same loss, bit for bit."""
    if not case.learns:
        return
    import torch

    from gnnreco.train.flat import flatten, unflatten

    task = case.again()
    task.network.eval()
    for event in case.events[:2]:
        sample = task.sample(event)
        assert isinstance(sample, task.sample_kind), (
            f"sample gives {type(sample).__name__}, not {task.sample_kind.__name__}"
        )
        losses = []
        for one in (sample, unflatten(task.sample_kind, flatten(sample))):
            with torch.no_grad():
                loss, numbers = task.loss(one)
            losses.append((float(loss), numbers))
        assert losses[0] == losses[1], f"event {event.number}: {losses[0]} became {losses[1]}"


def loss_is_finite_with_gradients(case: TaskCase) -> None:
    """The loss is one finite number, it moves the network, and the numbers beside it have the same names each time."""
    if not case.learns:
        return
    import torch

    task, names = case.again(), set()
    task.network.train()
    for event in case.events[:2]:
        loss, numbers = task.loss(task.sample(event))
        assert loss.shape == (), f"the loss has shape {tuple(loss.shape)}"
        assert bool(torch.isfinite(loss)), f"event {event.number}: the loss is {float(loss)}"
        loss.backward()  # type: ignore[no-untyped-call]
        names.add(tuple(sorted(numbers)))
    assert len(names) == 1, f"the numbers beside the loss change their names: {names}"
    gradients = [p.grad for p in task.network.parameters() if p.requires_grad and p.grad is not None]
    assert gradients, "no parameter has a gradient"
    assert all(bool(torch.isfinite(g).all()) for g in gradients), "a gradient is not finite"
    assert any(bool((g != 0).any()) for g in gradients), "all gradients are zero"


def state_makes_the_same_task(case: TaskCase) -> None:
    """Another task that takes the state has the same state and finds the same, and the state is what `arrays` says."""
    from gnnreco.models.state import checked

    one, other = case.task, case.again()
    before, after = one.state(), other.state()
    assert before.keys() == after.keys(), "other names"
    for name, array in before.items():
        assert np.array_equal(array, after[name], equal_nan=True), f"'{name}' is another array"
    expected = case.task_class.arrays(case.settings, case.detector)
    if expected is not None:
        try:
            checked(before, expected)
        except ValueError as error:
            raise AssertionError(f"its own state is not what `arrays` says: {error}") from error
    for event in case.events if case.reconstructs else ():
        # As text NaN is NaN.
        assert repr(_told(one.reconstruct(event))) == repr(_told(other.reconstruct(event))), "other objects"


def order_of_hits_does_not_matter(case: TaskCase) -> None:
    """The same hits in another order are the same event."""
    for event in case.events if case.reconstructs else ():
        order = np.random.default_rng(event.number).permutation(len(event.hits))
        _same(case, event, _rows(event, order), order, "in another order")


def hits_of_others_do_not_matter(case: TaskCase) -> None:
    """Hits of subsystems that measure nothing the task needs change nothing."""
    wanted = [not set(case.kind.needs.measures).isdisjoint(s.measures) for s in case.detector.subsystems]
    mine = np.append(np.array(wanted, bool)[case.detector.subsystem], False)
    for event in case.events if case.reconstructs else ():
        keep = mine[event.hits.sensor]
        _same(case, event, select_hits(event, keep), np.flatnonzero(keep), "without the hits of others")


def small_events_are_events(case: TaskCase) -> None:
    """No hit gives nothing, one hit makes no trouble."""
    if not case.reconstructs:
        return
    event = case.events[0]
    none = _rows(event, np.zeros(0, np.int64))
    found = case.task.reconstruct(none)
    _check(found, none, case)
    assert len(found) == 0, f"without hits it finds {len(found)}"
    for row in (0, len(event.hits) - 1):
        one = _rows(event, np.array([row]))
        _check(case.task.reconstruct(one), one, case)


def hits_are_rows_of_the_event(case: TaskCase) -> None:
    """What is found is of the columns that were announced, its hits are rows of the event, its tally counts."""
    for event in case.events if case.reconstructs else ():
        found = case.task.reconstruct(event)
        _check(found, event, case)
        for name, count in case.task.tally(event, found).items():
            whole = isinstance(count, int) and not isinstance(count, bool)
            assert whole, f"the tally of {name} is {count!r}, no whole number"
            assert count >= 0, f"the tally of {name} is {count}"


TASK_CHECKS: tuple[Callable[[TaskCase], None], ...] = (
    kind_and_class_agree,
    settings_travel_as_yaml,
    samples_travel_as_tensors,
    loss_is_finite_with_gradients,
    state_makes_the_same_task,
    order_of_hits_does_not_matter,
    hits_of_others_do_not_matter,
    small_events_are_events,
    hits_are_rows_of_the_event,
)


def _check(found: Any, event: Event, case: TaskCase) -> None:
    given = isinstance(found, case.kind.gives)
    assert given, f"it gives {type(found).__name__}, not {case.kind.gives.__name__}"
    index = found.hit_index
    inside = ((index >= 0) & (index < len(event.hits))).all()
    assert inside, f"a hit is none of the {len(event.hits)} rows of event {event.number}"


def _same(case: TaskCase, event: Event, other: Event, rows: Ints, what: str) -> None:
    """Event `other`, of these `rows` of `event`, has the same objects."""
    found, again = case.task.reconstruct(event), case.task.reconstruct(other)
    _check(found, event, case)
    _check(again, other, case)
    one, two = _told(found), _told(again, rows)
    assert [hits for hits, _ in one] == [hits for hits, _ in two], (
        f"event {event.number} {what}: other objects are found ({len(two)} instead of {len(one)})"
    )
    for (_, before), (_, after) in zip(one, two, strict=True):
        close = np.allclose(before, after, rtol=1e-5, atol=1e-7, equal_nan=True)
        assert close, f"event {event.number} {what}: {before} became {after}"


def _told(found: Any, rows: NDArray[np.int64] | None = None) -> Told:
    """What was found, whatever the order of the objects: of each its hits, by their `rows`, and its numbers."""
    index = found.hit_index if rows is None else rows[found.hit_index]
    ragged = {"offsets", *found.RAGGED, *getattr(found, "OFFSETS", {}).values()}
    names = [f.name for f in fields(found) if f.name not in ragged]
    table = np.hstack([getattr(found, name).reshape(len(found), -1) for name in names])
    parts = np.split(index, found.offsets[1:-1]) if len(found) else []
    told = [(tuple(sorted(part.tolist())), row.tolist()) for part, row in zip(parts, table, strict=True)]
    return sorted(told, key=lambda one: (one[0], str(one[1])))


def _rows(event: Event, rows: Ints) -> Event:
    """The event with these hits, in this order, and without truth; what was found in it keeps what is left of its hits."""
    places = {"hit_index": np.full(len(event.hits), -1, np.int64)}
    places["hit_index"][rows] = np.arange(len(rows))
    found: dict[type, Any] = {}
    # Particles name rows of tracks and clusters, so these come first.
    for kind, columns in sorted(event.found.items(), key=lambda item: len(item[1].OFFSETS)):
        found[kind], some = _left(columns, places)
        if kind in INDEX:
            places[INDEX[kind]] = np.where(some, np.cumsum(some) - 1, -1)
    return replace(event, hits=event.hits[rows], truth=None, collections=None, found=found)


def _left(found: Any, places: Mapping[str, Ints]) -> tuple[Any, NDArray[np.bool_]]:
    """What was found with hits, tracks and clusters by their new places (-1: gone), and which of it still has any."""
    members, some = {}, np.zeros(len(found), bool)
    for index in [name for name in found.RAGGED if name.endswith("_index")]:
        cuts = found.OFFSETS.get(index, "offsets")
        place = places[index][getattr(found, index)]
        count = np.bincount(
            np.repeat(np.arange(len(found)), np.diff(getattr(found, cuts)))[place >= 0], minlength=len(found)
        )
        for name in found.RAGGED:
            if found.OFFSETS.get(name, "offsets") == cuts and getattr(found, name) is not None:
                members[name] = getattr(found, name)[place >= 0]
        members |= {index: place[place >= 0], cuts: np.concatenate([[0], np.cumsum(count)]).astype(np.int64)}
        some |= count > 0
    return replace(found, **members)[some], some
