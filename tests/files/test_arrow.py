"""Numbers and words between numpy and Arrow, without pandas."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from gnnreco.files.arrow import array_of, as_type, numbers_of, texts_of, words_of


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


def test_texts_stand_as_such_or_in_a_dictionary() -> None:
    for kind in (pa.string(), pa.binary(), pa.dictionary(pa.int32(), pa.binary())):
        column = pa.chunked_array([[b"a", b"", b"a"], [], ["Größe".encode()]], pa.binary())
        words = texts_of(column.cast(kind))
        assert words.dtype == object
        assert words.tolist() == column.cast(kind).to_pylist()
    assert texts_of(pa.chunked_array([], pa.string())).tolist() == []


def test_a_type_that_fits_is_left_alone() -> None:
    column = pa.array([1, 2])
    assert as_type(column, pa.int64()) is column
    assert as_type(column, pa.float64()).equals(pa.array([1.0, 2.0]))


def test_pandas_stays_where_it_is() -> None:
    script = (
        "import sys; import numpy as np; from gnnreco.files.arrow import *\n"
        "texts_of(pa.chunked_array([words_of(['a'])])); as_type(array_of(np.arange(3.0)), pa.float64())\n"
        "numbers_of(array_of(np.arange(3))); print([n for n in ('pandas', 'pyarrow.compute') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
