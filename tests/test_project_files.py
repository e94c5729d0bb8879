"""The files that other programs read of this repository: citation, hooks, templates and the workflow."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import gnnreco

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read(path: str | Path) -> Any:
    """What a YAML file of the repository holds."""
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


def test_the_citation_is_of_this_version() -> None:
    citation, project = read("CITATION.cff"), tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert citation["message"]
    assert citation["title"]
    assert citation["authors"] == [{"name": "The gnnreco authors"}]
    assert citation["version"] == gnnreco.__version__
    assert citation["license"] == project["license"]


def test_the_readme_is_short_and_begins_with_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 120
    assert len(text.partition("```")[0].split()) <= 60


def test_every_optional_part_is_told() -> None:
    told = (ROOT / "docs" / "how_to" / "install.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for part in set(project["optional-dependencies"]) - {"dev", "docs"}:
        assert f"`{part}`" in told or f"[{part}]" in told, part


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_installs_the_build_of_torch_for_cpus() -> None:
    words = ["make", "-n", "install", "VENV=nowhere", "PYTHON=python3"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    locked = next(
        line for line in (ROOT / "requirements.lock").read_text().splitlines() if line.startswith("torch==")
    )
    assert f"'{locked}+cpu'" in done
    assert f"/whl/cpu '{locked}'" in done
    assert done.index("sys.version_info") < done.index(
        "-m venv"
    )  # an old Python is refused before anything is made


def test_hooks_are_the_tools_of_make_lint_in_locked_versions() -> None:
    lint = (ROOT / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    lock = (ROOT / "requirements.lock").read_text()
    hooks = [hook for repo in read(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    tools = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks}
    assert tools == set(re.findall(r"\$\(BIN\)/(\w+)", lint))
    assert all(re.search(rf"^{tool}==", lock, re.MULTILINE) for tool in tools)
    assert all(hook["language"] == "system" for hook in hooks)  # nothing is downloaded for a commit


def test_the_workflow_runs_what_runs_here() -> None:
    jobs = read(".github/workflows/ci.yml")["jobs"]
    assert [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step] == [".ci/run"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_asks_for_something(template: Path) -> None:
    form = read(template)
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids) > 0
    for field in form["body"]:
        assert field["type"] in {"input", "textarea", "dropdown", "checkboxes"}
        assert field["attributes"]["label"]
    assert any(field.get("validations", {}).get("required") for field in form["body"])
