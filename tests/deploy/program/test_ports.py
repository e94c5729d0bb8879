"""Vectors come back from their hexadecimal text; the order of bits is the one that io.json states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.program.ports import Form, Ports, ports_of
from gnnreco.errors import BadInput
from tests.deploy.networks import network

forms = st.builds(Form, st.integers(0, 1), st.integers(-3, 12), st.integers(4, 20))


@given(
    st.lists(forms, min_size=1, max_size=5),
    forms,
    st.integers(0, 4),
    st.integers(1, 4),
    st.integers(0, 2**31),
)
def test_numbers_survive_the_text(features, answer, slots, answers, seed):
    rng, n = np.random.default_rng(seed), 7
    ports = Ports(slots, tuple(features), answer, answers)

    def drawn(form, *shape):
        low = -form.signed * 2 ** (form.bits - 1)
        return rng.integers(low, low + 2**form.bits, shape)

    shape = (n, slots) if slots else (n,)
    x = np.stack([drawn(f, *shape) for f in features], axis=-1)
    valid = rng.integers(0, 2, (n, slots)).astype(float) if slots else None
    again, on = ports.unpack_inputs(ports.pack_inputs(x, valid))
    assert np.array_equal(again, x)
    assert (on is None) if valid is None else np.array_equal(on, valid)
    integers = drawn(answer, n, answers)
    values = integers / 2.0**answer.fraction
    assert np.array_equal(ports.unpack_answers(ports.pack_answers(values)), integers)


def test_the_first_number_is_the_least_significant():
    ports = Ports(2, (Form(0, 4, 0), Form(1, 7, 0)), Form(1, 3, 0), 2)
    x = np.array([[[0x1, -1], [0x2, 0x35]]])
    # valid of slots 1 and 0, then slot 1's second feature, its first, slot 0's second, its first.
    assert ports.pack_inputs(x, np.array([[0.0, 1.0]])) == ["2" + "352" + "ff1"]
    assert ports.pack_answers(np.array([[1.0, -1.0]])) == ["f1"]


def test_a_description_gives_the_ports_back():
    program = lower(network("pairs"))
    features = tuple(Form(*map(int, f)) for f in zip(program.signed, program.integer, program.fraction))
    ports = Ports(program.slots, features, Form(1, -2, 9), 5)
    told = ports.describe(program)
    assert ports_of(told, program) == ports
    assert [(f["offset"], f["scale"]) for f in told["features"]] == [(0.5, 2.0), (-2.0, 0.25), (0.0, 1.0)]


@pytest.mark.parametrize("lines", [["12", "123"], ["1g"], [""]])
def test_text_that_is_no_vector_is_refused(lines):
    with pytest.raises(BadInput, match="hexadecimal"):
        Ports(0, (Form(0, 8, 0),), Form(0, 8, 0), 1).unpack_inputs(lines)


def test_valid_must_fit_the_slots():
    with pytest.raises(BadInput, match="each of the 2 slots"):
        Ports(2, (Form(0, 8, 0),), Form(0, 8, 0), 1).pack_inputs(np.zeros((1, 2, 1), np.int64), None)
