"""Numbers and words between numpy and Arrow, without pandas."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from gnnreco.files.arrow import array_of, numbers_of, words_of


@pytest.mark.parametrize("kind", ["int8", "uint16", "int32", "int64", "uint64", "float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_numbers_go_there_and_back(kind: str, n: int) -> None:
    values = np.arange(n).astype(kind)
    there = array_of(values)
    assert there.equals(pa.array(values))
    back = numbers_of(pa.chunked_array([there[:1], there[1:]]))
    assert back.dtype == values.dtype
    assert back.tolist() == values.tolist()
    assert numbers_of(there[2:]).tolist() == values[2:].tolist()


def test_every_other_number() -> None:
    assert array_of(np.arange(6.0)[::2]).to_pylist() == [0.0, 2.0, 4.0]


def test_what_is_no_plain_number_is_refused() -> None:
    with pytest.raises(TypeError, match="bool"):
        array_of(np.array([True]))
    with pytest.raises(ValueError, match="1 gaps among 2 numbers"):
        numbers_of(pa.array([1, None]))


def test_words() -> None:
    for words in ([], ["a", "", "Größe"]):
        column = words_of(words)
        column.validate(full=True)
        assert column.to_pylist() == words


def test_pandas_stays_where_it_is() -> None:
    script = (
        "import sys; import numpy as np; from gnnreco.files.arrow import *\n"
        "numbers_of(array_of(np.arange(3))); words_of(['a']); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
