"""Compiled kernels are kept where only the user writes, and give the same bits however they were loaded."""

from __future__ import annotations

import errno
import importlib
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

import gnnreco
from gnnreco.kernels import cache as kernel_cache
from gnnreco.kernels import njit
from gnnreco.kernels.cache import kernel_folder
from gnnreco.kernels.content import kernel_sum

BITS = """
import hashlib, sys
import numpy as np
from gnnreco.bundle import load_bundle
from gnnreco.models import inference
from gnnreco.bundle.onnx import network_weights

bundle = load_bundle("tracking-telescope")
weights = {name: np.asarray(values) for name, values in network_weights(bundle).items()}
random = np.random.default_rng(0)
nodes = random.normal(size=(500, weights["node_mean"].shape[0])).astype(np.float32)
edges = random.normal(size=(700, weights["edge_mean"].shape[0])).astype(np.float32)
triplets = np.sort(random.integers(0, 500, (700, 2)), axis=0).astype(np.int32)
if sys.argv[1] == "callees first":
    lanes, one = np.ones(24 * inference.LANES, np.float32), np.ones(24, np.float32)
    inference._norm(lanes, 24, one, one, lanes.copy())
    inference._spread(lanes, np.ones((inference.LANES, 24), np.float32))
logits = inference.infer(weights, bundle.config["network"]["iterations"], nodes, edges, triplets)
print(hashlib.sha256(logits.tobytes()).hexdigest())
"""

SORTS = """
import sys
import numpy as np
from numba.misc.quicksort import make_jit_quicksort
from gnnreco.kernels import njit

up = make_jit_quicksort(lt=lambda a, b: a < b).run_quicksort
down = make_jit_quicksort(lt=lambda a, b: a > b).run_quicksort

@njit(cache=True)
def rising(x):
    up(x)

@njit(cache=True)
def falling(x):
    down(x)

for name in sys.argv[1:]:
    x = np.random.default_rng(0).normal(size=500)
    (rising if name == "rising" else falling)(x)
    steps = np.diff(x)
    print(name, (steps >= 0).all() if name == "rising" else (steps <= 0).all())
"""


def start(*order: str, folder: Path, script: str = BITS) -> subprocess.Popen[str]:
    """A process that prints a sum over the logits of one network on one graph."""
    env = {**os.environ, "NUMBA_CACHE_DIR": str(folder)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", script, *order], env=env, stdout=pipe, stderr=pipe, text=True
    )


@pytest.mark.slow  # it compiles a chain three times; what went wrong in it is the next test
def test_the_bits_do_not_depend_on_how_kernels_were_loaded(tmp_path: Path) -> None:
    """Two processes that fill a cold cache at once, one that reads it, one that loads the callees of a kernel before it."""
    cold = [start("cold", folder=tmp_path), start("cold", folder=tmp_path)]
    said = [process.communicate() for process in cold]
    said += [start(order, folder=tmp_path).communicate() for order in ("warm", "callees first")]
    assert all(error == "" for _, error in said), said
    assert len({out for out, _ in said}) == 1
    assert len(said[0][0]) == 65


def test_a_kept_kernel_calls_its_own_callees_and_not_their_namesakes(tmp_path: Path) -> None:
    """Numba's two sorts have one name and one type; a kernel from the cache once sorted the wrong way round."""
    for orders in (["rising"], ["falling", "rising"]):
        said, error = start(*orders, folder=tmp_path, script=SORTS).communicate()
        assert error == ""
        assert said.splitlines() == [f"{order} True" for order in orders]


def kernels() -> dict[str, Dispatcher]:
    """Every kernel of the package, by its name."""
    found = {}
    for module in pkgutil.walk_packages(gnnreco.__path__, "gnnreco."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.name:
                found[f"{module.name}.{name}"] = value
    return found


def test_every_kernel_is_kept_by_the_house_rule() -> None:
    """Numba's own cache can run old code and mix up two processes: no kernel of the package uses it."""
    declared = kernels()
    assert len(declared) > 150
    for name, kernel in declared.items():
        assert type(kernel._cache).__module__ in ("gnnreco.kernels.declare", "numba.core.caching"), name
        assert type(kernel._cache).__name__ in ("_Cache", "NullCache"), (
            f"{name}: declare it with gnnreco.kernels.njit"
        )
        if type(kernel._cache).__name__ == "_Cache":
            assert kernel_sum(kernel), name


def test_callees_of_a_fastmath_kernel_are_inlined() -> None:
    """Two compilations of a function under fastmath may round differently; a call binds to whichever was loaded first."""
    called = set()
    for name, kernel in kernels().items():
        scope = kernel.py_func.__globals__
        callees = [scope.get(word) for word in kernel.py_func.__code__.co_names]
        for callee in callees:
            if isinstance(callee, Dispatcher) and callee.targetoptions.get("fastmath"):
                called.add(callee.py_func.__name__)
                inlined = callee.targetoptions.get("forceinline") or callee.targetoptions.get("inline")
                assert inlined, (
                    f"{name} calls {callee.py_func.__name__}, which is under fastmath and not inlined"
                )
    assert {"dense", "gate_block", "_norm"} <= called


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All places for kernels lead to a path under which nothing can be made, by root neither."""
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setattr(kernel_cache, "PACKAGE", file / "gnnreco")
    monkeypatch.setattr(tempfile, "tempdir", str(file))
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(file))
    kernel_folder.cache_clear()
    yield
    kernel_folder.cache_clear()


def test_kernels_go_to_the_first_folder_that_serves(
    nowhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kernel_folder() is None
    assert njit(cache=True)(double)(2) == 4  # compiled, and kept nowhere
    for number, variable in enumerate(("tmp", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")):
        place = tmp_path / str(number)
        if variable == "tmp":
            place.mkdir()
            monkeypatch.setattr(tempfile, "tempdir", str(place))
        else:
            monkeypatch.setenv(variable, str(place))
        kernel_folder.cache_clear()
        folder = kernel_folder()
        assert folder is not None
        assert place in folder.parents
        assert folder.stat().st_mode & 0o777 == 0o700


def double(x: int) -> int:
    return 2 * x


def test_a_file_for_each_signature_and_a_damaged_one_is_compiled_again(
    nowhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    kernel_folder.cache_clear()
    kernel = njit(cache=True)(double)
    assert (kernel(2), kernel(2.5)) == (4, 5.0)
    files = sorted((tmp_path / "kernels").rglob("*.nb*"))
    assert len(files) == 2
    again = njit(cache=True)(double)
    assert (again(2), again(2.5)) == (4, 5.0)
    assert sum(again.stats.cache_hits.values()) == 2
    files[0].write_bytes(files[0].read_bytes()[:100])
    files[1].write_bytes(b"")
    last = njit(cache=True)(double)
    assert (last(2), last(2.5)) == (4, 5.0)
    assert sum(last.stats.cache_hits.values()) == 0


def test_a_full_disk_costs_only_the_copy(
    nowhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    kernel_folder.cache_clear()
    kernel = njit(cache=True)(double)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kernel._cache._cache_file, "_save_data", full)
    assert kernel(2) == 4


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720])
def test_a_folder_that_others_may_write_in_is_not_used(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.warns(RuntimeWarning, match="other users may write in it"):
        assert kernel_cache.private(folder) is None
    folder.chmod(0o755)
    assert kernel_cache.private(folder) == folder


def test_a_link_and_a_folder_of_another_user_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.warns(RuntimeWarning, match="is a link"):
        assert kernel_cache.private(tmp_path / "link") is None
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.warns(RuntimeWarning, match=r"belongs to user \d+"):
        assert kernel_cache.private(tmp_path / "mine") is None


def test_files_that_nothing_loads_go_after_a_month(tmp_path: Path) -> None:
    month = time.time() - 31 * kernel_cache.DAY
    kept, unused, loaded = (tmp_path / "kernels" / "module" / f"{name}.nbc" for name in "abc")
    old_version = tmp_path / "kernels-0123456789abcdef"
    for folder in (kept.parent, old_version, tmp_path / "kernels-of-mine"):
        folder.mkdir(parents=True)
    for file in (kept, unused, loaded):
        file.write_bytes(b"")
    for path in (unused, loaded, old_version, tmp_path / "kernels-of-mine"):
        os.utime(path, (month, month))
    kernel_cache.in_use(loaded)
    kernel_cache.forget_unused(tmp_path / "kernels")
    assert sorted(kept.parent.iterdir()) == [kept, loaded]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kernels", "kernels-of-mine"]
