"""Public names of before still work, and say what they are called now."""

from __future__ import annotations

from importlib import import_module

import pytest

OLD = {
    "gnnreco.graphs.drift.samples.ChargeGraph": "gnnreco.graphs.drift.samples.DriftGraph",
    "gnnreco.graphs.drift.samples.ChargeGraphConfig": "gnnreco.graphs.drift.samples.DriftGraphConfig",
    "gnnreco.graphs.drift.samples.ChargeSamples": "gnnreco.graphs.drift.samples.PadSamples",
    "gnnreco.graphs.drift.samples.build_charge_graph": "gnnreco.graphs.drift.samples.build_drift_graph",
    "gnnreco.graphs.drift.samples.charge_samples": "gnnreco.graphs.drift.samples.pad_samples",
    "gnnreco.tasks.drift.points.ChargePoints": "gnnreco.tasks.drift.points.DriftPoints",
    "gnnreco.tasks.drift.points.charge_points": "gnnreco.tasks.drift.points.drift_points",
    "gnnreco.onnx_bundle.OnnxBundle": "gnnreco.bundle.onnx.OnnxBundle",
    "gnnreco.onnx_bundle.load_onnx": "gnnreco.bundle.onnx.load_onnx",
    "gnnreco.onnx_bundle.network_weights": "gnnreco.bundle.onnx.network_weights",
}


@pytest.mark.parametrize("old", OLD)
def test_an_old_name_is_the_new_thing_and_warns_once_for_each_use(old: str) -> None:
    place, _, name = old.rpartition(".")
    now, _, new = OLD[old].rpartition(".")
    with pytest.warns(DeprecationWarning, match=f"{name} is now {OLD[old]}"):
        found = getattr(import_module(place), name)
    assert found is getattr(import_module(now), new)


@pytest.mark.parametrize("module", sorted({old.rpartition(".")[0] for old in OLD}))
def test_other_names_are_missing_as_ever(module: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        _ = import_module(module).nothing
