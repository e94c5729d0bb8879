"""The hash of a detector changes with what changes a reconstruction, and with nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.geometry import ConstantField, Detector, MapField, load_detector
from gnnreco.geometry.identity import content_hash


@pytest.fixture(scope="module")
def telescope() -> Detector:
    return load_detector("telescope")


def rows(detector: Detector, name: str, change: float) -> Detector:
    """One number of one sensor changed."""
    values = np.array(getattr(detector, name), float)
    values.flat[0] += change
    return replace(detector, **{name: values})


MATTERS: dict[str, Callable[[Detector], Detector]] = {
    "a sensor elsewhere": lambda d: rows(d, "center", 1e-3),
    "more material": lambda d: rows(d, "radiation_lengths", 1e-4),
    "more nuclei": lambda d: rows(d, "interaction_lengths", 1e-4),
    "another field": lambda d: replace(d, field=ConstantField(0.5)),
    "another layer": lambda d: replace(d, layer=d.layer[::-1].copy()),
    "a resolution": lambda d: replace(d, resolution_u=np.full(d.n_sensors, 0.007)),
    "fewer sensors": lambda d: d.select(np.arange(d.n_sensors) > 0),
    "what is measured": lambda d: replace(
        d, subsystems=tuple(replace(part, measures=(*part.measures, "time")) for part in d.subsystems)
    ),
    "a calorimeter's number": lambda d: replace(d, moliere_radius=np.full(d.n_sensors, 9.0)),
}
DOES_NOT: dict[str, Callable[[Detector], Detector]] = {
    "its name": lambda d: replace(d, name="another"),
    "where it was read from": lambda d: replace(d, folder=d.folder / "copy"),
    "a tenth of a nanometre": lambda d: rows(d, "center", 1e-8),
    "the same field said again": lambda d: replace(
        d, field=ConstantField(float(d.field.at(np.zeros((1, 3)))[0, 2]))
    ),
}


@pytest.mark.parametrize("change", list(MATTERS))
def test_it_changes_with(change: str, telescope: Detector) -> None:
    assert content_hash(MATTERS[change](telescope)) != content_hash(telescope)


@pytest.mark.parametrize("change", list(DOES_NOT))
def test_it_does_not_change_with(change: str, telescope: Detector) -> None:
    assert content_hash(DOES_NOT[change](telescope)) == content_hash(telescope)


def test_all_that_matters_differs_from_each_other(telescope: Detector) -> None:
    found = {content_hash(change(telescope)) for change in MATTERS.values()}
    assert len(found) == len(MATTERS)


@given(st.sampled_from([0.0, 1e-4, 1.0]), st.integers(0, 2))
@settings(max_examples=9)
def test_every_value_of_a_map_counts(change: float, axis: int) -> None:
    telescope = load_detector("telescope")
    node = np.array([-500.0, 500.0])

    def mapped(values: Any) -> Detector:
        return replace(telescope, field=MapField((node, node, node), values))

    tesla = np.zeros((2, 2, 2, 3))
    tesla[..., 2] = 1.0
    other = tesla.copy()
    other[1, 0, 1, axis] += change
    assert (content_hash(mapped(tesla)) == content_hash(mapped(other))) == (change == 0.0)


def test_a_detector_without_material_is_not_one_whose_material_is_unknown(telescope: Detector) -> None:
    none = replace(telescope, radiation_lengths=np.zeros(telescope.n_sensors))
    unknown = replace(telescope, radiation_lengths=np.full(telescope.n_sensors, np.nan))
    assert content_hash(none) != content_hash(unknown)
