"""A kernel's sum changes with all that its machine code is made from, and with nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import typeof

from gnnreco.kernels import njit
from gnnreco.kernels.content import Unknown, kernel_sum, types_text

TEXT = '''
import numpy as np
from gnnreco.kernels import njit
{constants}
@njit(cache=True, error_model="{model}")
def callee(x):
    """{words}"""
    return {callee}

@njit(cache=True)
def kernel(x):
    return callee(x) + STEP * TABLE[0] + AXES[1]
'''
PLAIN = {
    "constants": "STEP, TABLE, AXES, UNUSED = 2.0, np.ones(2), (0, 1), 1\n",
    "model": "numpy",
    "words": "Twice.",
    "callee": "2 * x",
}


def sum_of(folder: Path, **changes: str) -> str:
    """The sum of `kernel` in a module that is written from TEXT, with changes."""
    file = folder / f"kernels{len(list(folder.iterdir()))}.py"
    file.write_text(TEXT.format(**PLAIN | changes))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return kernel_sum(module.kernel)


@pytest.mark.parametrize(
    "changes",
    [
        {"callee": "3 * x"},
        {"callee": "np.sqrt(x)"},
        {"model": "python"},
        {"constants": "STEP, TABLE, AXES = 2, np.ones(2), (0, 1)"},
        {"constants": "STEP, TABLE, AXES = 2.0, np.zeros(2), (0, 1)"},
        {"constants": "STEP, TABLE, AXES = 2.0, np.ones(2), (0, 2)"},
        {"constants": "STEP, TABLE, AXES = 2.0, np.ones(2, np.float32), (0, 1)"},
    ],
)
def test_it_changes_with_callees_options_and_constants(changes: dict[str, str], tmp_path: Path) -> None:
    assert sum_of(tmp_path, **changes) != sum_of(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"words": "Two times."},
        {"constants": "\n\nSTEP, TABLE, AXES, UNUSED = 2.0, np.ones(2), (0, 1), 3\n"},
    ],
)
def test_it_does_not_change_with_words_lines_and_what_is_not_used(
    changes: dict[str, str], tmp_path: Path
) -> None:
    assert sum_of(tmp_path, **changes) == sum_of(tmp_path)


class Flat(NamedTuple):
    u: float
    v: float


class Turned(NamedTuple):
    v: float
    u: float


def test_types_tell_the_order_of_the_fields_of_tuples() -> None:
    flat, turned = typeof((Flat(0.0, 1.0), 2)), typeof((Turned(0.0, 1.0), 2))
    assert types_text([flat]) != types_text([turned])
    assert types_text([flat]) == types_text([flat])


def test_types_tell_kernels_by_what_they_are_and_not_by_where_they_lie_in_memory() -> None:
    def made(factor: int) -> Any:
        return njit(cache=True)(lambda x: factor * x)

    assert types_text([typeof(made(2))]) == types_text([typeof(made(2))])
    assert types_text([typeof(made(2))]) != types_text([typeof(made(3))])


def test_a_kernel_with_a_value_of_an_unknown_kind_is_not_kept() -> None:
    box = np.array([object()])

    @njit(cache=True)
    def kernel() -> Any:
        return box

    with pytest.raises(Unknown):
        kernel_sum(kernel)
    assert kernel._cache._index_key((), None) is None
