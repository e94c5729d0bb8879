"""Files are there whole or not at all, under links and on full disks too."""

from __future__ import annotations

import os
import pickle
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from gnnreco.cli import main
from gnnreco.errors import BadInput, CannotWrite, OverBudget
from gnnreco.files.atomic import draft_of, publish, remove_drafts, whole_file, write_file


def there(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


@pytest.fixture
def full() -> Iterator[None]:
    """A disk that takes 500 bytes a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def begin_and_fail(draft: Path, error: type[BaseException]) -> None:
    draft.write_text("half of")
    raise error


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.txt"
    write_file(file, "one\n")
    for error in (KeyboardInterrupt, SystemExit, ValueError):
        with pytest.raises(error), whole_file(file) as draft:
            begin_and_fail(draft, error)
    assert file.read_text() == "one\n"
    write_file(file, b"two\n")
    assert file.read_bytes() == b"two\n"
    assert there(file.parent) == ["a.txt"]


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_file(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Somebody put links where the program writes, to a file of the user."""
    mine = tmp_path / "mine"
    mine.write_text("dear to me")
    for name in ("page.html", "page.html.part", ".page.html.part"):
        (tmp_path / name).symlink_to(mine)
    write_file(tmp_path / "page.html", "a page")
    assert mine.read_text() == "dear to me"
    assert (tmp_path / "page.html").read_text() == "a page"
    with whole_file(tmp_path / "b") as one, whole_file(tmp_path / "b") as two:
        assert one != two


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    write_file("/dev/null", "x")
    assert Path("/dev/null").is_char_device()


@pytest.mark.usefixtures("full")
def test_a_full_disk_leaves_nothing_and_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.json"
    assert main(["bundle", "list", "--json", str(file)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"gnnreco: {file}: cannot be written (File too large); "), told
    assert len(told.splitlines()) == 1
    assert there(tmp_path) == []


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match=r"file/x: cannot be written"):
        write_file(tmp_path / "file" / "x", "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(
        CannotWrite, match=r"folder: cannot be written \(Is a directory\); name another place"
    ):
        write_file(tmp_path / "folder", "")


def test_drafts_of_a_process_that_was_killed(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with whole_file(tmp_path / "a"):
            os._exit(0)
    os.waitpid(child, 0)
    with whole_file(tmp_path / "b") as mine:
        remove_drafts(tmp_path, child)
        assert there(tmp_path) == [mine.name]
    assert there(tmp_path) == ["b"]


@pytest.mark.parametrize(
    "error", [BadInput("f", "line 1", "why"), CannotWrite("f", "why"), OverBudget(1, "edges", 3, 2)]
)
def test_errors_come_back_from_another_process(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_a_draft_waits_for_another_process_to_publish_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    child = os.fork()
    if child == 0:
        with draft_of(file) as draft:
            draft.write_text("whole")
        os._exit(0)
    os.waitpid(child, 0)
    assert not file.exists()
    (left,) = tmp_path.iterdir()
    publish(left, file)
    assert (there(tmp_path), file.read_text()) == (["a"], "whole")
    with draft_of(tmp_path / "b") as draft:
        draft.write_text("in the way")
    (tmp_path / "b").mkdir()
    with pytest.raises(CannotWrite, match="b: cannot be written"):
        publish(draft, tmp_path / "b")
    assert sorted(there(tmp_path)) == ["a", "b"]
