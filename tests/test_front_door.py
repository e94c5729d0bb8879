"""The Python front door: names that load nothing before they are used, and that mean the same whatever was imported before."""

from __future__ import annotations

import inspect
import os
import pydoc
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gnnreco

ROOT = Path(__file__).parents[1]
VERBS = ("compare", "evaluate", "reconstruct", "report", "search", "simulate", "train")
HEAVY = ("numpy", "torch", "numba", "pyarrow", "scipy", "matplotlib", "yaml")


def fresh(script: str, folder: Path | None = None) -> str:
    """What a script prints in a new process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_import_loads_nothing_heavy() -> None:
    shown = fresh(f"import gnnreco, sys; dir(gnnreco); print([m for m in {HEAVY} if m in sys.modules])")
    assert shown == "[]"


def test_help_on_the_command_line_is_quick() -> None:
    begin = time.perf_counter()
    shown = fresh(
        "import sys, time; t = time.process_time(); from gnnreco import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print(time.process_time() - t, [m for m in {HEAVY} if m in sys.modules])"
    )
    seconds, loaded = shown.splitlines()[-1].split(" ", 1)
    assert loaded == "[]"
    assert float(seconds) < 0.5
    assert time.perf_counter() - begin < 30


def test_every_name_is_there_and_is_told() -> None:
    assert sorted(gnnreco.__all__) == gnnreco.__all__ == sorted([*gnnreco._HOMES, *gnnreco._VERBS])
    assert set(gnnreco.__all__) < set(dir(gnnreco))
    for name in gnnreco.__all__:
        assert callable(getattr(gnnreco, name)), name
        assert name in (gnnreco.__doc__ or "") or name == "EventSource", (
            f"help(gnnreco) does not tell of {name}"
        )
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        gnnreco.simulat  # noqa: B018


def test_help_reads_well() -> None:
    page = pydoc.plain(pydoc.render_doc(gnnreco))
    assert "What the command line does, as functions" in page
    for name in ("load_detector", "open_events", "show", "class Tracks", "class Event"):
        assert name in page


CALL = "print(next(gnnreco.simulate('telescope', 'beam', particle='muon', energy=(1, 2), seed=3)))"
EVENT = "Event(0: 6 hits, 1 true particle, from 'simulate beam seed 3')"
PACKAGE = "from gnnreco.simulate import simulate, SimulationOptions; import gnnreco.simulate.options"


@pytest.mark.parametrize(
    "script",
    [
        f"import gnnreco; {CALL}; {PACKAGE}; {CALL}",
        pytest.param(f"{PACKAGE}; import gnnreco; {CALL}", marks=pytest.mark.slow),
    ],
    ids=["the function first", "the package first"],
)
def test_a_verb_can_be_called_whatever_was_imported_before(script: str) -> None:
    assert fresh(f"{script}; next(simulate('telescope', 'beam'))") == "\n".join([EVENT] * script.count(CALL))


@pytest.mark.parametrize(
    "before",
    [
        "from gnnreco import simulate as verb; import gnnreco",
        "import gnnreco.simulate as verb; import gnnreco, importlib; assert verb.SimulationOptions; "
        "importlib.reload(gnnreco); importlib.reload(verb)",
    ],
)
def test_there_is_one_object_of_the_name(before: str) -> None:
    after = "assert gnnreco.simulate is verb; from gnnreco.generate import simulate; assert verb._function is simulate"
    assert fresh(f"{before}; {after}; print(callable(verb))") == "True"


@pytest.mark.parametrize(
    "first",
    [pytest.param("getattr(gnnreco, name)", marks=pytest.mark.slow), "import_module(f'gnnreco.{name}')"],
)
def test_every_verb_is_a_module_and_a_function(first: str) -> None:
    shown = fresh(
        "import gnnreco, types, inspect\n"
        "from importlib import import_module\n"
        f"for name in {VERBS}:\n"
        f"    verb = {first}\n"
        "    assert verb is getattr(gnnreco, name) is import_module(f'gnnreco.{name}')\n"
        "    assert isinstance(verb, types.ModuleType) and callable(verb)\n"
        "    print(list(inspect.signature(verb).parameters)[0])\n"
        "from gnnreco import *\n"
        "assert simulate is gnnreco.simulate and Event is gnnreco.Event"
    )
    assert shown.split() == ["names", "folder", "inputs", "bundle", "table", "detector", "task"]


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_shows_the_signature_of_its_function(name: str) -> None:
    verb = getattr(gnnreco, name)
    assert inspect.signature(verb) == inspect.signature(verb._function)
    assert "Examples" in verb._function.__doc__


@pytest.mark.parametrize("name", VERBS)
def test_help_of_a_verb_is_that_of_its_function(name: str) -> None:
    verb = getattr(gnnreco, name)
    page = pydoc.plain(pydoc.render_doc(verb))
    first = verb._function.__doc__.splitlines()[0]
    assert f"gnnreco.{name} - {first}" in page
    assert f"{name}(" in page
    assert vars(verb)["__doc__"].splitlines()[0] in page, "the package tells what it is, too"


def test_types_are_shipped() -> None:
    assert (ROOT / "gnnreco" / "py.typed").is_file()
