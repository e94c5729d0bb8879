"""The table of particles: what decays conserve, and what the gun's words mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.errors import BadConfig
from gnnreco.particles import (
    DECAYS,
    ELECTRON,
    GUN,
    HADRON,
    INVISIBLE,
    MUON,
    PHOTON,
    SECONDARIES,
    gun_codes,
    species_of,
)

BOTH = sorted(set(DECAYS) | {-code for code in DECAYS if code not in (111, 310)})


@pytest.mark.parametrize("pdg", BOTH)
def test_decays_conserve_charge_and_have_energy_for_their_daughters(pdg: int) -> None:
    table = species_of([pdg])
    row = table.rows(np.array([pdg]))[0]
    one, two = table.daughters[row]
    assert table.charge[row] == pytest.approx(table.charge[one] + table.charge[two])
    assert table.mass[row] > table.mass[one] + table.mass[two]
    assert 0 < table.ctau[row] < np.inf


@pytest.mark.parametrize(
    ("pdg", "ctau", "mass"),  # mm and GeV: PDG listings
    [(211, 7804.5, 0.13957), (321, 3711.0, 0.49368), (310, 26.84, 0.49761), (3122, 78.9, 1.11568)],
)
def test_lifetimes_and_masses_are_the_listed_ones(pdg: int, ctau: float, mass: float) -> None:
    table = species_of([pdg])
    row = table.rows(np.array([pdg]))[0]
    assert table.ctau[row] == pytest.approx(ctau, rel=0.01)
    assert table.mass[row] == pytest.approx(mass, rel=1e-4)


@given(st.lists(st.sampled_from([*BOTH, 11, -13, 22, 14, 2212, -2112, 130, 999_999]), max_size=8))
def test_the_table_holds_what_was_asked_and_all_that_may_follow(codes: list[int]) -> None:
    table = species_of(codes)
    assert tuple(table.pdg[: len(SECONDARIES)]) == SECONDARIES
    assert len(np.unique(table.pdg)) == len(table.pdg)
    np.testing.assert_array_equal(table.pdg[table.rows(np.array(codes, np.int32))], codes)
    assert table.daughters.max(initial=-1) < len(table.pdg)
    assert ((table.daughters[:, 0] < 0) == (table.daughters[:, 1] < 0)).all()
    # What has a decay has a lifetime, and nothing else has one.
    np.testing.assert_array_equal(np.isfinite(table.ctau), table.daughters[:, 0] >= 0)


@given(st.permutations([211, -321, 3122, 22]))
def test_the_order_of_the_codes_changes_nothing(codes: list[int]) -> None:
    for one, two in zip(species_of(codes), species_of(sorted(codes)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_antiparticles_decay_to_antiparticles() -> None:
    table = species_of([3122, -3122, -3322])
    held = {int(pdg): [int(table.pdg[d]) for d in table.daughters[i]] for i, pdg in enumerate(table.pdg)}
    assert held[3122] == [2212, -211]
    assert held[-3122] == [-2212, 211]
    assert held[-3322] == [-3122, 111]  # the neutral pion is its own antiparticle
    assert held[111] == [22, 22]


@pytest.mark.parametrize(
    ("pdg", "kind"),
    [
        (11, ELECTRON),
        (-11, ELECTRON),
        (13, MUON),
        (22, PHOTON),
        (-14, INVISIBLE),
        (130, HADRON),
        (2112, HADRON),
    ],
)
def test_each_meets_matter_as_its_kind_does(pdg: int, kind: int) -> None:
    table = species_of([pdg])
    assert table.kind[table.rows(np.array([pdg]))[0]] == kind


@pytest.mark.parametrize(
    "pdg", [999_999, 999_999_999]
)  # one that no table holds, one that breaks the numbering
def test_an_unknown_code_is_carried_and_never_seen(pdg: int) -> None:
    table = species_of([pdg])
    row = table.rows(np.array([pdg]))[0]
    assert (table.kind[row], table.charge[row], table.ctau[row]) == (INVISIBLE, 0.0, np.inf)


@pytest.mark.parametrize("name", GUN)
def test_the_words_of_the_gun_are_a_particle_and_its_antiparticle(name: str) -> None:
    codes = gun_codes(name)
    table = species_of(codes)
    rows = table.rows(np.array(codes))
    assert np.ptp(table.mass[rows]) == 0.0
    assert len(codes) == 1 or table.charge[rows].sum() == 0.0
    assert gun_codes(str(codes[0])) == codes[:1]


@pytest.mark.parametrize("name", ["", "muons", "999999999", "1.5"])
def test_an_unknown_word_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(BadConfig, match=r"is not known; (did you mean 'muon'|there is photon, electron)"):
        gun_codes(name)
