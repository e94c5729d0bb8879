"""A program equals its network, on every graph that fits, in every bit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.deploy.program.intervals import answer_range, grid_of
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.program.program import JSON, Numbers, Program
from gnnreco.errors import BadBundle, BadInput
from tests.deploy.networks import SHAPES, inputs, network


def answers(net, x, valid):
    """What the network says, exactly."""
    with torch.inference_mode():
        out = net.double()(torch.from_numpy(x), torch.from_numpy(valid)).numpy()
    return out[:, None] if net.config.kind == "nodes" else out


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("weights", ["fixed", "ternary", "binary"])
def test_a_program_equals_its_network(shape, weights):
    net = network(shape, 1, weights)
    x, valid = inputs(shape, 500, 2)
    program = lower(net)
    got = program.answer(program.ported(x), valid)
    assert np.array_equal(got, answers(net, x, valid))
    assert got.std() > 0


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([s for s in SHAPES if s != "dense"]), st.integers(0, 9), st.data())
def test_a_lowered_graph_equals_the_graph(shape, seed, data):
    """Any graph of the nodes that are there, without a buffer, gives what the full buffer gives."""
    net = network(shape, seed).double()
    slots, pairs = net.config.slots, net.config.pairs()
    on = np.array(data.draw(st.lists(st.booleans(), min_size=slots, max_size=slots)))
    x = inputs(shape, 1, data.draw(st.integers(0, 2**31)))[0] * data.draw(st.sampled_from([1.0, 10.0, 0.0]))
    program = lower(net)
    got = program.answer(program.ported(x), on[None].astype(float))[0]
    place = np.cumsum(on) - 1
    real = on[pairs].all(axis=1)
    with torch.inference_mode():
        wanted = net.graph(torch.from_numpy(x[0, on]), place[pairs[real]]).numpy()
    if net.config.kind == "nodes":
        assert np.array_equal(got[0], wanted)
    elif net.config.kind == "slots":
        assert np.array_equal(got[:-1][on], wanted[:-1])
        assert np.array_equal(got[-1], wanted[-1])
        assert not got[:-1][~on].any()
    else:
        assert np.array_equal(got[real], wanted)
        assert not got[~real].any()


@pytest.mark.parametrize("shape", ["pairs", "senders"])
def test_the_order_of_nodes_does_not_matter(shape):
    program = lower(network(shape, 3))
    x, valid = inputs(shape, 50, 4)
    order = np.random.default_rng(5).permutation(x.shape[1])
    straight, turned = (
        program.answer(program.ported(a), v) for a, v in ((x, valid), (x[:, order], valid[:, order]))
    )
    assert np.array_equal(straight, turned)


def test_each_slot_keeps_its_answer_in_another_order_and_their_sum_comes_last():
    program = lower(network("slots", 3))
    x, valid = inputs("slots", 50, 4)
    order = np.random.default_rng(5).permutation(x.shape[1])
    straight, turned = (
        program.answer(program.ported(a), v) for a, v in ((x, valid), (x[:, order], valid[:, order]))
    )
    assert np.array_equal(straight[:, :-1][:, order], turned[:, :-1])
    assert np.array_equal(straight[:, -1], turned[:, -1])
    assert np.array_equal(straight[:, :-1].sum(axis=1), straight[:, -1])
    assert straight.std() > 0


@pytest.mark.parametrize("shape", SHAPES)
def test_no_answer_leaves_its_range(shape):
    program = lower(network(shape, 6))
    found = answer_range(program)
    x, valid = inputs(shape, 2000, 7)
    out = program.answer(program.ported(x * 100), valid).reshape(2000, *found.low.shape)
    assert (found.low <= out.min(axis=0)).all()
    assert (out.max(axis=0) <= found.high).all()
    scaled = out * np.exp2(found.fraction.astype(float))
    assert np.array_equal(scaled, np.round(scaled))


def test_ports_hold_what_is_too_large_and_refuse_what_is_no_number():
    net = network("dense", 8)
    program = lower(net)
    far = np.array([[1e9, -1e9, 3e38], [-1e9, 1e9, -3e38]])
    assert np.array_equal(program.answer(program.ported(far)), answers(net, far, np.zeros((2, 0))))
    with pytest.raises(BadInput, match=r"row 1.*not finite"):
        program.ported(np.array([[0.0, 0.0, 0.0], [0.0, np.nan, 0.0]]))


def test_an_empty_buffer_has_an_answer():
    for shape in ("pairs", "senders", "slots"):
        net = network(shape, 9)
        x, none = np.zeros((1, net.config.slots, 3)), np.zeros((1, net.config.slots))
        program = lower(net)
        assert np.array_equal(program.answer(program.ported(x), none), answers(net, x, none))


def test_float_weights_have_no_program():
    with pytest.raises(BadBundle, match="float weights"):
        lower(network("dense", 0, "float"))


def test_too_long_sums_are_refused():
    net = network("dense", 0)
    with torch.no_grad():
        net.answer.bias[0] = 2.0**60
    with pytest.raises(BadBundle, match="more than the 53"):
        answer_range(lower(net))


def test_a_program_survives_the_disk(tmp_path: Path):
    program = lower(network("edges", 2))
    program.save(tmp_path)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    again = Program.load(tmp_path)
    again.save(tmp_path)
    assert before == {f.name: f.read_bytes() for f in tmp_path.iterdir()}
    x, valid = inputs("edges", 20)
    assert np.array_equal(again.answer(again.ported(x), valid), program.answer(program.ported(x), valid))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda head: head["ops"][0].update(kind="exec"), "'exec', which no program has"),
        (lambda head: head["ops"][1].update(inputs=[40]), "not there yet"),
        (lambda head: head["ops"][2].update(arrays=[]), "has not the arrays"),
        (lambda head: head["ops"][2].update(inputs=[]), r"operation 2 .dense. reads 0 values, and needs 1"),
        (lambda head: head.pop("slots"), "setting .slots. has no value"),
    ],
)
def test_a_changed_program_is_refused(tmp_path: Path, change, why):
    lower(network("dense")).save(tmp_path)
    head = json.loads((tmp_path / JSON).read_text())
    change(head)
    (tmp_path / JSON).write_text(json.dumps(head))
    with pytest.raises(BadBundle, match=why):
        Program.load(tmp_path)


def test_cut_rounds_down_and_holds():
    cut = Numbers().cut(
        np.array([[0.99, -0.01, 5.0, 7.0]]), *np.array([[0, 1, 0, 0], [0, 1, 2, -3], [2, 2, 1, 3]])
    )
    assert cut.tolist() == [[0.75, -0.25, 3.5, 0.0]]


def test_grids_of_dyadic_numbers():
    assert grid_of(np.array([0.0, 1.0, 0.5, -0.75, 12.0])).tolist() == [0, 0, 1, 2, -2]
