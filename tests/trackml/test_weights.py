"""Weights of hits: those of the challenge's library and of its files; this also on pandas 3, where the library fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gnnreco.trackml import weights
from gnnreco.trackml.weights import weight_hits_phase1, weight_hits_phase2, weight_order, weight_pt

PHASES = {"weight_hits_phase1": weight_hits_phase1, "weight_hits_phase2": weight_hits_phase2}


@pytest.mark.parametrize("name", PHASES)
def test_weights_of_the_library(
    name: str, truth: pd.DataFrame, particles: pd.DataFrame, library: dict[str, Any]
) -> None:
    found = PHASES[name](truth, particles)
    given = library["weights"][name]
    assert list(found) == given["columns"]
    for column in ("ihit", "particle_nhits"):
        assert found[column].dtype == np.int32
        assert found[column][::500].tolist() == given[column]
    for column in ("weight_order", "weight"):
        assert found[column][::500].tolist() == pytest.approx(given[column], rel=1e-12)
    assert found["weight"].sum() == pytest.approx(1)
    assert (found["weight"][truth["particle_id"] == weights.INVALID_PARTICLED_ID] == 0).all()


def test_the_file_holds_the_weights_of_the_throughput_phase(
    truth: pd.DataFrame, particles: pd.DataFrame
) -> None:
    # the file is a part of an event, and its weights are of the whole: the same but for one factor
    found = weight_hits_phase2(truth, particles)["weight"]
    assert ((found > 0) == (truth["weight"] > 0)).all()
    ratio = (found / truth["weight"])[found > 0]
    assert np.mean(np.abs(ratio / ratio.median() - 1) < 1e-3) > 0.99


def test_secondaries_weigh_nothing_in_the_throughput_phase(
    truth: pd.DataFrame, particles: pd.DataFrame
) -> None:
    one, two = weight_hits_phase1(truth, particles), weight_hits_phase2(truth, particles)
    secondary = two["generation"] > 0
    assert secondary.any()
    assert (two["weight"][secondary] == 0).all()
    assert (one["weight"][secondary] > 0).any()


def test_weights_made_again_are_the_same_and_tables_stay_as_they_are(
    truth: pd.DataFrame, particles: pd.DataFrame
) -> None:
    before = truth.copy(), particles.copy()
    once = weight_hits_phase2(truth, particles)
    again = weight_hits_phase2(once, particles)
    pd.testing.assert_frame_equal(again[list(once)], once)
    for table, was in zip((truth, particles), before, strict=True):
        pd.testing.assert_frame_equal(table, was)


def test_hits_and_particles_in_any_order(truth: pd.DataFrame, particles: pd.DataFrame) -> None:
    straight = weight_hits_phase1(truth, particles).set_index("hit_id")["weight"]
    mixed = weight_hits_phase1(truth.sample(frac=1, random_state=1), particles.sample(frac=1, random_state=2))
    pd.testing.assert_series_equal(mixed.set_index("hit_id")["weight"].loc[straight.index], straight)


def one_particle(hits: int, **changed: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    truth = pd.DataFrame({"hit_id": range(hits), "particle_id": 5, "tz": np.arange(hits, dtype=float)})
    row = {"particle_id": 5, "vz": 0.0, "px": 5.0, "py": 0.0, "nhits": hits}
    return truth, pd.DataFrame([row | changed])


def test_hits_at_the_same_place_share_the_lower_position() -> None:
    truth, particles = one_particle(5)
    found = weight_hits_phase1(truth.assign(tz=[0.0, 1.0, -1.0, 2.0, 3.0]), particles)
    assert found["ihit"].tolist() == [0, 1, 1, 3, 4]


def test_fewer_than_four_hits_weigh_nothing() -> None:
    found = weight_hits_phase1(*one_particle(3))
    assert found["weight"].tolist() == [0, 0, 0]


def test_hits_beyond_the_twentieth_weigh_nothing_and_that_is_said() -> None:
    with pytest.warns(UserWarning, match="2 hits beyond the 20th"):
        found = weight_hits_phase1(*one_particle(22))
    assert found["weight"].sum() == pytest.approx(1)
    assert found["weight"].tolist()[20:] == [0, 0]


def test_particles_of_another_event_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"hit 5 .from 0 on. of a particle with 5 hits: .* not those of this truth"
    ):
        weight_hits_phase1(*one_particle(8, nhits=5))


def test_a_particle_listed_twice_is_refused() -> None:
    truth, particles = one_particle(8)
    with pytest.raises(pd.errors.MergeError, match="particle_id 5 stands again in the particles"):
        weight_hits_phase1(truth, pd.concat([particles, particles]))
    with pytest.raises(KeyError, match="particles has no column 'nhits'"):
        weight_hits_phase2(truth, particles.drop(columns="nhits"))


def test_the_order_of_a_hit() -> None:
    assert weights.ORDER_MATRIX.shape == (21, 20)
    assert weights.ORDER_MATRIX[4:].sum(axis=1) == pytest.approx(1)
    assert weight_order((0, 9)) == pytest.approx(10 / 49)  # the nine worths of the proposal, as they are
    assert isinstance(weight_order((0, 9)), float)
    assert weight_order((0, 3)) == 0
    assert weight_order((np.array([0, 1]), np.array([4, 4]))).tolist() == weights.ORDER_MATRIX[4, :2].tolist()
    with pytest.raises(ValueError, match="hit 4"):
        weight_order((4, 4))


def test_the_weight_rises_with_transverse_momentum() -> None:
    assert weight_pt(np.array([0.01, 0.05, 0.5, 1.75, 3, 50])) == pytest.approx([0, 0.2, 0.2, 0.6, 1, 1])
    assert weight_pt(1.0, pt_inf=0, pt_sup=2, w_min=0, w_max=4) == 2


def test_the_table_of_orders_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    weights.print_order_weight_matrix("# ")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 22
    assert all(line.startswith("# ") for line in lines)
    assert lines[-1].split("|")[1].split()[:2] == ["9", "9"]
