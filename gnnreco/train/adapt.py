"""A bundle for a detector that it was not trained on: the graph builder follows the sensors, the network stays if it can."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gnnreco.bundle import Bundle, load_bundle, load_task, save_bundle
from gnnreco.bundle.files import MANIFEST
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, BadConfig
from gnnreco.files.atomic import refuse
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.progress import Progress
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.contract import AnyTask, Surveyed

from .config import TrainConfig
from .randomize import Randomized

STEPS, LEARNING_RATE = 1000, 1e-3  # of a network that fails in a new detector: an event each
HOLDS = 0.97  # of the true connections of a subsystem a network takes for possible that holds there
ENOUGH = 100  # of them from which on a subsystem tells
HEADROOM, PAIRS = 10.0, 36_000_000  # of `GraphConfig`: pile-up of 200 has ten times the hits of the usual 20


def usual_pileup(process: str) -> int:
    """Collisions added to an event where their number is not given; a beam has none."""
    return 0 if process == "beam" else 20


def adapt(
    bundle: str | Path,
    detector: Detector,
    output: str | Path,
    events: int = 80,
    process: str = "ttbar",
    pileup: int | None = None,
    seed: int = 0,
    min_pt: float | None = None,
    options: SimulationOptions | None = None,
    command: str = "",
    progress: Progress | None = None,
    overwrite: bool = False,
    min_hits: int | None = None,
    epochs: int | None = None,
) -> JsonDict:
    """Fit a bundle to another detector and save it.

    The graph builder, which depends on the place of the sensors (which layers follow one another, where to look on the
    next, which pairs to drop), is learned from simulated events of the new detector; no event of the user and none of
    its truth is needed. They are changed at random where those that trained the bundle were (``sample.randomize``).
    Where these have fewer pairs of hits than the bundle can afford, less is lost than it states (``graph.headroom``).
    The network, which judges by physics-scaled features, stays as it was trained, unless the detector measures what its
    training never saw, such as strips much longer than those: then it is trained on the same events.

    Parameters
    ----------
    bundle : str or Path
        Of a task that has something to fit, such as ``tracking``.
    detector : Detector
        The new one.
    output : path
        Folder of the new bundle.
    events, process, pileup, seed, options
        Of the embedded simulation; where no pile-up is given, it is 20 collisions, and none of a beam.
    min_pt : float, optional
        GeV; slower particles are not aimed at. As the bundle has it where it is not given; raise it where they curl.
    min_hits : int, optional
        Hits of the shortest track. As the bundle has it where it is not given; raise it where chambers far out give stubs.
    epochs : int, optional
        Passes of the network over the events. Where it is not given: so many that it sees `STEPS` events if it takes less
        than `HOLDS` of the true connections of any subsystem (triplets of hits, pairs of samples) for possible, else none.
    command : str
        Written to the manifest.
    progress : callable, optional
        ``progress(what, done, total)``.
    overwrite : bool
        Replace a bundle in `output`.

    Returns
    -------
    dict
        ``bundle, detector, adapted_from, events, epochs``, and the ``survey`` of the manifest where the task is `Surveyed`.

    Raises
    ------
    BadBundle, BadConfig
        A bundle that cannot be read or has nothing to fit; no events, or none with a hit.
    BadInput
        `output` holds a bundle.
    """
    refuse(Path(output) / MANIFEST, overwrite)
    source = load_bundle(bundle)
    for learned in ("calibration", "usual"):  # of another detector
        source.config.pop(learned, None)
    if min_pt is not None and "graph" in source.config:
        source.config["graph"] |= {"min_pt": min_pt}
    if min_hits is not None and "decode" in source.config:
        source.config["decode"] |= {"min_hits": min_hits}
    if source.config.get("graph", {}).get("builder") == "windows":
        most = max(source.config["graph"].get("max_pairs", 0), PAIRS)
        source.config["graph"] |= {"headroom": HEADROOM, "max_pairs": most}
    if "energy_loss" in source.config.get("decode", {}):  # the particles of this simulation lose energy
        source.config["decode"]["energy_loss"] = True
    task = load_task(source, detector, any_detector=True, to_adapt=True)
    measured = {what for subsystem in detector.subsystems for what in subsystem.measures}
    if task.needs.measures and measured.isdisjoint(
        task.needs.measures
    ):  # before events are simulated in vain
        wanted = " or ".join(task.needs.measures)
        why = f"works on hits that measure {wanted}, and '{detector.name}' measures {', '.join(sorted(measured))}"
        raise BadBundle(source.name, f"{why}; choose another bundle or detector")
    pileup = usual_pileup(process) if pileup is None else pileup
    sample = _simulated(detector, process, events, pileup, seed, options, progress)
    randomize = _randomized(source)
    seen = Randomized(sample, detector, seed) if randomize else sample
    task.prepare(seen, progress)
    # In the events it was learned from: what it says of others, the stated efficiencies and `evaluate` tell.
    survey = _survey(task, sample)
    if epochs is None:
        epochs = -(-STEPS // events) if _failing(survey) else 0
    if epochs:
        from .loop import train  # here: it needs torch

        how = TrainConfig(epochs=epochs, learning_rate=LEARNING_RATE, seed=seed)
        train(task, seen, [], how, output, command, progress=progress, overwrite=overwrite, prepared=True)
        survey = _survey(task, sample)
    origin = {
        "bundle": source.name,
        "sha256": source.manifest["sha256"],
        "detector": source.manifest["detector"]["name"],
    }
    simulation = {
        "process": process,
        "events": events,
        "pileup": pileup,
        "seed": seed,
        "randomize": randomize,
    }
    training = {"command": command, "adapted_from": origin, "simulation": simulation, "epochs": epochs}
    save_bundle(output, source.task, source.config, task.state(), detector, training, survey)
    told = {"bundle": str(output), "detector": detector.name, "adapted_from": source.name, "events": events}
    return told | {"epochs": epochs} | survey


def _simulated(
    detector: Detector,
    process: str,
    events: int,
    pileup: int,
    seed: int,
    options: SimulationOptions | None,
    progress: Progress | None,
) -> list[Event]:
    """What the graph builder is learned from."""
    if events < 1:
        raise BadConfig(f"--events {events}: at least one event is needed")
    sample = []
    for event in simulate(detector, process, events, pileup, seed, options):
        sample.append(event)
        if progress:
            progress("simulate", len(sample), events)
    if not any(len(event.hits) for event in sample):
        raise BadConfig(
            f"no hit in {events} events of process {process}: do the particles, which start at the `source` of detector "
            f"'{detector.name}', miss its sensors?"
        )
    return sample


def _survey(task: AnyTask, events: Sequence[Event]) -> JsonDict:
    return {"survey": task.survey(events)} if isinstance(task, Surveyed) else {}


def _failing(survey: JsonDict) -> bool:
    """Whether the network takes too few of the true connections of any subsystem for possible."""
    rows = survey.get("survey", {}).get("network", [])
    return any(row["possible"] < HOLDS for row in rows if row["true"] >= ENOUGH)


def _randomized(source: Bundle) -> bool:
    """Whether the events that trained a bundle, or adapted it last, were changed at random."""
    training = source.manifest.get("training", {})
    told = training.get("simulation") or training.get("data", {}).get("sample", {})
    return bool(told.get("randomize", False))
