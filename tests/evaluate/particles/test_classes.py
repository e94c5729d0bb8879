"""Rates, bins, confusion and calibration of classes, counted by hand on tables of a few rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import PARTICLE_CLASSES
from gnnreco.evaluate.particles.classes import EDGES, FoundTable, TargetTable, class_figures
from gnnreco.statistics import clopper_pearson

CHARGED, NEUTRAL, PHOTON, ELECTRON, MUON = range(len(PARTICLE_CLASSES))
RATES = ("efficiency", "found_rate", "fake_rate", "wrong_class_rate")


def targets(
    *rows: tuple[int, float, int], counted: list[bool] | None = None, ratio: float = 1.0
) -> TargetTable:
    """(class, energy, class of what was found or -1) of each."""
    kind, energy, said = np.array(rows or np.zeros((0, 3)), float).T
    found = said >= 0
    counts = np.ones(len(kind), bool) if counted is None else np.array(counted)
    ratios = np.where(found, ratio, np.nan)
    return TargetTable(
        *(
            kind.astype(np.int64),
            energy,
            np.zeros(len(kind)),
            counts,
            found,
            said.astype(np.int64),
            ratios,
            ratios - 1,
        )
    )


def found(*rows: tuple[int, float, int], counted: list[bool] | None = None, sure: float = 1.0) -> FoundTable:
    """(class, energy, class of its target or -1) of each, with this probability of the class."""
    kind, energy, true = np.array(rows or np.zeros((0, 3)), float).T
    n, kinds = len(kind), kind.astype(np.int64)
    counts = np.ones(n, bool) if counted is None else np.array(counted)
    probability = np.full((n, len(PARTICLE_CLASSES)), (1 - sure) / 4)
    probability[np.arange(n), kinds] = sure
    return FoundTable(
        kinds, energy, np.zeros(n), counts, true.astype(np.int64), probability, np.full(n, sure)
    )


def figures(mine: TargetTable, theirs: FoundTable) -> dict[str, Any]:
    return class_figures(mine, theirs)


def test_each_rate_is_the_one_that_its_definition_says() -> None:
    """Four photons: one right, one taken for a hadron, two lost. Five found ones: two right ones, one other, two fakes."""
    mine = targets((PHOTON, 5, PHOTON), (PHOTON, 5, NEUTRAL), (PHOTON, 5, -1), (PHOTON, 1, -1))
    theirs = found(
        (PHOTON, 5, PHOTON), (PHOTON, 1, PHOTON), (PHOTON, 5, NEUTRAL), (PHOTON, 5, -1), (PHOTON, 5, -1)
    )
    out = figures(mine, theirs)["classes"]["photon"]
    assert [out[name] for name in RATES] == [1 / 4, 2 / 4, 2 / 5, 1 / 5]
    assert (out["targets"], out["found_particles"]) == (4, 5)
    hard = out["above_2_gev"]
    assert [hard[name] for name in RATES] == [1 / 3, 2 / 3, 2 / 4, 1 / 4]
    assert out["efficiency_interval"] == clopper_pearson(1, 4).tolist()


def test_what_is_not_counted_enters_no_rate_but_its_bin_of_energy() -> None:
    mine = targets((MUON, 0.3, MUON), (MUON, 30, MUON), counted=[False, True])
    theirs = found((MUON, 0.3, -1), (MUON, 30, MUON), counted=[False, True])
    out = figures(mine, theirs)["classes"]["muon"]
    assert (out["efficiency"], out["fake_rate"], out["targets"]) == (1.0, 0.0, 1)
    low = int(np.digitize(0.3, EDGES["energy"])) - 1
    assert (out["bins"]["energy"]["targets"][low], out["bins"]["energy"]["fake_rate"][low]) == (1, 1.0)
    assert sum(out["bins"]["eta"]["targets"]) == 1


@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(0.1, 900), st.integers(-1, 4)), max_size=30),
    st.lists(st.tuples(st.integers(0, 4), st.floats(0.1, 900), st.integers(-1, 4)), max_size=30),
)
@settings(max_examples=6)
def test_sums_over_classes_bins_and_the_confusion_are_all_there_is(
    rows: list[Any], others: list[Any]
) -> None:
    mine, theirs = targets(*rows), found(*others)
    out = figures(mine, theirs)
    classes = out["classes"].values()
    for key, total in (("targets", len(rows)), ("found_particles", len(others))):
        assert out[key] == sum(c[key] for c in classes) == total
    for name, c in out["classes"].items():
        inside = [e for k, e, _ in rows if k == PARTICLE_CLASSES.index(name) and e >= EDGES["energy"][0]]
        assert sum(c["bins"]["energy"]["targets"]) == len(inside)
    counts = np.array(out["confusion"]["counts"])
    assert counts[:-1].sum() == len(rows)
    assert counts[-1, :-1].sum() == sum(true < 0 for _, _, true in others)
    assert counts[-1, -1] == 0
    right = sum(counts[k, k] for k in range(len(PARTICLE_CLASSES)))
    assert out["efficiency"] == (right / len(rows) if rows else None)


def test_energies_are_of_those_that_were_found_with_their_class() -> None:
    """Twice as much energy for those taken for hadrons does not move the response of photons."""
    one = targets(*[(PHOTON, 5, PHOTON)] * 8, ratio=1.1)
    two = targets(*[(PHOTON, 5, NEUTRAL)] * 8, ratio=2.0)
    out = figures(TargetTable.joined([one, two]), FoundTable.empty())["classes"]["photon"]
    assert out["response"] == pytest.approx(1.1)
    assert out["resolution"] == pytest.approx(0)
    assert out["pull_bias"] == pytest.approx(0.1)


def test_tables_of_events_are_joined_in_order_and_none_is_empty() -> None:
    both = TargetTable.joined([targets((MUON, 1, -1)), targets(), targets((PHOTON, 2, PHOTON))])
    assert (both.kind.tolist(), both.energy.tolist()) == ([MUON, PHOTON], [1.0, 2.0])
    assert both.right.tolist() == [False, True]
    nothing = figures(TargetTable.joined([]), FoundTable.joined([]))
    assert (nothing["targets"], nothing["efficiency"], nothing["class_ece"]) == (0, None, None)
    assert nothing["classes"]["photon"]["response"] is None


@pytest.mark.parametrize(("sure", "ece"), [(0.75, 0.0), (0.95, 0.2)])
def test_probabilities_are_compared_with_what_is_right(sure: float, ece: float) -> None:
    """Of four found photons three are photons."""
    rows = [(PHOTON, 5.0, PHOTON)] * 30 + [(PHOTON, 5.0, NEUTRAL)] * 10
    out = figures(TargetTable.empty(), found(*rows, sure=sure))
    assert out["class_ece"] == pytest.approx(ece, abs=1e-9)
    assert out["calibration"]["ece"] == pytest.approx(ece, abs=1e-9)
    hadron = out["class_calibration"]["by_class"]["neutral_hadron"]
    assert hadron["ece"] == pytest.approx(abs(0.25 - (1 - sure) / 4), abs=1e-9)


def test_fakes_count_against_the_score_and_not_against_the_class() -> None:
    rows = [(PHOTON, 5.0, PHOTON)] * 10 + [(PHOTON, 5.0, -1)] * 10
    out = figures(TargetTable.empty(), found(*rows))
    assert out["class_ece"] == pytest.approx(0)
    assert out["calibration"]["ece"] == pytest.approx(0.5)


def test_a_probability_that_is_no_number_is_left_out_of_the_calibration_of_classes() -> None:
    theirs = found((PHOTON, 5, PHOTON), (PHOTON, 5, PHOTON))
    theirs.probability[0] = np.nan
    assert figures(TargetTable.empty(), theirs)["class_ece"] == pytest.approx(0)
