"""Kernels that root compiled are loaded by other users, from a folder in which nobody else may write."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gnnreco.kernels import cache, njit

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def double(x: int) -> int:
    return 2 * x


def forget() -> None:
    cache.kernel_folder.cache_clear()
    cache.shared_folder.cache_clear()


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that all can reach, with a kernel that root compiled, and one of the other user's own."""
    place = Path(tempfile.mkdtemp(prefix="gnnreco-test-"))
    place.chmod(0o755)
    (place / "own").mkdir()
    os.chown(place / "own", NOBODY, NOBODY)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(place / "shared"))
    forget()
    assert njit(cache=True)(double)(2) == 4
    for path in (place / "shared", *(place / "shared").rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield place
    forget()
    shutil.rmtree(place)


def as_nobody(place: Path, work: Callable[[], str]) -> str:
    """What a function says in a process of another user."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forks beside threads, by later versions of Python
        child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.environ["XDG_CACHE_HOME"] = str(place / "own")
            forget()
            said = work()
        except BaseException as error:
            said = repr(error)
        os.write(theirs, said.encode())
        os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    with os.fdopen(ours) as answer:
        return answer.read()


def loaded() -> str:
    """Whether the kernel of root was loaded, and whether another one was compiled."""
    kernel = njit(cache=True)(double)
    found = kernel(2), sum(kernel.stats.cache_hits.values())
    return f"{found} {kernel(2.5)} {sum(kernel.stats.cache_misses.values())}"


def test_another_user_loads_what_root_compiled(place: Path) -> None:
    shared = sorted((place / "shared").rglob("*.nbc"))
    assert as_nobody(place, loaded) == "(4, 1) 5.0 1"
    assert sorted((place / "shared").rglob("*.nbc")) == shared
    (own,) = (place / "own").rglob("*.nbc")  # the kernel of the other type
    assert own.stat().st_uid == NOBODY
    assert as_nobody(place, lambda: str(cache.shared_folder())) == str((place / "shared/kernels").resolve())


def of(place: Path, kind: str) -> Path:
    """The folder of kernels, that of a module, a file, or a folder above."""
    shared = place / "shared"
    (file,) = shared.rglob("*.nbc")
    return {"above": shared, "kernels": shared / "kernels", "module": file.parent, "file": file}[kind]


@pytest.mark.parametrize("kind", ["above", "kernels", "module", "file"])
def test_what_others_may_write_is_not_loaded(place: Path, kind: str) -> None:
    of(place, kind).chmod(0o775 if kind != "file" else 0o664)
    assert as_nobody(place, loaded) == "(4, 0) 5.0 2"


@pytest.mark.parametrize("kind", ["above", "kernels", "module", "file"])
def test_what_a_third_user_owns_is_not_loaded(place: Path, kind: str) -> None:
    os.chown(of(place, kind), 4711, 4711)
    assert as_nobody(place, loaded) == "(4, 0) 5.0 2"


def test_a_link_to_a_file_is_not_loaded(place: Path) -> None:
    file = of(place, "file")
    file.rename(place / "elsewhere")
    file.symlink_to(place / "elsewhere")
    assert as_nobody(place, loaded) == "(4, 0) 5.0 2"
