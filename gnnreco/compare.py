"""The same particles in every detector: occupancy, coverage, and what bundles find, trained for it or not."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gnnreco import __version__
from gnnreco.bundle import Bundle, list_bundles, load_bundle, load_task
from gnnreco.columns import Event
from gnnreco.errors import BadConfig, GnnrecoError
from gnnreco.evaluate import score_clusters, score_tracks, shower_target_of, target_of
from gnnreco.evaluate.tracking import as_seen
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector, list_detectors, load_detector
from gnnreco.geometry.checks.coverage import coverage
from gnnreco.progress import Progress
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.train import adapt
from gnnreco.train.settings import compose, run_training

Bundles = Mapping[str, str | GnnrecoError]
SEED = 20_000  # no training uses it
#: Events to adapt and to tune with, for each event of a sample; a beam's events are small.
ADAPT, ADAPT_BEAM, TUNE, VALIDATE = 8, 40, 2, 0.4


@dataclass(frozen=True)
class Sample:
    """One standard sample; a gun becomes a beam along z in a detector that lies across the beam."""

    process: str
    options: SimulationOptions = field(default_factory=SimulationOptions)

    def describe(self, name: str) -> str:
        """What is in one event."""
        if self.process != "gun":
            return name
        low, high = self.options.energy
        return f"{name} ({self.options.count} of {low:g} to {high:g} GeV)"


SAMPLES = {
    "muons": Sample("gun", SimulationOptions(particle="muon", energy=(2.0, 20.0), count=5)),
    "photons": Sample("gun", SimulationOptions(particle="photon", energy=(10.0, 100.0))),
    "pions": Sample("gun", SimulationOptions(particle="pion", energy=(10.0, 100.0))),
    "ttbar": Sample("ttbar"),
}


def compare_detectors(
    names: Sequence[str] = (),
    folder: str | Path = "comparison",
    events: int = 10,
    transfer: bool = True,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> JsonDict:
    """Run the standard samples through detectors. A run that was stopped goes on where it was: what is done is kept.

    Parameters
    ----------
    names : sequence of str
        Detectors, by name or folder; empty means all that are installed.
    folder : path
        Where adapted bundles are kept, and in ``done/`` each sample of each detector: what is there and was made in the
        same way is used again.
    events : int
        Of each sample; a bundle is adapted with 8 times as many (40 in a test beam) and tuned with twice as many.
    transfer : bool
        Also adapt the tracking bundle of another detector (zero-shot), and train that on a few events (fine-tuned).
    progress : callable, optional
        ``progress(what, done, total)``.
    say : callable
        Told a line for each sample that is done.

    Returns
    -------
    dict
        ``sample`` and, for each of ``detectors``: ``name, sensors, cells, layers, measures, coverage, samples``; in each
        sample ``hits_per_event, occupancy`` and ``target, efficiency``, ``response`` or ``failure``. What should be found
        (``target``) is what `gnnreco.evaluate` asks of the detector; each efficiency has its 68 % interval and the fakes.

    Raises
    ------
    BadConfig
        If `events` is not above zero.

    Examples
    --------
    >>> import gnnreco
    >>> report = gnnreco.compare(["trackml", "odd"], "comparison")  # doctest: +SKIP
    """
    if events < 1:
        raise BadConfig(f"events={events}: at least one event is needed")
    rows = []
    chosen = list(names) or list_detectors()
    for done, name in enumerate(chosen):
        if progress:
            progress(f"detector {name}", done, len(chosen))
        detector = load_detector(name)
        run = Run(detector, name, Path(folder), events, transfer, progress, say)
        rows.append(run.once("facts", functools.partial(_facts, detector)) | {"samples": _samples(run)})
    samples = ", ".join(sample.describe(name) for name, sample in SAMPLES.items())
    told = {"events": events, "seed": SEED, "samples": samples, "tuning_events": TUNE * events}
    return {"sample": told, "detectors": rows}


@dataclass(frozen=True)
class Run:
    """One detector's part of a comparison."""

    detector: Detector
    name: str
    folder: Path
    events: int
    transfer: bool
    progress: Progress | None
    say: Callable[[str], None]

    @functools.cached_property
    def key(self) -> JsonDict:
        """What a sample that is kept must have been made with to be used again."""
        bundles = {name: load_bundle(name).manifest["sha256"] for name in list_bundles()}
        targets = [target_of(self.detector).describe(), shower_target_of(self.detector).describe()]
        how = {"events": self.events, "seed": SEED, "transfer": self.transfer, "samples": repr(SAMPLES)}
        how |= {"targets": targets}
        return {"gnnreco": __version__, "detector": self.detector.hash, "bundles": bundles, **how}

    def once(self, part: str, make: Callable[[], JsonDict]) -> JsonDict:
        """What `make` gives; kept as a file, and read from there where it is."""
        file = self.folder / "done" / f"{self.detector.name}-{part}.json"
        try:
            kept = json.loads(file.read_text("utf-8"))
            if kept["key"] == self.key:
                self.say(f"{self.detector.name}: {part}: kept from an earlier run")
                return dict(kept["row"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # it was never done, or not to the end
        began = time.monotonic()
        text = json.dumps({"key": self.key, "row": make()}, indent=1)
        file.parent.mkdir(parents=True, exist_ok=True)
        part_file = file.with_suffix(".part")
        part_file.write_text(text, "utf-8")
        part_file.replace(file)
        self.say(f"{self.detector.name}: {part}: {time.monotonic() - began:.0f} s")
        return dict(json.loads(text)["row"])


def _facts(detector: Detector) -> JsonDict:
    """What a detector is and what straight lines meet in it."""
    seen = coverage(detector)
    inside = seen.layers > 0
    met = {
        "layers_mean": float(seen.layers[inside].mean()) if inside.any() else 0.0,
        "radiation_lengths_mean": float(seen.radiation_lengths[inside].mean()) if inside.any() else 0.0,
        "covered": float(inside.mean()),
        "reach": f"{seen.axes[0]} {seen.eta[0]:.3g} to {seen.eta[-1]:.3g}"
        + (" mm" if seen.axes[0] == "x" else ""),
    }
    return {
        "name": detector.name,
        "sensors": detector.n_sensors,
        "cells": _cells(detector),
        "layers": detector.n_layers,
        "measures": sorted({what for s in detector.subsystems for what in s.measures}),
        "coverage": met,
    }


def _cells(detector: Detector) -> int:
    return int(np.array([t.n_cells for t in detector.templates], np.int64)[detector.template].sum())


def _samples(run: Run) -> JsonDict:
    """All samples that reach the detector."""
    along_z = coverage(run.detector, 8, 8).axes == ("x", "y")
    bundles = functools.cache(lambda: _tracking(run, along_z))  # made when the first sample needs them
    result: JsonDict = {}
    for kind, sample in SAMPLES.items():
        if not along_z or sample.process == "gun":
            result[kind] = run.once(kind, functools.partial(_one_sample, run, kind, sample, along_z, bundles))
        if run.progress:
            run.progress(f"{run.name}: {kind}", len(result), len(SAMPLES))
    return result


def _one_sample(
    run: Run, kind: str, sample: Sample, along_z: bool, bundles: Callable[[], Bundles]
) -> JsonDict:
    """Simulate a sample, and find what the detector measures of it."""
    detector, process = run.detector, "beam" if along_z else sample.process
    measures = {what for s in detector.subsystems for what in s.measures}
    made = []
    for event in simulate(detector, process, run.events, seed=SEED, options=sample.options):
        made.append(event)
        if run.progress:
            run.progress(f"{run.name}: simulate {kind}", len(made), run.events)
    hits = float(np.mean([len(event.hits) for event in made]))
    row: JsonDict = {"hits_per_event": hits, "occupancy": hits / max(_cells(detector), 1)}
    if kind in ("muons", "ttbar") and "position" in measures:
        row |= _tracks(detector, made, bundles())
    elif kind in ("photons", "pions") and not measures.isdisjoint(("energy", "charge")):
        row |= _clusters(detector, made)
    return row


def _tracks(detector: Detector, made: list[Event], bundles: Bundles) -> JsonDict:
    """Efficiency of each bundle for the particles that `evaluate` asks this detector to find."""
    target = target_of(detector)
    found, failure = {}, {}
    for how, bundle in bundles.items():
        if isinstance(bundle, GnnrecoError):
            failure[how] = str(bundle)
            continue
        task = load_task(load_bundle(bundle), detector, any_detector=True)
        try:
            pairs = [(event, task.reconstruct(event)) for event in made]
        except GnnrecoError as error:
            failure[how] = str(error)
            continue
        rates = score_tracks(as_seen(pairs, detector, ("position",)), None, target)["all_tracks"]["acts"]
        found[how] = _efficiency(rates) | {"bundle": str(bundle)}
    told = {"target": f"charged particles, {target.describe()}", "efficiency": found}
    return told | ({"failure": failure} if failure else {})


def _clusters(detector: Detector, made: list[Event]) -> JsonDict:
    """Efficiency and response of clustering without training."""
    task, target = (
        load_task(load_bundle("clusters-density"), detector, any_detector=True),
        shower_target_of(detector),
    )
    scores = score_clusters(((event, task.reconstruct(event)) for event in made), detector, target)
    rate = _efficiency(scores)
    found = {"zero_shot": rate | {"bundle": "clusters-density"}} if rate["value"] is not None else {}
    told = f"particles of {target.describe()}"
    return {"target": told, "efficiency": found, "response": scores["energy_response_mean"]}


def _efficiency(scores: JsonDict) -> JsonDict:
    """An efficiency with its interval and the fakes of the same selection."""
    low, high = scores.get("efficiency_interval") or (None, None)
    return {"value": scores["efficiency"], "low": low, "high": high, "fake_rate": scores["fake_rate"]}


def _tracking(run: Run, along_z: bool) -> Bundles:
    """Bundles to find tracks with: the one trained on the detector, another's adapted, that one tuned."""
    detector = run.detector
    shipped = [b for b in map(load_bundle, list_bundles()) if b.task == "tracking"]
    own = [b for b in shipped if b.manifest["detector"]["hash"] == detector.at_source().hash]
    others = [b for b in shipped if b not in own]
    bundles: dict[str, str | GnnrecoError] = {"trained": own[0].name} if own else {}
    if not run.transfer or not others:
        return bundles
    # The one with the most varied training: of the shipped ones, that with the most learned numbers.
    source = max(others, key=lambda bundle: bundle.parameters)
    try:
        adapted = _adapted(source, run, along_z)
        bundles["zero_shot"] = str(adapted)
        bundles["fine_tuned"] = str(_tuned(adapted, run, along_z))
    except GnnrecoError as error:
        bundles["fine_tuned" if "zero_shot" in bundles else "zero_shot"] = error
    return bundles


def _fits(folder: Path, detector: Detector, version: str) -> bool:
    """Whether a bundle that an earlier run left is for this detector and from this source."""
    try:
        bundle = load_bundle(folder)
    except GnnrecoError:
        return False
    return (
        bundle.manifest["detector"]["hash"] == detector.at_source().hash
        and bundle.manifest["training"]["command"] == version
    )


def _adapted(source: Bundle, run: Run, along_z: bool) -> Path:
    folder, events = (
        run.folder / f"{run.detector.name}-zero-shot",
        run.events * (ADAPT_BEAM if along_z else ADAPT),
    )
    command = f"gnnreco compare-detectors: {source.name} {source.manifest['sha256'][:12]} adapted with {events} events"
    if not _fits(folder, run.detector, command):
        options = SimulationOptions(noise_hits=0.05, count=6 if along_z else 1)
        process, pileup, min_pt = ("beam", 0, 0.0) if along_z else ("ttbar", 20, None)
        how = (process, pileup, 1, min_pt, options, command, run.progress, True)
        adapt(source.folder, run.detector, folder, events, *how)
    return folder


def _tuned(start: Path, run: Run, along_z: bool) -> Path:
    folder, events = run.folder / f"{run.detector.name}-tuned", run.events * TUNE
    command = (
        f"gnnreco compare-detectors: {load_bundle(start).manifest['sha256'][:12]} tuned with {events} events"
    )
    if not _fits(folder, run.detector, command):
        what = (
            ["sample.process=beam", "sample.pileup=0", "sample.simulation.count=6"]
            if along_z
            else ["sample.process=ttbar", "sample.pileup=20"]
        )
        settings = [
            f"detector={run.name}",
            f"train.start={start}",
            "train.epochs=5",
            "train.learning_rate=0.001",
            "train.threads=1",
            f"sample.events={events}",
            f"sample.validation_events={max(1, round(VALIDATE * run.events))}",
            "sample.simulation.noise_hits=0.05",
            *what,
        ]
        run_training(
            compose("tracking", settings), folder, command=command, progress=run.progress, overwrite=True
        )
    return folder
