"""Scores the output of `reconstruct` against the truth and adds the cost from its manifest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gnnreco.columns import Anomalies, Clusters, ReconstructedParticles, Tracks
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events import EventSource
from gnnreco.events.anomalies_file import read_anomalies
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.output_file.folder import NOT_ENDED, begun
from gnnreco.events.particles_file import read_particles
from gnnreco.events.select import seen
from gnnreco.events.tracks_file import read_tracks
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.geometry import Detector
from gnnreco.reconstruct.calibration import notes_of_calibration
from gnnreco.tasks.registry import Kind, find_task

from .anomaly import score_anomalies
from .clustering import ShowerTarget, score_clusters
from .join import Join
from .particles import ParticleTarget, score_particles
from .target import Target, target_of
from .tracking import as_seen, graph_of, score_tracks
from .tracking import graph_metrics as measure_graph

COST = ("seconds_per_event", "cpu_seconds_per_event", "peak_rss_gib", "threads")
GRAPH_EVENTS = 10
GRAPH = ("edge_efficiency", "edge_efficiency_interval", "edge_purity", "edge_purity_interval", "edge_bins")
GRAPH_DEFINITIONS = {
    "edge_efficiency": "pairs of hits on successive layers of a target particle that are edges of the graph / "
    f"all such pairs; first {GRAPH_EVENTS} events",
    "edge_purity": "edges of the graph that join successive hits of any charged particle / all edges",
}


def evaluate(
    output_folder: str | Path,
    truth_source: EventSource | None,
    detector: Detector | None = None,
    target: Target | None = None,
    counted: Target | None = None,
    graph_metrics: JsonMapping | None = None,
    progress: Callable[[Iterator[Any]], Iterator[Any]] = iter,
    showers: ShowerTarget | None = None,
    particles: ParticleTarget | None = None,
    jets: str = "antikt",
    anomalous: Sequence[str] = (),
) -> JsonDict:
    """Score what `reconstruct` wrote against the truth.

    Parameters
    ----------
    output_folder : path
        Folder with ``manifest.json`` and the files that it lists.
    truth_source : EventSource or None
        The events with truth; matched by event number, and by file name where numbers repeat; their hits by id.
        Files that are not those that were reconstructed are named under ``warnings``. How strange events are is scored
        without; of several tasks then only that is.
    detector : Detector, optional
        Its field carries true particles to the z axis; without it there are no resolutions.
    target, counted : Target, optional
        Particles that should be found, by default `target_of` the detector; and tracks that are counted, by default
        `Target.counted` of these.
    graph_metrics : mapping, optional
        ``edge_efficiency`` and ``edge_purity`` of the graphs that were built (and their ``edge_bins``),
        where the caller measured them; else measured here on the first events, if the bundle is still there.
    progress : callable
        Wraps the iterator over events, for a progress bar.
    showers : ShowerTarget, optional
        Particles whose showers should be found.
    particles : ParticleTarget, optional
        Particles that particle flow should find.
    jets : {"antikt", "durham", "genkt"}
        Whose figures stand at the top of the object of particle flow; all of them are in it.
    anomalous : sequence of str
        Globs on the sources of the output whose events are anomalous: see `score_anomalies`.

    Returns
    -------
    dict
        The object that ``gnnreco evaluate --json`` writes; every number is finite or None. Of the output of several
        bundles ``tasks`` holds one such object for each.

    Raises
    ------
    BadInput
        Where the output has an event or a hit that the truth lacks, or a number that is not finite.
    BadConfig
        Where there is no truth, and it is needed.
    """
    folder = Path(output_folder)
    manifest = _manifest(folder)
    if "tasks" in manifest:
        kinds = {task: _scored_kind(folder, task) for task in manifest["tasks"]}
        if anomalous and Anomalies not in [kind.gives for kind in kinds.values()]:
            raise _not_strange(folder, ", ".join(kinds))
        chosen = [task for task, kind in kinds.items() if truth_source is not None or kind.gives is Anomalies]
        parts = {
            task: evaluate(
                folder / task,
                truth_source,
                detector,
                target,
                counted,
                graph_metrics,
                progress,
                showers,
                particles,
                jets,
                anomalous if kinds[task].gives is Anomalies else (),
            )
            for task in chosen or manifest["tasks"]
        }
        warnings = list(dict.fromkeys(line for part in parts.values() for line in part["warnings"]))
        return {
            "tasks": parts,
            "events": min(part["events"] for part in parts.values()),
            "warnings": warnings,
        }
    task = manifest.get("task", "tracking")
    kind = _scored_kind(folder, task)
    if kind.gives is Anomalies:
        told = manifest.get("calibration") or {}
        scores = score_anomalies(progress(read_anomalies(folder)), anomalous, folder, told.get("events"))
        lost = manifest.get("events_in", scores["events"]) - scores["events"]
        foreign = [] if told.get("of_this_detector", True) else notes_of_calibration(manifest)
        return _headed(scores, task, manifest, max(lost, 0), foreign)
    if anomalous:
        raise _not_strange(folder, task)
    if truth_source is None:
        raise BadConfig(f"{folder}: is of the task '{task}'; name its events with truth with truth=")
    join = Join(truth_source, manifest, folder)
    graph: JsonDict = {}
    if kind.gives is Clusters:
        found = progress(join.pairs(read_clusters(folder)))
        scores = score_clusters(found, _needed(detector, folder, "clusters"), showers)
    elif kind.gives is ReconstructedParticles:
        found = progress(join.pairs(read_particles(folder)))
        scores = score_particles(found, _needed(detector, folder, "particles"), particles, jets)
    else:
        target = target or (Target() if detector is None else target_of(detector))
        scored = as_seen(progress(join.pairs(read_tracks(folder))), detector, kind.needs.measures)
        scores = score_tracks(
            scored, detector.at_source().field if detector is not None else None, target, counted
        )
        if graph_metrics is None and detector is not None:
            graph_metrics = _graph_metrics(manifest, truth_source, detector, target)
        graph = {key: (graph_metrics or {}).get(key) for key in GRAPH}
        scores["definitions"] |= GRAPH_DEFINITIONS
        scores["warnings"] = scores["warnings"] + _softer(manifest, target)
    warnings = join.warnings() + _elsewhere(manifest, detector)
    return _headed(scores, task, manifest, len(truth_source) - len(join.used), warnings) | graph


def _elsewhere(manifest: JsonDict, detector: Detector | None) -> list[str]:
    """A warning where the output is scored with another detector than that in which it was reconstructed."""
    made = manifest.get("detector") or {}
    if detector is None or made.get("hash", detector.hash) == detector.hash:
        return []
    return [
        f"reconstructed in detector '{made.get('name')}' ({made['hash'][:12]}), scored with '{detector.name}' "
        f"({detector.hash[:12]}): its target and its field may not be those of the events"
    ]


def _softer(manifest: JsonDict, target: Target) -> list[str]:
    """A warning where the target holds particles softer than those that the bundle has learned from."""
    bundle = manifest.get("bundle") or {}
    softest = bundle.get("trained_pt_from")
    if not softest or target.min_pt >= softest:
        return []
    return [
        f"the target begins at a pt of {target.min_pt:g} GeV, the training of '{bundle['name']}' at {softest:g} GeV: "
        "softer particles were never learned"
    ]


def _headed(scores: JsonDict, task: str, manifest: JsonDict, lost: int, warnings: list[str]) -> JsonDict:
    """The scores of a task behind what every task has: counts of events, definitions, cost."""
    head = {"task": task, "events": scores.pop("events"), "definitions": scores.pop("definitions")}
    head |= {key: manifest.get(key) for key in COST}
    head["reconstructed"] = _made_by(manifest)
    head["events_failed"] = manifest.get("events_failed")
    head["events_without_output"] = lost
    head["warnings"] = warnings + scores.pop("warnings")
    return head | scores


def _made_by(manifest: JsonDict) -> JsonDict:
    """What was reconstructed, where and by what: names, without the folders of one machine."""
    named = {what: (manifest.get(what) or {}).get("name") for what in ("detector", "bundle")}
    files = [Path(str(file["path"])).name for file in manifest.get("inputs") or []]
    return {**named, "files": files, "versions": manifest.get("versions")}


def _not_strange(folder: Path, tasks: str) -> BadConfig:
    return BadConfig(f"{folder}: is of {tasks}, and anomalous= goes with output of an anomaly bundle")


def _needed(detector: Detector | None, folder: Path, what: str) -> Detector:
    if detector is None:
        raise BadInput(folder, "", f"{what} are scored with their detector; name it with detector=")
    return detector


def _scored_kind(folder: Path, task: str) -> Kind:
    """The task of an output; refuses one that is not installed, or whose columns nothing here scores."""
    try:
        kind = find_task(task)
    except BadConfig as error:
        why = f"is of the task '{task}', which is not installed here ({error})"
        raise BadInput(folder, "manifest.json", why) from error
    if kind.gives not in (Tracks, Clusters, ReconstructedParticles, Anomalies):
        why = f"is of the task '{task}', which nothing here scores: it gives neither tracks, clusters nor particles"
        raise BadInput(folder, "manifest.json", why)
    return kind


def _graph_metrics(
    manifest: JsonDict, source: EventSource, detector: Detector, target: Target
) -> JsonDict | None:
    """Of the graphs of the first events, built again: reconstruct cannot know them, it has no truth."""
    graph = graph_of(manifest, detector)
    if graph is None:
        return None
    events = source.select(range(min(len(source), GRAPH_EVENTS)))
    events.deposits = True
    tracker = (seen(event, detector, ("position",)).event for event in events)
    return measure_graph(graph, tracker, target)


def _manifest(folder: Path) -> JsonDict:
    path = folder / "manifest.json"
    if not path.is_file():
        given = "missing: give the folder that `gnnreco reconstruct -o` wrote"
        raise BadInput(folder, "manifest.json", NOT_ENDED if begun(folder) else given)
    try:
        manifest = json.loads(path.read_text())
    except ValueError as fault:
        raise BadInput(path, "", f"not JSON ({fault}); reconstruct again") from fault
    if not isinstance(manifest, dict):
        raise BadInput(path, "", "not an object; reconstruct again")
    return manifest
