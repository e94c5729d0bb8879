"""Verbs of the command line as functions: they take names and paths where the packages below take what was opened."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gnnreco.columns import Anomalies, Clusters, Event, ReconstructedParticles, Tracks
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events import EventSource, open_events, open_jets
from gnnreco.events.anomalies_file import read_anomalies
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.particles_file import read_particles
from gnnreco.events.tracks_file import read_tracks
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.geometry import Detector
from gnnreco.progress import Progress
from gnnreco.score import Inputs, detector_of, loaded, manifest_of
from gnnreco.tasks.contract import ReadsJets
from gnnreco.tasks.registry import find_task, task_names

#: The task that makes events instead of reading them, so that its report is another one.
FASTSIM = "fastsim"


def show(
    what: Event | Detector | Inputs,
    detector: Detector | str | Path | None = None,
    page: str | Path = "page.html",
    *,
    event: int | None = None,
    output: str | Path | None = None,
    tracks: Tracks | None = None,
    clusters: Clusters | None = None,
    particles: ReconstructedParticles | None = None,
    anomalies: Anomalies | None = None,
) -> Path:
    """Draw an event, with what was found in it, or a detector as one HTML page that works without a network.

    Parameters
    ----------
    what : Event, path, glob, several, or Detector
        Of files the event of number `event`, by default the first.
    detector : Detector, name or path, optional
        By default that of `output`.
    page : path
        The page to write; an existing one is replaced.
    event : int, optional
    output : path, optional
        What `gnnreco.reconstruct` wrote of the files.
    tracks, clusters, particles, anomalies : Tracks, Clusters, ReconstructedParticles, Anomalies, optional
        What was found in the event, where it is not in files.

    Returns
    -------
    Path
        `page`.

    Raises
    ------
    BadInput
        There is no such event, or the output is not of it.
    BadConfig
        No detector is told.

    Examples
    --------
    >>> import gnnreco
    >>> event = next(gnnreco.simulate("telescope", "beam"))
    >>> gnnreco.show(event, "telescope", "event.html").name
    'event.html'
    >>> gnnreco.show("events", output="found", event=2, page="found.html").name
    'found.html'
    """
    from gnnreco.display import show_detector, show_event

    if isinstance(what, Detector):
        return show_detector(what, page)
    if detector is None and output is None:
        raise BadConfig("name the detector with detector=, or the output of reconstruct with output=")
    if output is not None and isinstance(what, Event):
        raise BadConfig(
            "output= goes with files of events; give what was found with tracks=, clusters=, particles=, anomalies="
        )
    told = loaded(detector_of(output) if detector is None and output is not None else detector or "")
    if not isinstance(what, Event):
        source = open_events(what, told)
        what = one_event(source, event)
        found, doubts = ({}, []) if output is None else found_in(output, source, what)
        tracks, clusters = found.get(Tracks, tracks), found.get(Clusters, clusters)
        particles = found.get(ReconstructedParticles, particles)
        anomalies = found.get(Anomalies, anomalies)
        for doubt in doubts:
            warnings.warn(doubt, stacklevel=2)
    return show_event(what, told, tracks, page, clusters, particles=particles, anomalies=anomalies)


def report(
    bundle: str | Path,
    data: EventSource | Sequence[Event] | Inputs,
    page: str | Path = "report.html",
    *,
    detector: Detector | str | Path | None = None,
    train: EventSource | Sequence[Event] | Inputs | None = None,
    seeds: Sequence[str | Path] = (),
    bundles: Sequence[str | Path] = (),
    any_detector: bool = False,
    explained: int = 10,
    seed: int = 0,
    command: str = "",
    progress: Callable[[str, int, int], None] | None = None,
) -> JsonDict:
    """Tell what a trained model does, what it reads, how sure it is and where it fails, as one HTML page.

    Parameters
    ----------
    bundle : str or path
        Shipped, or a folder.
    data : path, glob, several, EventSource, or events
        With truth; nothing of them may have been trained on. For a fast simulation events of a full one, whose particles it
        makes anew; for anomalies normal events, whose truth is not read.
    page : path
        The page to write; an existing one is replaced.
    detector : Detector, name or path, optional
        By default the one that the bundle was trained on.
    train : as `data`, optional
        What it was trained on, to tell whether it is over-trained.
    seeds : sequence of str or path
        Bundles of the same training from other seeds, to be set side by side.
    bundles : sequence of str or path
        What finds the tracks and clusters that particle flow builds on; by default what it was trained with.
    any_detector : bool
        Allow a bundle that was trained on another detector.
    explained : int
        Events in which columns of the input are shuffled.
    seed : int
        Of the shuffles.
    command : str
        Told in the page.
    progress : callable, optional
        ``progress(what, done, total)``.

    Returns
    -------
    dict
        See `gnnreco.report.report.report`; of a fast simulation `gnnreco.report.fastsim.report_showers`, of anomalies
        `gnnreco.report.anomaly.report_anomalies`.

    Raises
    ------
    BadBundle, BadConfig, BadInput
        A bundle for another detector; one for any detector, and none is named; no events, or no truth.

    Examples
    --------
    >>> import gnnreco
    >>> events = list(gnnreco.simulate("telescope", "beam", particle="pion", events=4, seed=3))
    >>> told = gnnreco.report("tracking-telescope", events, "report.html")
    >>> [row["figure"] for row in told["figures"]][:2]
    ['efficiency', 'fake rate']
    """
    from gnnreco.bundle import ANY_DETECTOR, load_bundle, load_task
    from gnnreco.report.report import report as told

    opened_bundle = load_bundle(bundle)
    trained = opened_bundle.manifest["detector"]
    if detector is None and trained != ANY_DETECTOR:
        detector = trained["name"]
    needs = find_task(opened_bundle.task).needs_with(opened_bundle.config)
    if detector is None and needs.measures:
        raise BadConfig(f"bundle {bundle}: serves any detector; name that of the events with detector=")
    described = None if detector is None else loaded(detector)
    if opened_bundle.task == FASTSIM and described is not None:
        if train is not None or seeds or bundles:
            raise BadConfig("train=, seeds= and bundles= say nothing of a fast simulation: leave them out")
        from gnnreco.report.fastsim import report_showers

        paths = isinstance(data, str | Path) or (bool(data) and isinstance(data[0], str | Path))
        events = open_events(data, described, truth=True, deposits=False) if paths else data  # type: ignore[arg-type]
        return report_showers(opened_bundle, events, page, described, seed, command, progress)  # type: ignore[arg-type]
    if find_task(opened_bundle.task).gives is Anomalies:
        if described is None:
            raise BadConfig(f"bundle {bundle}: learned from files of jets, of which there is no report")
        if train is not None or seeds or (bundles and not needs.found):
            raise BadConfig("train=, seeds= and bundles= say nothing of an anomaly bundle: leave them out")
        from gnnreco.report.anomaly import report_anomalies

        paths = isinstance(data, str | Path) or (bool(data) and isinstance(data[0], str | Path))
        events = open_events(data, described, truth=False) if paths else data  # type: ignore[arg-type]
        rest = (page, described, any_detector, bundles, command, progress)
        return report_anomalies(opened_bundle, events, *rest)  # type: ignore[arg-type]
    task = load_task(opened_bundle, described, any_detector)
    jets = isinstance(task, ReadsJets) and task.reads_jets

    def opened(what: Any) -> Sequence[Any]:
        paths = isinstance(what, str | Path) or (bool(what) and isinstance(what[0], str | Path))
        if not paths:
            return what
        return open_jets(what) if jets else open_events(what, described, truth=True)

    return told(
        bundle,
        opened(data),
        page,
        described,
        None if train is None else opened(train),
        seeds,
        bundles=bundles,
        any_detector=any_detector,
        explained=explained,
        seed=seed,
        detector_name=str(detector if not isinstance(detector, Detector) else detector.folder)
        if described
        else "",
        command=command,
        progress=progress,
    )


def train(
    task: str,
    settings: JsonMapping | Sequence[str] = (),
    output: str | Path = "bundle",
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> JsonDict:
    """Train a network and save it as a bundle.

    Parameters
    ----------
    task : str
        Such as ``tracking``.
    settings : mapping or sequence of str
        ``{"detector": "telescope", "train.epochs": 5}``, or ``["detector=telescope", "train.epochs=5"]`` as the command
        line takes them; ``gnnreco train TASK --show`` prints all there are.
    output : path
        The bundle to write.
    resume : bool
        Go on from the last checkpoint in `output`.
    overwrite : bool
        Replace a bundle that is there.
    progress : callable, optional
        ``progress(what, done, total)``.

    Returns
    -------
    dict
        What was measured in the last epoch.

    Raises
    ------
    BadConfig
        An unknown task or setting, with the nearest spelling.

    Examples
    --------
    >>> import gnnreco
    >>> few = {"sample.events": 8, "sample.validation_events": 2, "train.epochs": 1}
    >>> row = gnnreco.train("tracking", {"detector": "telescope", "sample": "beam", **few}, "my_bundle")
    >>> gnnreco.load_bundle("my_bundle").task
    'tracking'
    """
    from gnnreco.train.settings import compose, run_training

    words = (
        [f"{key}={_hydra(value)}" for key, value in settings.items()]
        if isinstance(settings, Mapping)
        else settings
    )
    command = f"gnnreco.train({task!r}, {list(words)!r})"
    return run_training(compose(task, list(words)), output, resume, command, progress, overwrite)


def one_event(source: EventSource, number: int | None) -> Event:
    """The event of a number, by default the first."""
    return source[0] if number is None else source.by_number(number)


def found_in(folder: str | Path, source: EventSource, event: Event) -> tuple[dict[type, Any], list[str]]:
    """What was reconstructed of one event, by the type of its columns, and what may be wrong with it.

    Of two tasks that give the same columns the first is taken, as `task_names` orders them.

    Raises
    ------
    BadInput
        There is no such output, or it does not have this event.
    """
    from gnnreco.evaluate import Join

    folder = Path(folder)
    manifest = manifest_of(folder)
    parts = manifest.get("tasks") or {manifest.get("task") or "tracking": manifest}
    readers: dict[type, Any] = {
        Tracks: read_tracks,
        Clusters: read_clusters,
        ReconstructedParticles: read_particles,
        Anomalies: read_anomalies,
    }
    found: dict[type, Any] = {}
    doubts: dict[str, None] = {}
    row = source.numbers.index(event.number)
    for task in sorted(parts, key=[*task_names(), *parts].index):
        gives = find_task(parts[task].get("task") or task).gives
        if gives not in readers or gives in found:
            continue
        place = folder / task if "tasks" in manifest else folder
        join = Join(source, parts[task], place)
        rows = readers[gives](place)
        mine = [each for each in rows if each[0] == event.number and join.row_of(*each[:2]) == row]
        if len(mine) > 1:  # other inputs of the output have an event of this number too
            mine = [each for each in mine if _ends_with(source.sources[row], each[1])]
        if not mine:
            raise BadInput(place, f"event {event.number}", "was not reconstructed; see its manifest.json")
        if len(mine) > 1:
            why = f"is in the output {len(mine)} times: reconstruct files of one name apart from each other"
            raise BadInput(place, f"event {event.number}", why)
        found[gives] = join.place(mine[0][2], event, row)
        doubts |= dict.fromkeys(join.warnings())
    return found, list(doubts)


def _ends_with(source: str, origin: str) -> bool:
    """Whether a file is called as the output calls it, from the folder that held all of its inputs."""
    parts = Path(origin).parts
    return Path(source).absolute().parts[-len(parts) :] == parts


def _hydra(value: Any) -> str:
    """A value as an override of Hydra has it: JSON is close enough, with text in quotes of its own kind."""
    if isinstance(value, str | Path):
        text = str(value)
        return text if text.isidentifier() else "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_hydra(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_hydra, value)) + "]"
    return json.dumps(value)
