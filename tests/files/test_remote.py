"""Files on other machines: parts of them, whole copies, and machines that stall, break off, refuse or change a file."""

from __future__ import annotations

import hashlib
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnnreco.errors import BadInput, MissingTool
from gnnreco.files import remote_copy
from gnnreco.files.remote import RemoteFile, located
from tests.web import Web, serving

pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")
SIZE = 3_000_000


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server with one file of random bytes, and a program of little patience."""
    monkeypatch.setattr(remote_copy, "ANSWER_S", 2.0)
    monkeypatch.setattr(remote_copy, "PAUSE_S", 0.01)
    (tmp_path / "some file.bin").write_bytes(random.Random(1).randbytes(SIZE))
    with serving(tmp_path) as web:
        yield web
    remote_copy.forget_all()


def of(web: Web) -> tuple[RemoteFile, bytes]:
    """The file as seen from here, and its content."""
    file = located(f"{web.address}/some file.bin")
    assert isinstance(file, RemoteFile)
    return file, (web.folder / file.name).read_bytes()


def test_only_the_parts_that_are_read_travel(web: Web) -> None:
    file, data = of(web)
    assert (file.name, file.suffix, file.stat().st_size) == ("some file.bin", ".bin", SIZE)
    with file.open("rb") as stream:
        stream.seek(-100, os.SEEK_END)
        assert stream.read() == data[-100:]
        stream.seek(10)
        assert stream.read(1000) == data[10:1010]
    assert web.bytes <= 2 * remote_copy.BLOCK
    assert file.sha256() == ""
    before = web.bytes
    with file.open("rb") as stream:
        assert stream.read(1000) == data[:1000]
    assert web.bytes == before  # what is here is not fetched again
    with file.open("rb") as stream:
        assert stream.read() == data
    assert web.bytes == SIZE
    assert file.sha256() == hashlib.sha256(data).hexdigest()


def test_who_needs_a_path_is_given_a_whole_copy_that_leaves_nothing(web: Web) -> None:
    file, data = of(web)
    assert Path(os.fspath(file)).read_bytes() == data
    assert web.bytes == SIZE


def test_a_machine_that_sends_no_parts(web: Web) -> None:
    web.ranges = False
    file, data = of(web)
    with file.open("rb") as stream:
        stream.seek(2_000_000)
        assert stream.read(10) == data[2_000_000:2_000_010]
    assert file.sha256() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("fault", ["stall", "die", "cut", 503])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_machine_that_fails_once_is_asked_again(web: Web, fault: str | int, ranges: bool) -> None:
    web.ranges = ranges
    web.faults = [fault]
    file, data = of(web)
    with file.open("rb") as stream:
        assert stream.read() == data


@pytest.mark.parametrize("fault", ["stall", "die", "cut", 503])
def test_a_machine_that_keeps_failing_ends_in_one_line(
    web: Web, fault: str | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "stall":  # nothing that is waited for comes
        monkeypatch.setattr(remote_copy, "ANSWER_S", 0.5)
    web.always = fault
    file, _ = of(web)
    with pytest.raises(BadInput) as caught, file.open("rb") as stream:
        stream.read(10)
    told = str(caught.value)
    assert told.startswith(f"{web.address}/some file.bin: bytes 0 to 262,144: did not come in 3 tries (")
    assert told.endswith("try later, or copy the file here and name the copy")
    assert "\n" not in told


def test_a_refusal_is_not_asked_for_again(web: Web) -> None:
    file, _ = of(web)
    assert file.is_file()
    web.faults = [403]
    with pytest.raises(BadInput, match="is refused"), file.open("rb") as stream:
        stream.read(10)
    with file.open("rb") as stream:
        assert len(stream.read(10)) == 10


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_copy, "PAUSE_S", 0.01)
    with pytest.raises(BadInput, match=r"127\.0\.0\.1:9/x: did not come in 3 tries"):
        located("http://127.0.0.1:9/x").is_file()


def test_a_missing_file(web: Web) -> None:
    assert not located(f"{web.address}/other").exists()


def test_a_file_that_changes_is_noticed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_copy, "FRESH_S", 0.0)
    file, data = of(web)
    before = file.version
    with file.open("rb") as stream:
        stream.read(10)
        (web.folder / file.name).write_bytes(data[::-1])
        os.utime(web.folder / file.name, (1, 1))
        stream.seek(2_000_000)
        with pytest.raises(BadInput, match="changed while it was read"):
            stream.read(10)
    assert file.version != before
    with file.open("rb") as stream:
        assert stream.read(10) == data[::-1][:10]


def test_no_more_is_kept_than_there_is_room_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_copy, "COPY_BYTES", 1_000_000)
    file, data = of(web)
    with file.open("rb") as stream:
        assert hashlib.file_digest(stream, "sha256").digest() == hashlib.sha256(data).digest()
    assert remote_copy.copy_of(str(file)).kept < SIZE
    with pytest.raises(
        BadInput, match=r"3,000,000 bytes, more than the 1,000,000 that are copied unasked; copy it here"
    ):
        os.fspath(file)


def test_folders_are_listed(web: Web) -> None:
    (web.folder / "run").mkdir()
    for name in ("a.root", "b.root", "c.txt"):
        (web.folder / "run" / name).touch()
    folder = located(f"{web.address}/run/")
    assert sorted(file.name for file in folder.glob("*.root")) == ["a.root", "b.root"]
    assert str(located(f"{web.address}/run/a.root").parent) == str(folder)


def test_names_of_this_machine_stay_paths() -> None:
    assert located("a:b/c.root") == Path("a:b/c.root")
    assert type(located("/data/x")) is type(Path())
    assert str(located(Path("https://host/a/b.root"))) == "https://host/a/b.root"
    assert str(located("root://host//store/b.root")) == "root://host//store/b.root"
    for name in ("ftp://host/x", "https://host/x::file:///etc/passwd"):
        with pytest.raises(BadInput, match="addresses of this kind are not read, only http://"):
            located(name)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec_xrootd", None)
    with pytest.raises(MissingTool, match=r"pip install 'gnnreco\[xrootd\]'"):
        located("root://host//store/b.root").is_file()
