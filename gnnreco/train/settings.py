"""Settings of a training: Hydra puts YAML groups together, dataclasses check every key.

Each group of ``configs/`` starts from the defaults of its dataclass, so a file there holds only what differs:
``detector``, ``sample`` (where events come from), ``graph`` and ``model`` (parts of the task's settings),
``task`` (the rest of them) and ``train``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gnnreco.bundle import Bundle, load_bundle, load_task, save_bundle
from gnnreco.columns import Event
from gnnreco.errors import BadConfig
from gnnreco.evaluate.confidence import calibrated_if_enough
from gnnreco.events import open_events, open_jets
from gnnreco.events.source import One, Source
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.geometry import Detector, load_detector
from gnnreco.progress import Progress
from gnnreco.reconstruct.manifest import file_sums
from gnnreco.schema import build, nearest, plain
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.summary import counted
from gnnreco.tasks.contract import AnyLearner, AnyTask, Calibratable, ReadsJets, Teachable
from gnnreco.tasks.registry import find_task
from gnnreco.train import TrainConfig, train

from .mixture import Everywhere, Mixture, apart, place_of
from .randomize import Randomized
from .upstream import Upstream, found_before

HERE = Path(__file__).parents[1]
#: In a checkout the groups lie beside the package, in a wheel inside it.
FOLDER = next((f for f in (HERE / "configs", HERE.parent / "configs") if f.is_dir()), HERE / "configs")
GROUPS = ("detector", "sample", "graph", "model", "task", "train")
#: Field of the task's settings that a group of its own fills.
PARTS = {"graph": "graph", "model": "network"}


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """The detector to learn for.

    Attributes
    ----------
    name : str
        Of a shipped detector, or path of a folder; ``detector=NAME`` sets it.
    """

    name: str = ""


@dataclass(frozen=True, slots=True)
class SampleConfig:
    """Events to learn from: files, or the embedded simulation where no file is named.

    Attributes
    ----------
    inputs : tuple of str
        Files, folders or globs of events to learn from; empty: events are simulated. Of several detectors each learns from
        the files that say they were made for it; where there are none, events are simulated.
    validation : tuple of str
        Files, folders or globs of events to validate with; empty: the last `validation_events` of `inputs`.
    events : int
        Events to learn from: how many to simulate, or the most to take from files.
    validation_events : int
        Events to validate with: how many to simulate, or the most to take from files.
    process : str
        What is simulated: see `gnnreco.simulate`.
    pileup : int
        Minimum-bias collisions on top of each simulated event.
    seed : int
        Of the simulated events; the last ones validate.
    detectors : tuple of str
        Other detectors to learn from besides, as many events of each at most. The bundle then serves any detector.
    bundles : tuple of str
        Bundles that find what the task builds on (tracks and clusters of particle flow) in each event; without them those
        that ship for the detector. Of several for one task, a detector takes its own.
    randomize : bool
        Change every event as it is read: hits lost and added, sensors beside their places, clusters without signal or
        unknown, calorimeters with another cut, noise and gain; see `gnnreco.train.randomize` and
        `gnnreco.train.randomize_showers`. What is trained then holds on events of another simulation, or of a
        detector that is not quite the described one.
    simulation : SimulationOptions
    """

    inputs: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    process: str = "gun"
    events: int = 100
    validation_events: int = 10
    pileup: int = 0
    seed: int = 1
    detectors: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()
    randomize: bool = False
    simulation: SimulationOptions = field(default_factory=SimulationOptions)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a training needs to know, checked."""

    name: str
    detector: DetectorConfig
    sample: SampleConfig
    task: Any
    train: TrainConfig


def compose(task: str, overrides: Sequence[str] = ()) -> Settings:
    """Compose the settings of a task.

    Parameters
    ----------
    task : str
        Such as ``tracking``.
    overrides : sequence of str
        ``group=choice`` or ``group.key=value``, as Hydra takes them; ``detector=`` takes any name or path.

    Raises
    ------
    BadConfig
        For what does not exist, with the nearest spelling, or a value of the wrong kind.
    """
    base = _defaults(task, _value(overrides, "train.start"))
    tree = _hydra(task, base, [_checked(override, base) for override in overrides])
    parts = {name: tree[group] for group, name in PARTS.items() if group in tree}
    return Settings(
        task,
        build(DetectorConfig, tree["detector"], "detector"),
        build(SampleConfig, tree["sample"], "sample"),
        build(find_task(task).load()[1], {**tree["task"], **parts}, "task"),
        build(TrainConfig, tree["train"], "train"),
    )


def run_training(
    settings: Settings,
    output: str | Path,
    resume: bool = False,
    command: str = "",
    progress: Progress | None = None,
    overwrite: bool = False,
) -> JsonDict:
    """Train what `compose` gave and save it as a bundle; see `gnnreco.train.train`."""
    kind, others = find_task(settings.name).load()[0], settings.sample.detectors
    if others and not kind.any_detector:
        raise BadConfig(
            f"sample.detectors: the task '{settings.name}' learns from one detector only; leave it out"
        )
    detector = load_detector(settings.detector.name) if settings.detector.name else None
    task = kind.from_config(settings.task, detector)
    detectors = [] if detector is None else [detector, *map(load_detector, others)]
    samples = apart(settings.sample, detectors) if others else [settings.sample]
    found = [
        [
            found_before(part, task.needs.found, each, settings.sample.bundles)
            for part in _read(task, sample, each, progress)
        ]
        for sample, each in zip_longest(samples, detectors)
    ]
    training, validation = (Everywhere(parts) if others else parts[0] for parts in zip(*found, strict=True))
    if settings.train.start:
        _begin_from(task, settings.train.start)
    teacher = None
    if isinstance(task, Teachable) and task.teacher_bundle:
        teacher = load_bundle(task.teacher_bundle)
        task.teacher = load_task(teacher, detector).network
    learner: AnyLearner = task
    if others:
        learner = Mixture([task, *(kind.from_config(settings.task, other) for other in detectors[1:])])
    row = train(learner, training, validation, settings.train, output, command, resume, progress, overwrite)
    if os.environ.get("RANK", "0") == "0":  # of torchrun's processes the first one writes
        _describe(
            Path(output),
            None if others else detector,
            settings.sample,
            [part for pair in found for part in pair],
            teacher,
        )
        if isinstance(task, Calibratable) and detectors and len(validation):
            held_back: list[tuple[Detector, list[Event]]] = [(each, []) for each in detectors]
            for event in validation:
                held_back[place_of(event)][1].append(event)
            said = "validation events of the training"
            row["score"] = calibrated_if_enough(output, held_back, command, [{"events": said}], progress)
    return row


def _begin_from(task: AnyTask, start: str) -> None:
    """Give a task the numbers of a bundle; its `prepare` fits them to the detector."""
    try:
        task.load_state(load_bundle(start).state)
    except (KeyError, ValueError, RuntimeError) as error:
        why = "its numbers do not fit these settings; leave graph, model and task as the bundle has them"
        raise BadConfig(f"train.start={start}: {why} ({error})") from error


def _describe(
    folder: Path,
    detector: Detector | None,
    sample: SampleConfig,
    events: Sequence[Sequence[Any]],
    teacher: Bundle | None,
) -> None:
    """Add to the manifest of a bundle what it learned from: the sample, the sum of every file of it, and its teacher.

    The teacher's settings and sum stay, not its place: nobody else has it there.
    """
    sources = [part.events if isinstance(part, Upstream | Randomized) else part for part in events]
    files = sorted({file for part in sources if isinstance(part, Source) for file in part.files})
    sums = [{"name": Path(name).name, **facts} for name, facts in file_sums(files).items()]
    bundle = load_bundle(folder)
    training = {**bundle.manifest["training"], "data": {"sample": plain(sample), "files": sums}}
    config = bundle.config
    if teacher:
        config = {**config, "teacher": ""}
        training["teacher"] = {
            "bundle": teacher.name,
            "sha256": teacher.manifest["sha256"],
            "config": {**teacher.config, "teacher": ""},
        }
    save_bundle(folder, bundle.task, config, bundle.state, detector, training, bundle.manifest["metrics"])


def _read(
    task: AnyTask, sample: SampleConfig, detector: Detector | None, progress: Progress | None
) -> tuple[Sequence[Any], Sequence[Any]]:
    """What a task learns from and is validated with, events or blocks of jets: read when needed, or simulated now."""
    if sample.inputs and isinstance(task, ReadsJets) and task.reads_jets:
        return _split(sample, open_jets)
    if sample.randomize and detector is not None:
        plain_events = _read(task, replace(sample, randomize=False), detector, progress)
        first, second = (Randomized(part, detector, sample.seed + k) for k, part in enumerate(plain_events))
        return first, second
    if sample.inputs:
        return _split(sample, lambda inputs: open_events(inputs, detector))
    if detector is None:
        raise BadConfig(
            "nothing to learn from: name files with sample.inputs=[...], or a detector to simulate"
        )
    return _simulated(sample, detector, progress)


def _split(
    sample: SampleConfig, opened: Callable[[Sequence[str]], Source[One]]
) -> tuple[Source[One], Source[One]]:
    """The part to learn from, and the part to validate with."""
    source = opened(sample.inputs)
    if sample.validation:
        held_back = opened(sample.validation)
        return source[: sample.events], held_back[: sample.validation_events]
    kept = sample.validation_events
    if kept >= len(source) > 0:
        raise BadConfig(
            f"no training events: sample.validation_events={kept} takes all {counted(len(source), 'event')} of "
            "sample.inputs; lower it, or name other files with sample.validation=[...]"
        )
    cut = max(0, min(sample.events, len(source) - kept))
    return source[:cut], source[cut:][: sample.validation_events]


def _simulated(
    sample: SampleConfig, detector: Detector, progress: Progress | None
) -> tuple[list[Event], list[Event]]:
    total, events = sample.events + sample.validation_events, []
    for event in simulate(detector, sample.process, total, sample.pileup, sample.seed, sample.simulation):
        events.append(event)
        if progress:
            progress("simulate", len(events), total)
    return events[: sample.events], events[sample.events :]


def settings_as_yaml(settings: Settings) -> str:
    """The settings by group, as the command line takes them."""
    tree = plain(settings)
    for group, name in PARTS.items():
        if name in tree["task"]:
            tree[group] = tree["task"].pop(name)
    return str(yaml.safe_dump({group: tree[group] for group in GROUPS if group in tree}, sort_keys=False))


def _value(overrides: Sequence[str], key: str) -> str:
    """What the last override of a key says; empty without one."""
    return next(
        (o.partition("=")[2].strip("'\"") for o in reversed(overrides) if o.startswith(f"{key}=")), ""
    )


def _defaults(task: str, start: str = "") -> JsonDict:
    """Plain defaults of every group, from the dataclasses; those of the task from the bundle it starts from."""
    rest = plain(find_task(task).load()[1]())
    if start:
        bundle = load_bundle(start)
        if bundle.task != task:
            raise BadConfig(f"train.start={start}: that bundle is for {bundle.task}, not for {task}")
        # An older bundle does not know the newest settings, at the top or within a part.
        rest |= {
            name: {**rest[name], **value}
            if isinstance(value, dict) and isinstance(rest.get(name), dict)
            else value
            for name, value in bundle.config.items()
            if name
            not in (
                "teacher",
                "calibration",
                "usual",
            )  # what taught it need not be there; its scores will be others
        }
    parts = {group: rest.pop(name) for group, name in PARTS.items() if name in rest}
    groups = {"detector": DetectorConfig(), "sample": SampleConfig(), "train": TrainConfig()}
    return {**{group: plain(config) for group, config in groups.items()}, "task": rest, **parts}


def _hydra(task: str, base: JsonMapping, overrides: list[str]) -> JsonDict:
    store = ConfigStore.instance()
    for group, values in base.items():
        store.store(name="base", group=group, node=values)
    if not (
        FOLDER / f"{task}.yaml"
    ).exists():  # a task of another package: every group as its dataclass has it
        store.store(name=task, node={"defaults": [*({group: "base"} for group in base), "_self_"]})
    try:
        with initialize_config_dir(config_dir=str(FOLDER.resolve()), version_base="1.3"):
            tree = OmegaConf.to_container(hydra_compose(task, overrides=overrides), resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise BadConfig(" ".join(str(error).split())) from error
    return dict(tree)  # type: ignore[arg-type]


def _checked(override: str, base: JsonMapping) -> str:
    """Check the key of an override, to name the nearest spelling; let a detector be any path."""
    key, equals, value = override.partition("=")
    key = key.lstrip("+~")
    if not equals:
        raise BadConfig(f"'{override}' is not key=value")
    if key == "detector" and not (FOLDER / "detector" / f"{value}.yaml").exists():
        return f"detector.name='{value}'"
    if key in base:
        choices = sorted(file.stem for file in (FOLDER / key).glob("*.yaml"))
        if value not in choices:
            raise BadConfig(f"{key}={value}: no such choice{nearest(value, choices)}")
        return override
    known = list(_keys(base))
    if key not in known:
        raise BadConfig(f"unknown setting '{key}'{_near(key, known)}")
    return override


def _near(key: str, known: Sequence[str]) -> str:
    group = key.split(".")[0]
    return nearest(key, [name for name in known if name.split(".")[0] == group] or GROUPS)


def _keys(tree: JsonMapping, prefix: str = "") -> list[str]:
    keys = []
    for name, value in tree.items():
        keys.append(prefix + name)
        if isinstance(value, Mapping):
            keys += _keys(value, f"{prefix}{name}.")
    return keys
