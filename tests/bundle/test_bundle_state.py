"""A bundle whose learned arrays somebody replaced, its sums right again, is refused by name, or reconstructs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.bundle import Bundle, load_bundle, load_task, save_bundle
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, GnnrecoError
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate

State = dict[str, np.ndarray]
FORWARD = SimulationOptions(particle="photon", energy=(20.0, 30.0), count=2, eta=(1.8, 2.6))
#: A bundle of each task, its detector, and how a small event of it is made.
CASES: dict[str, tuple[str | None, dict[str, Any]]] = {
    "tracking-telescope": ("telescope", {"process": "beam", "options": SimulationOptions(count=5)}),
    "tpc": ("tpc", {"options": SimulationOptions(particle="pion", count=1, energy=(0.5, 1.0))}),
    "showers-hgcal": ("hgcal", {"options": FORWARD}),
    "clusters-density": ("hgcal", {"options": FORWARD}),
    "jet-tagger": (None, {}),
}
SHAPES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    np.ravel,
    np.transpose,
    lambda a: a[None],
    lambda a: a[:-1],
    lambda a: a[:0],
    lambda a: a[..., :1],
    lambda a: np.concatenate([a, a]),
    lambda a: a.reshape(-1)[0],
)
DTYPES = (np.float16, np.float32, np.float64, np.int8, np.int32, np.int64, np.uint64, np.bool_)
VALUES = (0.0, 1.0, -1.0, 1e3, 1e8, -1e9, 1e30, -1e30, 1e200, np.inf, -np.inf, 2**31 - 1, -(2**31))


@functools.cache
def sound(name: str) -> tuple[Bundle, Any, Event | None]:
    detector_name, how = CASES[name]
    if detector_name is None:
        return load_bundle(name), None, None
    detector = load_detector(detector_name)
    return load_bundle(name), detector, next(simulate(detector, seed=1, **how))


def damaged(state: State, draw: Callable[[Any], Any]) -> State:
    """One array of another shape, type or content, absent, or under another name."""
    state = dict(state)
    name = draw(st.sampled_from(sorted(state))) if state else "network.edge_in.weight"
    array = state.get(name, np.zeros((2, 3), np.float32))
    how = draw(st.sampled_from(["shape", "dtype", "value", "values", "lost", "name"]))
    if how == "shape":
        state[name] = draw(st.sampled_from(SHAPES))(array)
    elif how == "dtype":
        with np.errstate(all="ignore"):
            state[name] = array.astype(draw(st.sampled_from(DTYPES)))
    elif how in ("value", "values"):
        changed = array.astype(np.float64)
        where = slice(None) if how == "values" else draw(st.integers(0, max(array.size - 1, 0)))
        changed.reshape(-1)[where] = draw(st.sampled_from(VALUES)) if array.size else 0.0
        with np.errstate(all="ignore"):
            state[name] = changed.astype(array.dtype)
    else:
        state.pop(name, None)
        state |= {f"{name}x": array} if how == "name" else {}
    return {key: np.nan_to_num(a, nan=0.0, posinf=np.inf, neginf=-np.inf) for key, a in state.items()}


def written(bundle: Bundle, state: State, folder: Path) -> Bundle:
    """The bundle with other arrays, as a forger would write it."""
    said = bundle.manifest
    save_bundle(folder, bundle.task, bundle.config, state, None, said["training"], said["metrics"])
    return load_bundle(folder)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=10)
@given(data=st.data())
def test_arrays_that_somebody_replaced(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bundle, detector, event = sound(name)
    refusal, task = "", None
    try:
        forged = written(bundle, damaged(bundle.state, data.draw), tmp_path_factory.mktemp("forged"))
        task = load_task(forged, detector)
    except BadBundle as error:
        refusal = str(error)
    assert "\n" not in refusal
    if event is not None and task is not None:
        try:
            task.reconstruct(event)
        except GnnrecoError:
            return
