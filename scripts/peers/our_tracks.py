"""Our own reconstruction as a contender of programs: the command line once in a fresh process, and its cost once warm."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contenders import GNNRECO
from finder_program import Cost, run_measured

from gnnreco.columns import Tracks
from gnnreco.errors import MissingTool
from gnnreco.evaluate import Join
from gnnreco.events import EventSource
from gnnreco.events.tracks_file import read_tracks

#: Several passes in one process: the first loads modules and kernels, the others cost what events cost.
PASSES = """import json, sys
from gnnreco.reconstruct import reconstruct
for output in sys.argv[2:]:
    reconstruct(output=output, **json.loads(sys.argv[1]))
"""
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Ours:
    """What is run: inputs as the user named them, detector and bundle by name or folder, cells read or not."""

    inputs: Sequence[str]
    detector: str
    bundle: str
    cells: bool = True

    def find(
        self, source: EventSource, work: Path, repeat: int = 1
    ) -> tuple[dict[Key, Tracks], dict[str, Any]]:
        """Tracks by source and number of the event (an event that failed has none), and their cost.

        Returns
        -------
        tracks : dict
        cost : dict
            CPU seconds and seconds an event when warm; of the whole process by event; peak memory; events that failed.
        """
        warm = self._warm(work, repeat)
        runs = [self._fresh(work) for _ in range(repeat)]
        manifest = json.loads((work / "fresh" / "manifest.json").read_text())
        pairs = Join(source, manifest, work / "fresh").pairs(read_tracks(work / "fresh"))
        found = {(event.source, event.number): tracks for event, tracks in pairs}
        cost = {
            **{
                name: _median([m[name] for m in warm])
                for name in ("cpu_seconds_per_event", "seconds_per_event")
            },
            "process_cpu_seconds_per_event": statistics.median(r.cpu_seconds for r in runs) / len(source),
            "peak_mib": statistics.median(r.peak_mib for r in runs),
            "failures": manifest["failures"],
        }
        return found, cost

    def _fresh(self, work: Path) -> Cost:
        """The command that a user types; an event that fails makes its exit status 1."""
        words = [*GNNRECO, "reconstruct", *self.inputs, "--detector", self.detector, "--bundle", self.bundle]
        words += ["--any-detector", "--threads", "1", "--overwrite", "-o", str(work / "fresh")]
        return self._run(words if self.cells else [*words, "--no-cells"], work)

    def _warm(self, work: Path, repeat: int) -> list[dict[str, Any]]:
        """Manifests of all passes but the first."""
        options = {"inputs": list(self.inputs), "detector": self.detector, "bundles": [self.bundle]}
        options |= {"any_detector": True, "cells": self.cells, "overwrite": True}
        outputs = [work / f"pass-{i}" for i in range(repeat + 1)]
        self._run([sys.executable, "-c", PASSES, json.dumps(options), *map(str, outputs)], work)
        return [json.loads((output / "manifest.json").read_text()) for output in outputs[1:]]

    def _run(self, words: list[str], work: Path) -> Cost:
        work.mkdir(parents=True, exist_ok=True)
        cost = run_measured(words, work, None, "gnnreco", "all events")
        if cost.status not in (0, 1):
            said = (work / "stderr.txt").read_text(errors="replace").strip().splitlines()
            raise MissingTool("gnnreco", said[-1] if said else f"ended with status {cost.status}")
        return cost


def _median(values: Sequence[float | None]) -> float | None:
    """None where no event of a run was reconstructed."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
