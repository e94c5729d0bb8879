"""Showers of Geant4 as events to train on: each once, with all its energy; stacks that are drawn are the same each time."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from gnnreco.tasks.fastsim.samples import sample_of

SCRIPTS = Path(__file__).parents[3] / "scripts"
LAYERS, SHOWERS = 6, 30


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return {name: importlib.import_module(name) for name in ("geant4_points", "fastsim_stacks")}


def test_each_shower_is_in_one_event_with_all_its_energy(scripts, tmp_path, monkeypatch):
    rng, plates = np.random.default_rng(1), [["G4_Pb", 5.0], ["G4_lAr", 3.0, "sensitive"]]
    event = np.repeat(np.arange(SHOWERS), 50)
    angle = rng.uniform(0, 0.5, SHOWERS)
    deposit = rng.exponential(0.5, len(event))
    np.savez(
        tmp_path / "showers.npz",
        event=event,
        layer=rng.integers(LAYERS, size=len(event)),
        x_mm=rng.normal(0, 15, len(event)),
        y_mm=rng.normal(0, 15, len(event)),
        edep_mev=deposit,
        energy_gev=rng.uniform(1, 10, SHOWERS),
        px=np.sin(angle),
        py=0 * angle,
        pz=np.cos(angle),
        particle="gamma",
        stack=json.dumps(LAYERS * plates),
    )
    words = [
        "geant4_points.py",
        str(tmp_path / "showers.npz"),
        "-o",
        str(tmp_path / "made"),
        "--per-event",
        "10",
    ]
    monkeypatch.setattr(sys, "argv", words)
    scripts["geant4_points"].main()
    detector = load_detector(tmp_path / "made" / "detector")
    parts = {name: list(open_events(tmp_path / "made" / name, detector)) for name in ("train", "test")}
    assert sum(len(e.truth.particles) for part in parts.values() for e in part) == SHOWERS
    assert sum(len(e.truth.particles) for e in parts["test"]) == SHOWERS // 5
    energy = sum(e.truth.energy.sum() for part in parts.values() for e in part)
    assert energy == pytest.approx(deposit.sum() / 1e3)
    sample = sample_of(detector, parts["train"][0], 0.0)
    assert len(sample.total) == len(parts["train"][0].truth.particles) == 8
    # The sampling fraction is that of these showers: on average they show their whole energy.
    assert float(sample.total.mean()) == pytest.approx(1.0, abs=0.5)


@pytest.mark.parametrize("content", [None, b"PK broken", "particle", "tau-"])
def test_a_file_without_showers_is_named(scripts, tmp_path, content):
    file = tmp_path / "showers.npz"
    names = importlib.import_module("geant4_events").COLUMNS
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        kept = {name: np.zeros(1) for name in names if name != content}
        np.savez(file, **kept | ({} if "particle" not in kept else {"particle": content}))
    with pytest.raises(SystemExit, match=r"showers\.npz: .*(make it again|there is gamma)"):
        importlib.import_module("geant4_events").read_showers([file], "train")


def test_a_material_that_nobody_knows_is_named(scripts):
    with pytest.raises(SystemExit, match="material 'G4_Unobtainium': not among the"):
        importlib.import_module("geant4_plates").plate_layers([["G4_Unobtainium", 1.0]])


def test_stacks_are_drawn_again_alike_and_are_deep_enough(scripts):
    stacks, plates = scripts["fastsim_stacks"], importlib.import_module("geant4_materials").MATERIALS
    for number in range(16):
        stack = stacks.drawn(number, 5)
        assert stack == stacks.drawn(number, 5)
        assert sum(t / plates[material][0] for material, t, *_ in stack) > 18
        assert {"sensitive"} == {word for _, _, *rest in stack for word in rest}
    assert stacks.drawn(0, 5) != stacks.drawn(0, 6)
    for stack in stacks.DEEP.values():
        assert 7.5 < sum(t / plates[material][1] for material, t, *_ in stack) < 9.5
    trained_on = {f"G4_{metal}" for metals in stacks.ABSORBERS for metal in metals}
    assert not trained_on & {material for material, *_ in stacks.FOR_TESTS["uranium"]}


def test_crossed_stacks_have_each_absorber_with_each_sensor(scripts):
    stacks = scripts["fastsim_stacks"]
    made = [stacks.drawn(number, 9, crossed=True) for number in range(24)]
    metals = [
        frozenset(plate[0] for plate in stack if len(plate) == 2 and plate[0] != "G4_AIR") for stack in made
    ]
    sensors = [next(plate[0] for plate in stack if len(plate) == 3) for stack in made]
    assert len(set(zip(metals, sensors, strict=True))) == 24
    by_number = [stacks.drawn(number, 5) for number in range(48)]
    tungsten = {
        plate[0] for stack in by_number if stack[0][0] == "G4_W" for plate in stack if len(plate) == 3
    }
    assert tungsten == {"G4_Si"}  # which is why


def test_cassettes_have_two_kinds_of_layers_in_turn_and_boards_where_asked_for(scripts):
    stacks, plates = scripts["fastsim_stacks"], importlib.import_module("geant4_materials").MATERIALS
    board = stacks.BOARD[0][0]
    for number in range(12):
        stack = stacks.alternating(number, 7)
        assert stack == stacks.alternating(number, 7)
        assert board not in {material for material, *_ in stack}
        assert sum(t / plates[material][0] for material, t, *_ in stack) > 18
        absorbers = [plate for plate in stack if plate[0] in {f"G4_{metal}" for metal in stacks.METALS}]
        assert absorbers[1][0] == absorbers[3][0]
        assert absorbers[2] == absorbers[4]
    with_boards = [stacks.alternating(number, 9, boards=True) for number in range(12)]
    assert any(board in {material for material, *_ in stack} for stack in with_boards)
