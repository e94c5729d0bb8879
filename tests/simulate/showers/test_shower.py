"""Showers: energy, depth, width, gaps, thresholds, truth, in stacks of plates made on the spot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event
from gnnreco.geometry import (
    CellTemplate,
    ConstantField,
    Detector,
    GridTemplate,
    Subsystem,
    load_detector,
)
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.matter.medium import atomic_number, critical_energy, media

FRONT, STEP = 3000.0, 6.5
SILENT = SimulationOptions(
    particle="photon",
    cell_noise=0.0,
    cell_threshold=0.0,
    sigma_xy=0.0,
    sigma_z=0.0,
    sigma_t=0.0,
    eta=(2.6, 3.0),
)


def stack(
    template: CellTemplate,
    layers: int = 40,
    *,
    half: float = 600.0,
    fraction: float = 0.009,
    radiation: float = 0.986,
    measures: tuple[str, ...] = ("energy", "time"),
) -> Detector:
    """Layers of four square sensors each around the z axis: 0.986 radiation lengths of tungsten and silicon."""
    corner = half / 2
    place = np.array([[x, y] for x in (-corner, corner) for y in (-corner, corner)])
    n = 4 * layers
    z = FRONT + STEP * np.arange(layers)
    zero = np.zeros(n, np.int32)
    return Detector(
        name="stack",
        folder=Path(),
        field=ConstantField(0.0),
        templates=(template,),
        subsystems=(Subsystem("all", measures),),
        n_layers=layers,
        template=zero,
        layer=np.repeat(np.arange(layers, dtype=np.int32), 4),
        subsystem=zero,
        center=np.column_stack([np.tile(place, (layers, 1)), np.repeat(z, 4)]),
        rotation=np.tile(np.eye(3), (n, 1, 1)),
        radiation_lengths=np.full(n, radiation),
        interaction_lengths=np.full(n, 0.0393 * radiation),
        resolution_u=np.ones(n),
        resolution_v=np.ones(n),
        sensor_id=np.arange(n),
        moliere_radius=np.full(n, 15.7),
        sampling_fraction=np.full(n, fraction),
    )


def pads(pitch: float = 5.0, half: float = 600.0, thickness: float = 0.3) -> GridTemplate:
    """A square of `half` mm edge."""
    return GridTemplate("pads", thickness, pitch, pitch, round(half / pitch), round(half / pitch))


PADS = stack(pads())


def visible(detector: Detector, options: SimulationOptions, events: int = 60, seed: int = 1) -> np.ndarray:
    """Sum over the hits of each event, GeV."""
    return np.array(
        [event.hits.energy.sum() for event in simulate(detector, "gun", events, seed=seed, options=options)]
    )


def at(energy: float, **more: object) -> SimulationOptions:
    return replace(SILENT, energy=(energy, energy), **more)  # type: ignore[arg-type]


def depth(detector: Detector, event: Event) -> float:
    """Mean layer, by energy."""
    return float(np.average(detector.layer[event.hits.sensor], weights=event.hits.energy))


def test_the_medium_follows_from_the_lengths() -> None:
    # Tungsten, lead, copper, iron, silicon (PDG).
    table = (
        (3.504, 99.46, 74, 7.97),
        (5.612, 175.9, 82, 7.43),
        (14.36, 153.2, 29, 19.42),
        (17.57, 167.7, 26, 21.68),
        (93.7, 465.2, 14, 40.19),
    )
    for radiation, interaction, z, critical in table:
        ours = atomic_number(np.array([radiation / interaction]))
        assert ours[0] == pytest.approx(z, rel=0.05)
        assert critical_energy(ours)[0] == pytest.approx(critical / 1e3, rel=0.08)


def test_a_minimum_ionising_particle_leaves_what_silicon_says() -> None:
    assert media(PADS).mip[0] == pytest.approx(0.3 * 3.88e-4, rel=0.1)


def test_the_visible_energy_is_the_sampling_fraction_at_all_energies() -> None:
    for energy in (2.0, 10.0, 50.0):
        seen = visible(PADS, at(energy), 100)
        assert seen.mean() / energy == pytest.approx(0.009, rel=0.02 + 2 * seen.std() / seen.mean() / 10)


def test_the_spread_falls_as_the_root_of_the_energy() -> None:
    spread = [np.std(seen) / np.mean(seen) for seen in (visible(PADS, at(e), 150) for e in (2.0, 32.0))]
    assert spread[0] / spread[1] == pytest.approx(4, rel=0.3)


def test_the_maximum_moves_with_the_logarithm_of_the_energy() -> None:
    mean = [
        np.mean([depth(PADS, e) for e in simulate(PADS, "gun", 80, seed=2, options=at(energy))])
        for energy in (1.0, 10.0, 100.0)
    ]
    step = np.diff(mean) * 0.986
    assert np.abs(step - np.log(10)).max() < 0.6


def test_the_response_does_not_depend_on_the_cells() -> None:
    sums = [visible(stack(pads(pitch)), at(20.0), 60).mean() for pitch in (2.5, 10.0, 60.0)]
    np.testing.assert_allclose(sums, sums[0], rtol=1e-9)


def test_a_symmetry_of_the_detector_is_one_of_the_showers() -> None:
    def radius(turn: float) -> tuple[float, float]:
        matrix = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
        detector = PADS.moved(matrix, np.zeros(3))
        events = list(simulate(detector, "gun", 60, seed=4, options=at(20.0)))
        return (
            float(np.mean([e.hits.energy.sum() for e in events])),
            float(np.mean([depth(detector, e) for e in events])),
        )

    np.testing.assert_allclose(radius(0.0), radius(np.pi / 2), rtol=0.02)


def test_a_gap_loses_energy_and_keeps_the_depth() -> None:
    apart = np.where(PADS.layer[:, None] >= 3, 10.0 * np.sign(PADS.center) * [1, 1, 0], 0.0)
    split = replace(PADS, center=PADS.center + apart)
    along = at(50.0, eta=(9.0, 10.0))  # down the middle, between the four
    lost = visible(split, along, 30).mean() / visible(PADS, along, 30).mean()
    assert lost < 0.6
    mean = [
        np.mean([depth(d, e) for e in simulate(d, "gun", 30, seed=1, options=along)]) for d in (PADS, split)
    ]
    assert -0.5 < mean[1] - mean[0] < 2.5  # what lies off the axis lies deeper


def test_layers_passed_in_a_gap_before_the_first_sensor_count() -> None:
    apart = np.where(PADS.layer[:, None] < 4, 3.0 * np.sign(PADS.center) * [1, 1, 0], 0.0)
    late = replace(PADS, center=PADS.center + apart)
    along = at(20.0, eta=(9.0, 10.0))
    mean = [
        np.mean([depth(d, e) for e in simulate(d, "gun", 60, seed=1, options=along)]) for d in (PADS, late)
    ]
    assert mean[0] == pytest.approx(mean[1], abs=0.8)


def test_beside_the_detector_there_is_nothing() -> None:
    events = list(simulate(PADS, "gun", 3, options=at(10.0, eta=(0.1, 0.2))))
    assert [len(event.hits) for event in events] == [0, 0, 0]
    assert all(len(event.truth.hit) == 0 for event in events)  # type: ignore[union-attr]


def test_no_particles_no_hits() -> None:
    (event,) = simulate(PADS, "gun", 1, options=at(10.0, count=0))
    assert len(event.hits) == 0
    assert event.hits.deposits is not None


@given(
    st.sampled_from(["photon", "electron", "pion", "proton", "neutron", "k0l", "muon"]),
    st.floats(0.0, 2.0),
    st.integers(0, 50),
)
@settings(max_examples=25)
def test_hits_are_the_sum_of_what_particles_left(particle: str, log_energy: float, seed: int) -> None:
    options = at(10**log_energy + 1.0, particle=particle, count=2)
    (event,) = simulate(PADS, "gun", 1, seed=seed, options=options)
    hits, truth = event.hits, event.truth
    assert truth is not None
    assert truth.energy is not None
    assert hits.energy is not None
    np.testing.assert_allclose(np.bincount(truth.hit, truth.energy, len(hits)), hits.energy, rtol=1e-9)
    cell = PADS.cell_id(hits.sensor, PADS.cell_at(hits.sensor, *(hits.xyz - PADS.center[hits.sensor]).T[:2]))
    assert (np.diff(cell.astype(np.int64)) > 0).all()
    assert hits.energy.sum() < 0.05 * 2 * options.energy[0]


def test_the_threshold_is_in_units_of_the_cell() -> None:
    low = media(PADS).mip[0]
    for threshold in (0.5, 2.0):
        events = simulate(PADS, "gun", 5, options=at(20.0, cell_threshold=threshold, cell_noise=0.1))
        assert min(event.hits.energy.min() for event in events) > threshold * low  # type: ignore[union-attr]


def test_a_thick_homogeneous_sensor_sees_all() -> None:
    blocks = stack(pads(20.0, thickness=6.0), layers=40, fraction=1.0)
    seen = visible(blocks, at(20.0), 30)
    assert seen.mean() == pytest.approx(20.0, rel=0.03)
    assert seen.std() / seen.mean() < 0.02


def test_a_muon_leaves_a_minimum_in_each_layer() -> None:
    events = list(simulate(PADS, "gun", 30, options=at(20.0, particle="muon", efficiency=1.0)))
    for event in events:
        assert len(np.unique(PADS.layer[event.hits.sensor])) == 40
    energy = np.concatenate([event.hits.energy for event in events])  # type: ignore[arg-type]
    assert np.median(energy) == pytest.approx(0.75 * media(PADS).mip[0], rel=0.25)


def test_hadrons_start_late_leak_and_show_less_than_photons() -> None:
    deep = stack(pads(20.0), layers=150, radiation=1.3)
    pions = visible(deep, at(50.0, particle="pion"), 60)
    photons = visible(deep, at(50.0), 20)
    assert 0.6 < pions.mean() / photons.mean() < 0.98
    assert pions.std() / pions.mean() > 3 * photons.std() / photons.mean()
    shallow = stack(pads(20.0), layers=20)
    through = visible(shallow, at(50.0, particle="pion"), 60)
    assert (through < 30 * media(PADS).mip[0]).mean() == pytest.approx(np.exp(-20 * 0.0388), abs=0.2)


def test_an_event_depends_on_its_seed_and_number_alone() -> None:
    options = at(20.0, particle="pion")
    (one,) = simulate(PADS, "gun", 1, seed=5, options=options, first=3)
    *_, two = simulate(PADS, "gun", 4, seed=5, options=options)
    np.testing.assert_array_equal(one.hits.energy, two.hits.energy)
    np.testing.assert_array_equal(one.hits.time, two.hits.time)


def test_hits_come_at_the_speed_of_light() -> None:
    (event,) = simulate(PADS, "gun", 1, options=at(50.0, time_resolution=0.0))
    flown = np.linalg.norm(event.hits.xyz, axis=1) / 299.792458
    assert event.hits.time is not None
    assert np.abs(np.median(event.hits.time - flown)) < 0.1


def test_a_dead_sensor_is_silent() -> None:
    rim = PADS.select((PADS.layer != 8) | (PADS.center[:, 0] > 0))
    events = list(simulate(rim, "gun", 20, options=at(50.0)))
    for event in events:
        assert not (np.abs(event.hits.xyz[event.hits.x < 0, 2] - (FRONT + 8 * STEP)) < 1).any()
    assert np.mean([len(event.hits) for event in events]) > 100


def test_trackers_and_calorimeters_in_one_event() -> None:
    detector = load_detector("odd")
    options = SimulationOptions(particle="pion", energy=(20.0, 20.0), count=3, eta=(-0.8, 0.8))
    (event,) = simulate(detector, "gun", 1, seed=1, options=options)
    energy = np.array(["energy" in s.measures for s in detector.subsystems])[
        detector.subsystem[event.hits.sensor]
    ]
    assert (~energy).sum() > 20
    assert energy.sum() > 20
    assert (np.diff(energy.astype(int)) >= 0).all()  # trackers first
    assert event.truth is not None
    assert len(event.truth.hit) == len(event.truth.energy)  # type: ignore[arg-type]
