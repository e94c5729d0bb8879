"""The same particles in every detector: occupancy, coverage, and what bundles find, trained for it or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.bundle import Bundle, list_bundles, load_bundle, load_task
from gnnreco.columns import Event
from gnnreco.config import compose, run_training
from gnnreco.errors import BadConfig, GnnrecoError
from gnnreco.evaluate import Target, score_tracks
from gnnreco.evaluate.clustering import score_clusters
from gnnreco.evaluate.tracking import as_seen
from gnnreco.geometry import Detector, list_detectors, load_detector
from gnnreco.geometry.coverage import coverage
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.train import adapt

Progress = Callable[[str, int, int], None]
SEED = 20_000  # no training uses it
TUNING_EVENTS = 20


@dataclass(frozen=True)
class Sample:
    """One standard sample; a gun becomes a beam along z in a detector that lies across the beam."""

    process: str
    options: SimulationOptions = field(default_factory=SimulationOptions)


SAMPLES = {
    "muons": Sample("gun", SimulationOptions(particle="muon", energy=(2.0, 20.0), count=5)),
    "photons": Sample("gun", SimulationOptions(particle="photon", energy=(10.0, 100.0))),
    "pions": Sample("gun", SimulationOptions(particle="pion", energy=(10.0, 100.0))),
    "ttbar": Sample("ttbar"),
}


def compare_detectors(
    names: Sequence[str] = (), folder: str | Path = "comparison", events: int = 10, transfer: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Run the standard samples through detectors.

    Parameters
    ----------
    names : sequence of str
        Detectors, by name or folder; empty means all that are installed.
    folder : path
        Where adapted bundles are kept: those that are there and fit are used again.
    events : int
        Of each sample.
    transfer : bool
        Also adapt the tracking bundle of another detector (zero-shot), and train that on 20 events (fine-tuned).
    progress : callable, optional
        ``progress(what, done, total)``.

    Returns
    -------
    dict
        ``sample`` and, for each of ``detectors``: ``name, sensors, cells, layers, measures, coverage, samples``; in each
        sample ``hits_per_event, occupancy`` and ``efficiency``, ``response`` or ``failure``.

    Raises
    ------
    BadConfig
        If `events` is not above zero.
    """
    if events < 1:
        raise BadConfig(f"--events {events}: at least one event is needed")
    rows = []
    chosen = list(names) or list_detectors()
    for done, name in enumerate(chosen):
        if progress:
            progress(f"detector {name}", done, len(chosen))
        detector = load_detector(name)
        rows.append(
            _facts(detector) | {"samples": _samples(detector, name, Path(folder), events, transfer, progress)}
        )
    told = {"events": events, "seed": SEED, "samples": ", ".join(SAMPLES), "tuning_events": TUNING_EVENTS}
    return {"sample": told, "detectors": rows}


def _facts(detector: Detector) -> dict[str, Any]:
    """What a detector is and what straight lines meet in it."""
    seen = coverage(detector)
    inside = seen.layers > 0
    met = {
        "layers_mean": float(seen.layers[inside].mean()) if inside.any() else 0.0,
        "radiation_lengths_mean": float(seen.radiation_lengths[inside].mean()) if inside.any() else 0.0,
        "covered": float(inside.mean()),
        "reach": f"{seen.axes[0]} {seen.eta[0]:.3g} to {seen.eta[-1]:.3g}",
    }  # fmt: skip
    return {
        "name": detector.name, "sensors": detector.n_sensors, "cells": _cells(detector), "layers": detector.n_layers,
        "measures": sorted({what for s in detector.subsystems for what in s.measures}), "coverage": met,
    }  # fmt: skip


def _cells(detector: Detector) -> int:
    return int(np.array([t.n_cells for t in detector.templates], np.int64)[detector.template].sum())


def _samples(
    detector: Detector, name: str, folder: Path, events: int, transfer: bool, progress: Progress | None
) -> dict[str, Any]:
    """All samples that reach the detector."""
    along_z = coverage(detector, 8, 8).axes == ("x", "y")
    measures = {what for s in detector.subsystems for what in s.measures}
    tracking = (
        _tracking(detector, name, folder, along_z, transfer, progress) if "position" in measures else {}
    )
    result = {}
    for kind, sample in SAMPLES.items():
        if along_z and sample.process != "gun":
            continue
        process = "beam" if along_z else sample.process
        made = list(simulate(detector, process, events, seed=SEED, options=sample.options))
        hits = float(np.mean([len(event.hits) for event in made]))
        row: dict[str, Any] = {"hits_per_event": hits, "occupancy": hits / max(_cells(detector), 1)}
        if kind in ("muons", "ttbar") and "position" in measures:
            row |= _tracks(detector, made, tracking, along_z)
        elif kind in ("photons", "pions") and not measures.isdisjoint(("energy", "charge")):
            row |= _clusters(detector, made)
        result[kind] = row
        if progress:
            progress(f"{name}: {kind}", len(result), len(SAMPLES))
    return result


def _tracks(
    detector: Detector, made: list[Event], bundles: dict[str, str | GnnrecoError], along_z: bool
) -> dict[str, Any]:
    """Efficiency of each bundle for particles that cross most of the tracker."""
    layers = len(np.unique(detector.layer[_position(detector)]))
    pt_min, eta_max = (0.0, np.inf) if along_z else (1.0, 3.0)
    target = Target(pt_min=pt_min, eta_max=eta_max, min_hits=min(9, max(4, layers - 1)))
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
        found[how] = _rate(rates, "efficiency") | {"fake_rate": rates["fake_rate"], "bundle": str(bundle)}
    return {"efficiency": found, **({"failure": failure} if failure else {})}


def _clusters(detector: Detector, made: list[Event]) -> dict[str, Any]:
    """Efficiency and response of clustering without training."""
    task = load_task(load_bundle("clusters-density"), detector, any_detector=True)

    scores = score_clusters(((event, task.reconstruct(event)) for event in made), detector)
    rate = _rate(scores, "efficiency")
    found = {"zero_shot": rate | {"bundle": "clusters-density"}} if rate["value"] is not None else {}
    return {"efficiency": found, "response": scores["energy_response_mean"]}


def _rate(scores: dict[str, Any], name: str) -> dict[str, Any]:
    low, high = scores.get(f"{name}_interval") or (None, None)
    return {"value": scores[name], "low": low, "high": high}


def _position(detector: Detector) -> np.ndarray:
    return np.array(["position" in s.measures for s in detector.subsystems])[detector.subsystem]


def _tracking(
    detector: Detector, name: str, folder: Path, along_z: bool, transfer: bool, progress: Progress | None
) -> dict[str, str | GnnrecoError]:
    """Bundles to find tracks with: the one trained on the detector, another's adapted, that one tuned."""
    shipped = [b for b in map(load_bundle, list_bundles()) if b.task == "tracking"]
    own = [b for b in shipped if b.manifest["detector"]["hash"] == detector.at_source().hash]
    others = [b for b in shipped if b not in own]
    bundles: dict[str, str | GnnrecoError] = {"trained": own[0].name} if own else {}
    if not transfer or not others:
        return bundles
    # The one with the most varied training: of the shipped ones, that with the most learned numbers.
    source = max(others, key=lambda bundle: bundle.parameters)
    try:
        adapted = _adapted(source, detector, folder / f"{detector.name}-zero-shot", along_z, progress)
        bundles["zero_shot"] = str(adapted)
        bundles["fine_tuned"] = str(
            _tuned(adapted, name, detector, folder / f"{detector.name}-tuned", along_z, progress)
        )
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


def _adapted(
    source: Bundle, detector: Detector, folder: Path, along_z: bool, progress: Progress | None
) -> Path:
    command = f"gnnreco compare-detectors: {source.name} {source.manifest['sha256'][:12]} adapted"
    if not _fits(folder, detector, command):
        options = SimulationOptions(noise_hits=0.05, count=6 if along_z else 1)
        if along_z:
            adapt(source.folder, detector, folder, 400, "beam", 0, 1, 0.0, options, command, progress, True)
        else:
            adapt(source.folder, detector, folder, 80, "ttbar", 20, 1, None, options, command, progress, True)
    return folder


def _tuned(
    start: Path, name: str, detector: Detector, folder: Path, along_z: bool, progress: Progress | None
) -> Path:
    command = f"gnnreco compare-detectors: {load_bundle(start).manifest['sha256'][:12]} tuned"
    if not _fits(folder, detector, command):
        what = (
            ["sample.process=beam", "sample.simulation.count=6"]
            if along_z
            else ["sample.process=ttbar", "sample.pileup=20"]
        )
        settings = [
            f"detector={name}", f"train.start={start}", "train.epochs=5", "train.learning_rate=0.001", "train.threads=1",
            f"sample.events={TUNING_EVENTS}", "sample.validation_events=4", "sample.simulation.noise_hits=0.05", *what,
        ]  # fmt: skip
        run_training(
            compose("tracking", settings), folder, command=command, progress=progress, overwrite=True
        )
    return folder
