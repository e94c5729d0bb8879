"""Rows of the table of batch jobs that can be made in seconds."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from gnnreco.events import write_events
from gnnreco.geometry import load_detector
from tests.reconstruct.toy import event

ROOT = Path(__file__).parents[2]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("parts", ROOT / "scripts" / "bench_batch_parts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


parts = script()


def test_without_a_file_nothing_is_measured() -> None:
    assert parts.edm4hep(None)["well"] is None


def test_our_reader_is_timed_beside_the_branches_that_it_reads() -> None:
    pytest.importorskip("uproot")
    told = parts.edm4hep(ROOT / "tests" / "corpus" / "events" / "edm4hep" / "all_types.edm4hep.root")
    ratio = float(str(told["measured"]).split("x")[0])
    assert ratio > 0.5  # ours reads no less than these branches
    assert told["well"] == (ratio < 2)


def test_memory_is_looked_at_after_a_quarter_of_the_events_and_at_the_end(tmp_path: Path) -> None:
    write_events((event(i, 12) for i in range(32)), tmp_path / "events", detector=load_detector("telescope"))
    told = parts.memory_growth(tmp_path / "events", "telescope", "tracking-telescope", tmp_path / "out")
    assert told["what"] == "memory growth over 32 events"
    assert "MiB" in str(told["measured"])
