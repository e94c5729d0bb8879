"""The toy of arXiv 1611.01046: the adversary makes a score that hardly tells Z, and still separates."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "scripts" / "pivot_toy.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pivot_toy", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pivot_toy", module)  # where dataclasses look for their types
        spec.loader.exec_module(module)
    return module


def test_events_are_those_of_the_paper(script: ModuleType) -> None:
    x, label, _ = script.drawn(40000, torch.Generator().manual_seed(0), 0.5)
    background, signal = (x[label == kind].T for kind in (0, 1))
    torch.testing.assert_close(
        torch.cov(background), torch.tensor([[1.0, -0.5], [-0.5, 1.0]]), atol=0.04, rtol=0
    )
    torch.testing.assert_close(torch.cov(signal), torch.eye(2), atol=0.04, rtol=0)
    torch.testing.assert_close(signal.mean(dim=1), torch.tensor([1.0, 1.5]), atol=0.04, rtol=0)
    assert background.mean().abs() < 0.02


def test_the_score_tells_the_nuisance_less_and_still_separates(script: ModuleType) -> None:
    before = script.learn(script.classifier(0), 400, 0.0, "adversary", 1)
    after = script.learn(before, 400, 10.0, "adversary", 2)
    free, bound = script.judge(before, 8000), script.judge(after, 8000)
    assert free.ks > 0.25
    assert bound.ks < 0.5 * free.ks
    assert bound.distance_correlation < 0.6 * free.distance_correlation
    assert bound.auc > 0.75
    assert free.auc > bound.auc
    drawing = script.draw([("before", before), ("after", after)], 2000).standalone()
    assert drawing.count("Z = ") == 6
