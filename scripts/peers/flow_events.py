"""Events with the tracks and clusters that bundles find in them: reconstructed once, then read back from the output."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from gnnreco.columns import Clusters, Event, Tracks
from gnnreco.evaluate.join import Join
from gnnreco.events import open_events
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import Detector

STAGES = ("tracking", "clustering")


def reconstructed(events: Path, out: Path, detector: str, bundles: Sequence[str]) -> dict[str, float]:
    """Run `gnnreco reconstruct` unless its output is there: CPU seconds an event of each stage."""
    if not (out / "manifest.json").exists():
        command = [sys.executable, "-m", "gnnreco.cli", "reconstruct", str(events), "--detector", detector]
        for bundle in bundles:
            command += ["--bundle", bundle]
        subprocess.run(
            [*command, "--any-detector", "-o", str(out), "--overwrite"], check=True, stdout=sys.stderr
        )
    manifests = {stage: manifest_of(out / stage) for stage in STAGES}
    return {stage: one["cpu_seconds_per_event"] for stage, one in manifests.items()}


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of an output."""
    made: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return made


def with_found(events: Path, out: Path, detector: Detector, limit: int | None = None) -> Iterator[Event]:
    """The events of a folder, each with its tracks and clusters; the first `limit` ones."""
    source = open_events(events, detector)
    first, second = (Join(source, manifest_of(out / stage), out / stage) for stage in STAGES)
    both = zip(read_tracks(out / STAGES[0]), read_clusters(out / STAGES[1]), strict=True)
    for (number, origin, tracks), (other, _, clusters) in islice(both, limit):
        assert number == other, "stages wrote their events in one order"
        row = first.row_of(number, origin)
        event = source[row]
        found = {Tracks: first.place(tracks, event, row), Clusters: second.place(clusters, event, row)}
        yield replace(event, found=found)
