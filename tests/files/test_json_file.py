"""JSON of others is read strictly: what two readers could understand differently is refused, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.errors import BadInput
from gnnreco.files.json_file import parse_json, read_json


def test_json_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "a.json").write_bytes(mark + '{"a": [1, 2.5, null, "µ"]}'.encode())
        assert read_json(tmp_path / "a.json") == {"a": [1, 2.5, None, "µ"]}
    assert parse_json("\ufeff[true]", "a.json") == [True]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is there twice"),
        (b"[NaN]", "NaN, which JSON has not"),
        (b"[-Infinity]", "-Infinity, which JSON has not"),
        (b"[1e999]", "the number 1e999 is larger"),
        (b"[" + b"9" * 5000 + b"]", "digits"),
        (b'["\xff"]', "byte 2: is not UTF-8"),
        (b"[" * 200_000, "nested too deep"),
        (b'[1,\n2,\n"a" "b"]', "line 3: is not JSON"),
        (b"", "line 1: is not JSON"),
    ],
)
def test_what_could_be_misread_is_refused(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_bytes(data)
    with pytest.raises(BadInput, match=r"bad\.json: ") as caught:
        read_json(tmp_path / "bad.json")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_large_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_json(tmp_path / "none.json")
    (tmp_path / "large.json").write_text("[1, 2, 3]")
    with pytest.raises(BadInput, match="more than 4 bytes"):
        read_json(tmp_path / "large.json", most=4)
