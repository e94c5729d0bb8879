"""Arithmetic in foreign descriptions: the values that Python itself gives, and nothing that runs."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gnnreco.geometry.importers.drawings.arithmetic import LONGEST, evaluate

NAMES = {"a": 1.75, "b": -3.0}
Pair = tuple[str, float]  # an expression and its value
LEAF = st.one_of(
    st.integers(1, 99).map(lambda n: (str(n), float(n))),
    st.floats(0.1, 9.0).map(lambda x: (f"{x:.3f}", float(f"{x:.3f}"))),
    st.sampled_from(sorted(NAMES)).map(lambda name: (name, NAMES[name])),
)
TWO: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "min": min,
    "max": max,
    "atan2": math.atan2,
}
ONE: dict[str, Callable[[float], float]] = {
    "-": operator.neg,
    "sin": math.sin,
    "cos": math.cos,
    "abs": abs,
    "atan": math.atan,
}


def joined(name: str, x: Pair, y: Pair) -> Pair:
    text = f"({x[0]} {name} {y[0]})" if len(name) == 1 else f"{name}({x[0]}, {y[0]})"
    return text, math.nan if name == "/" and y[1] == 0 else TWO[name](x[1], y[1])


EXPRESSION = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds(joined, st.sampled_from(sorted(TWO)), inner, inner),
        st.builds(lambda name, x: (f"{name}({x[0]})", ONE[name](x[1])), st.sampled_from(sorted(ONE)), inner),
    ),
    max_leaves=8,
)


@given(EXPRESSION)
def test_values_are_those_of_python(drawn: Pair) -> None:
    text, expected = drawn
    assume(abs(expected) < 1e15)  # false for NaN, too
    assert evaluate(text, NAMES) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2^3^2", 512.0),
        ("2**3", 8.0),
        ("-2^2", -4.0),
        ("7 % 4", 3.0),
        ("-7 % 4", -3.0),
        ("005 + 0.5", 5.5),
        ("007.5", 7.5),
        ("pow(2, 10)", 1024.0),
        ("floor(2.7) + ceil(2.1)", 5.0),
        ("m[1,2] + v[2]", 30.0),
        ("m[1, 1+1]", 20.0),
        (" 1 ", 1.0),
        ("log10(1000)", 3.0),
        ("fabs(-2)", 2.0),
    ],
)
def test_as_foreign_files_write_it(text: str, value: float) -> None:
    assert evaluate(text, {"m[1,2]": 20.0, "v[2]": 10.0}) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [("a+", "is not an arithmetic expression"), ("", "is not an arithmetic expression"), ("c", "'c' is not defined before this line"),
     ("m[3]", r"'m\[3\]' is not defined"), ("1/0", "cannot be computed"), ("sqrt(-1)", "."), ("exp(1000)", "cannot be computed"),
     ("1e300*1e300", "not finite"), ("9e15", "larger than"), ("'x'", "no arithmetic"), ("f(2)", "the function 'f' is not known"),
     ("__import__('os')", "not known"), ("a.real", "no arithmetic"), ("[1][0]", "no arithmetic"), ("a if a else 1", "no arithmetic"),
     ("sin(x=1)", "no arithmetic"), ("sin(1, 2)", "cannot be computed"), ("1" * (LONGEST + 1), "characters is refused"),
     ("True and a", "no arithmetic"), ("(lambda: 1)()", "no arithmetic")],
)  # fmt: skip
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        evaluate(text, {"a": 1.0})
