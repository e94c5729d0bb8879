"""What the pages of `make docs` take from the code: every setting is explained, every verb and name is there."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import gnnreco
from gnnreco.cli import build_parser
from gnnreco.simulate import SimulationOptions
from tests.test_doc_blocks import BLOCK, PAGES
from tests.test_glossary import options

ROOT = Path(__file__).parents[2]
#: Ends of names of files that look like settings: ``train.npy``.
FILES_OF_OTHERS = {".npy", ".onnx", ".py"}


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "scripts" / "docs_site.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_setting_says_what_it_means(site: ModuleType) -> None:
    groups = {
        **site.shared(),
        **site.tasks(),
        "simulation": list(site.rows(gnnreco.simulate.SimulationOptions, "")),
    }
    rows = [row for lines in groups.values() for row in lines]
    assert len(rows) > 200
    assert [key for key, _, meaning in rows if not meaning] == []


def test_settings_of_a_task_are_those_that_train_takes(site: ModuleType) -> None:
    from gnnreco.train.settings import _defaults, _keys

    taken = set(_keys(_defaults("tracking")))
    listed = {key for key, _, _ in site.tasks()["tracking"]}
    assert len(listed) > 20
    assert listed <= taken


def test_options_and_settings_in_the_text_exist(site: ModuleType) -> None:
    scripts = "".join(script.read_text("utf-8") for script in (ROOT / "scripts").rglob("*.py"))
    ours = options(build_parser())
    rows = [
        *site.shared().values(),
        *site.tasks().values(),
        site.rows(SimulationOptions, "sample.simulation."),
    ]
    keys = {key for lines in rows for key, _, _ in lines}
    groups = {key.rpartition(".")[0] for key in keys}
    for page in PAGES:
        spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", BLOCK.sub("", page.read_text("utf-8")))
        for span in spans:
            for option in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", span):
                assert option in ours or f'"{option}"' in scripts or "pip" in span or "pytest" in span, (
                    page,
                    option,
                )
            for key in re.findall(r"^((?:task|graph|model|train|sample)\.[a-z_.]+)(?:=|$)", span):
                assert key in keys | groups or Path(key).suffix in FILES_OF_OTHERS, (page, key)


def test_every_choice_is_told() -> None:
    text = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    for file in (ROOT / "configs").glob("*/*.yaml"):
        group, choice = file.parent.name, file.stem
        if group != "detector" and choice != "base":
            assert re.search(rf"`{group}=.*`({group}=)?{choice}`|`{group}={choice}`", text), (
                f"{group}={choice}"
            )


def test_fields_that_share_a_line_share_its_meaning(site: ModuleType) -> None:
    class Kind:
        """A kind.

        Attributes
        ----------
        one, two : int
            Of both,
            over two lines.
        three
            Alone.

        Raises
        ------
        ValueError
            Never.
        """

    assert site.meanings(Kind) == {
        "one": "Of both, over two lines.",
        "two": "Of both, over two lines.",
        "three": "Alone.",
    }


def test_every_verb_is_told(site: ModuleType) -> None:
    told = re.findall(r"^### (.*)$", site.commands(), re.MULTILINE)
    assert {"gnnreco reconstruct", "gnnreco bundle adapt", "gnnreco deploy verify"} <= set(told)
    every = list(site.verbs(build_parser()))
    assert len(told) == len(every)
    page = (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8")
    table = " ".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))
    for verb in (verb.prog.removeprefix("gnnreco ") for verb in every):
        assert f"`{verb}`" in table or f"`{verb.split()[-1]}`" in table or verb == "deploy write", verb


def test_every_public_name_is_on_the_page_of_python(site: ModuleType) -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text("utf-8")
    names = {name for part in re.findall(r"<!-- api: (.*?) -->", page) for name in part.split()}
    assert set(gnnreco.__all__) <= names
    for name in names:
        module, _, member = site.home_of(name).rpartition(".")
        assert hasattr(importlib.import_module(module), member), name


def test_every_page_is_in_the_contents(site: ModuleType) -> None:
    contents = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    listed = [
        p for part in contents for p in (next(iter(part.values())) if isinstance(part, dict) else [part])
    ]
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages | set(site.GUESTS.values()) == set(listed)
    assert len(listed) == len(set(listed))


def test_locks_agree() -> None:
    def versions(name: str) -> dict[str, str]:
        lines = (ROOT / name).read_text("utf-8").splitlines()
        pinned = [
            line.split(";")[0].partition("==") for line in lines if "==" in line and not line.startswith("#")
        ]
        return {package.strip().lower().replace("_", "-"): version.strip() for package, _, version in pinned}

    ours, docs = versions("requirements.lock"), versions("requirements-docs.lock")
    assert docs
    assert not set(ours) & set(docs)
