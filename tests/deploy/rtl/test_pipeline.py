"""The logic that becomes Verilog equals its program in every bit; its Verilog is the same each time."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.deploy.budget import Budget, advise, choose, fit, layers
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.program.program import Op, Program
from gnnreco.deploy.program.symbols import CHEAPEST, FASTEST, trace
from gnnreco.deploy.rtl.pipeline import LOGIC_SHARE, build
from gnnreco.errors import BadBundle, BadConfig
from tests.deploy.networks import SHAPES, inputs, network


def logic_answers(logic, program, ports, valid):
    """What alkaid's interpreter makes of integers at the ports."""
    values = (ports / np.exp2(program.fraction)).reshape(len(ports), -1)
    if program.slots:
        values = np.concatenate([values, valid], axis=1)
    return logic.predict(values)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("levels", [CHEAPEST, FASTEST])
@pytest.mark.parametrize("size", [1.0, 30.0])  # 30: nearly all ports and channels are held at their ends
def test_the_logic_equals_the_program(shape, levels, size):
    program = lower(network(shape, 1))
    x, valid = inputs(shape, 400, 2)
    ports = program.ported(x * size)
    wanted = program.answer(ports, valid).reshape(400, -1)
    assert np.array_equal(logic_answers(trace(program, levels), program, ports, valid), wanted)
    assert wanted.std() > 0


form = st.tuples(st.integers(0, 1), st.integers(-4, 5), st.integers(-2, 5))


@settings(max_examples=150)
@given(st.lists(form, min_size=1, max_size=4), form, st.booleans())
def test_any_cut_is_the_cut_of_its_program(cuts, port, products):
    """Every number that a port can hold, through any formats: with no bits, finer, coarser, above, below."""
    signed, integer, fraction = port[0], port[1], max(port[2], 1 - port[0] - port[1])
    ops: list[Op] = []
    for cut in cuts:
        names = ("signed", "integer", "fraction")
        ops.append(Op("cut", (len(ops),), {k: np.array([v]) for k, v in zip(names, cut)}))
        if products:
            ops.append(Op("dense", (len(ops),), {"weight": np.array([[-0.75]]), "bias": np.array([0.375])}))
    program = Program(0, *(np.array([v]) for v in (signed, integer, fraction)), tuple(ops))
    width = signed + integer + fraction
    ports = (np.arange(2**width) - signed * 2 ** (width - 1))[:, None]
    wanted = program.answer(ports)
    assert np.array_equal(logic_answers(trace(program), program, ports, None), wanted.reshape(len(ports), -1))


def test_the_same_program_gives_the_same_verilog():
    program = lower(network("senders", 1))
    first, again = (build(program, "tag", 5.0) for _ in range(2))
    assert first.sources == again.sources
    assert list(first.sources) == ["tag_core.v", "tag_operators.v", "tag.v"]
    modules = re.findall(r"^module (\w+)", "\n".join(first.sources.values()), re.MULTILINE)
    assert len(set(modules)) == len(modules)
    assert all(m.startswith("tag") for m in modules)


def test_a_shorter_clock_has_more_stages():
    program = lower(network("pairs", 1))
    slow, fast = (build(program, "tag", clock) for clock in (10.0, 2.5))
    assert fast.latency > slow.latency
    assert fast.registers > slow.registers
    assert fast.delay_ns <= LOGIC_SHARE * 2.5


def test_answers_that_never_change_are_no_firmware():
    net = network("dense")
    with torch.no_grad():
        net.answer.weight.zero_()
    with pytest.raises(BadBundle, match="same answer to every input"):
        build(lower(net), "tag", 5.0)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "1st",
        "a b",
        "a;rm -rf",
        "$(x)",
        "../up",
        "a-b",
        "naïve",
        "module",
        "reg",
        "x" * 65,
        "answer",
        "a\n",
    ],
)
def test_names_that_verilog_or_a_shell_would_choke_on(name):
    with pytest.raises(BadConfig, match="name '"):
        check_name(name)


@pytest.mark.parametrize("clock", [0.0, -1.0, np.nan, np.inf, 1e-9, 0.01, 0.3, 1e4])
def test_a_clock_without_a_period(clock):
    with pytest.raises(BadConfig, match="must be 1 to 1000 ns"):
        build(lower(network("dense")), "tag", clock)
    with pytest.raises(BadConfig, match="must be 1 to 1000 ns"):
        Budget(clock_ns=clock)


def test_a_budget_says_what_would_fit():
    program = lower(network("pairs", 1))
    design, fits = choose(program, "tag", Budget())
    assert fits.fits
    assert not fits.advice
    tight = Budget(ns=design.latency * 5.0, luts=int(design.luts * 0.55))
    found = fit(program, design, tight, design.luts, "test")
    assert [row["fits"] for row in found.rows] == [True, False]
    # 55 % of the LUTs: 3 * 2 pairs of 4 * 3 would fit, to the whole slot.
    assert "train it to 55% of its cost" in found.advice[0]
    assert "about 3 slots instead of 4" in found.advice[1]
    (late,) = advise(program, design, Budget(ns=design.latency * 5.0 - 1), design.luts)
    assert late.startswith("latency: 1.0 ns too many")


def test_too_slow_sums_become_trees():
    program = lower(network("dense", 3, bits=7.0))
    cheap, fast = (build(program, "tag", 1.5, levels) for levels in (CHEAPEST, FASTEST))
    assert fast.latency < cheap.latency
    chosen, fits = choose(program, "tag", Budget(ns=fast.latency * 1.5, clock_ns=1.5))
    assert chosen.levels == FASTEST
    assert fits.fits


def test_layers_follow_one_another():
    assert layers(lower(network("dense"))) == 3
    assert layers(lower(network("pairs"))) == 5
