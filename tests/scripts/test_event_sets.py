"""Sets of events: more events tell more, their order tells nothing, and a sum over events is as good as can be."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        import event_sets

    return event_sets


@settings(max_examples=8, deadline=None)
@given(size=st.integers(1, 12), additive=st.booleans(), seed=st.integers(0, 1000))
def test_the_order_of_events_does_not_matter(
    script: ModuleType, size: int, additive: bool, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    network = script.SetNetwork(3, additive).eval()
    sets, order = torch.randn(5, size, 3, generator=draw), torch.randperm(size, generator=draw)
    with torch.no_grad():
        torch.testing.assert_close(network(sets[:, order]), network(sets), rtol=1e-4, atol=1e-5)


def test_training_samples_are_of_one_size_and_share_no_event(script: ModuleType) -> None:
    rng = np.random.default_rng(0)
    made = script.lesson(script.toy(3000, rng), 1000, 0.3, rng)
    assert made.background.shape == made.other.shape == (1000, 2)
    assert len(np.unique(np.concatenate([made.background, made.other]), axis=0)) == 2000


def test_the_share_is_found_again_from_many_events(script: ModuleType) -> None:
    rng = np.random.default_rng(1)
    share = np.array([0.1, 0.5, 0.9])
    sets = script.toy(60000, rng).sets(share, 4000, rng)
    found = script.estimate(script.exact(sets, 1.0))
    np.testing.assert_allclose(found, share, atol=0.05)


def test_more_events_in_a_set_tell_more(script: ModuleType, tmp_path: Path) -> None:
    command = "--fraction 0.3 --sizes 1 16 --events 3000 --steps 50 --repeats 2"
    files = ["--json", str(tmp_path / "sets.json"), "-o", str(tmp_path / "sets.svg")]
    script.main([*command.split(), *files])
    told = json.loads((tmp_path / "sets.json").read_text())
    auc = {name: row["mean"] for name, row in told["auc"].items()}
    for name, values in auc.items():
        assert values[0] + 0.1 < values[1], name
    assert auc["sets"][1] < auc["exact"][1] + 0.01
    assert abs(auc["events"][1] - auc["exact"][1]) < 0.05
    rms = told["rms"]["events"]["mean"]
    assert rms[1] < rms[0] < 0.3 / 12**0.5 * 1.1  # that of who knows nothing
    assert "events in a set" in (tmp_path / "sets.svg").read_text()
