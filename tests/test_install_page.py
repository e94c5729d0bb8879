"""The commands that install gnnreco, of README.md and `docs/how_to/install.md`, and those that CONTRIBUTING.md names.

The slow tests type the commands as they are written, in an empty folder and without a network: in the place of GitHub stands a copy of
this repository, and each virtual environment sees the packages of the one that runs the tests, so that pip finds them installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.test_doc_blocks import commands
from tests.test_tutorials import ROOT, blocks

PAGE = ROOT / "docs" / "how_to" / "install.md"
CHECKOUT, OWN, COMPLETION, DEMO = [text for _, text in blocks(PAGE)]
#: Commands between the words of the page, but for those that fetch: a part that must be compiled, packages of Debian, another Yosys.
BESIDE = [
    found
    for found in re.findall(r"`((?:pip install|python -m) [^`]+)`", PAGE.read_text("utf-8"))
    if "scatter" not in found and "yosys" not in found
]
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
#: Programs that are found before those of the system. Python 3.11 gives a new environment a setuptools that is too old for torch.
PYTHON = """#!/bin/sh
set -e
{python} "$@"
if [ "$1 $2" = "-m venv" ]; then
    for place in "$3"/lib/python*/site-packages; do echo {packages} > $place/packages.pth; done
    "$3"/bin/pip uninstall -q -y setuptools
fi
"""
GIT = """#!/bin/sh
[ "$1 $2" = "clone https://github.com/gnnreco/gnnreco" ] && cp -r {copy} gnnreco
"""


def bare(text: str) -> list[str]:
    """The commands of a block without what is said of them."""
    return [line.partition("  #")[0].strip() for line in text.splitlines()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where nothing is installed, with a folder of programs."""
    home = tmp_path_factory.mktemp("home")
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "tests")
    shutil.copytree(ROOT, home / "copy", ignore=unwanted)
    (home / "bin").mkdir()
    python = PYTHON.format(python=sys.executable, packages=sysconfig.get_path("purelib"))
    for name, text in {"python3": python, "git": GIT.format(copy=home / "copy")}.items():
        (home / "bin" / name).write_text(text)
        (home / "bin" / name).chmod(0o755)
    return home


def bash(text: str, home: Path, folder: Path) -> str:
    """What a shell of a new user prints; the first command that fails ends it."""
    unset = {"PYTHONPATH", "VIRTUAL_ENV", "NUMBA_CACHE_DIR", "MAKEFLAGS", "MAKELEVEL", "VENV"}
    clean = {name: value for name, value in os.environ.items() if name not in unset}
    clean |= {"PATH": f"{home / 'bin'}:{os.defpath}", "PYTHON": str(home / "bin" / "python3"), **OFFLINE}
    done = subprocess.run(
        ["bash", "-ec", text], cwd=folder, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_a_checkout_is_installed_and_tried(home: Path) -> None:
    said = bash(f"{CHECKOUT}\npython -c 'import gnnreco; print(gnnreco.__file__)'\n{DEMO}", home, home)
    assert re.search(r"^torch +found", said, re.MULTILINE)
    assert f"\n{home / 'gnnreco' / 'gnnreco'}/" in said
    for page in re.findall(r"\.demo/[\w/]+\.html", said):
        assert (home / "gnnreco" / page).stat().st_size > 10_000


@pytest.mark.slow
def test_an_environment_of_ones_own_and_a_wheel(home: Path) -> None:
    shutil.copytree(home / "copy", home / "own")
    assert len(BESIDE) == 5
    said = bash("\n".join([OWN, *BESIDE, "cd /", "gnnreco doctor"]), home, home / "own")
    assert f"{home}/own/my_env/lib" in said
    assert 13e6 < next((home / "own" / "dist").glob("*.whl")).stat().st_size < 15e6  # the page says 14 MB


def test_the_readme_installs_as_the_page_does() -> None:
    assert bare(blocks(ROOT / "README.md")[0][1]) == bare(CHECKOUT)


def test_parts_that_are_asked_for_are_there() -> None:
    parts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for found in re.findall(r"pip install [^`\n]*'(?:gnnreco|\.)\[([\w,]+)\]'", page.read_text("utf-8")):
            assert set(found.split(",")) <= set(parts), page


@pytest.mark.parametrize("line", bare(COMPLETION))
def test_a_line_for_completion_is_taken_by_its_shell(line: str) -> None:
    shell = next(word for word in ("bash", "zsh", "fish") if f"completion {word}" in line)
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    program = (
        f"function gnnreco; {sys.executable} -m gnnreco $argv; end"
        if shell == "fish"
        else (f'gnnreco() {{ {sys.executable} -m gnnreco "$@"; }}')
    )
    before = "autoload -Uz compinit && compinit -D" if shell == "zsh" else ""
    done = subprocess.run(
        [shell, "-c", f"{before}\n{program}\n{line}"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("words", commands(ROOT / "CONTRIBUTING.md"), ids=lambda words: words[-1])
def test_a_target_of_make_can_be_made(words: list[str]) -> None:
    done = subprocess.run(
        [*words, "--dry-run", "VENV=nowhere"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for script in re.findall(r"python (scripts/\S+)", done.stdout):
        assert (ROOT / script).exists()
    assert "nowhere/bin/" in done.stdout
