"""ARCHITECTURE.md and the other pages: each path and each name that they tell of is there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.test_imports import ANYWHERE, ORDER

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "examples/README.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
ARCHITECTURE = PAGES[0].read_text("utf-8")
QUOTED = re.compile(r"`([^`\s]+)`")
LINKED = re.compile(r"\]\(([^)\s]+)\)")
#: What README.md links to, so that its links also work on the page of the wheel, lies here.
OURS = re.compile(
    r"https://(?:github\.com/gnnreco/gnnreco/blob|raw\.githubusercontent\.com/gnnreco/gnnreco)/main/"
)
#: Folders at the top of a clone; what else has a slash in it is somebody else's.
TOPS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}


def quoted(text: str) -> list[str]:
    """What stands in backquotes outside of blocks, each once."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return list(dict.fromkeys(QUOTED.findall(prose)))


def links_of(page: Path) -> list[tuple[Path, str]]:
    """The file of the repository and the heading that each link of a page leads to; links to elsewhere are left out."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = [(bool(OURS.match(link)), *OURS.sub("", link).partition("#")) for link in LINKED.findall(prose)]
    inside = [(ours, path, heading) for ours, path, _, heading in links if "://" not in path]
    return [
        ((ROOT if ours else page.parent) / path if path else page, heading) for ours, path, heading in inside
    ]


def headings_of(page: Path) -> set[str]:
    """The anchors that GitHub and MkDocs make of the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def paths_in(page: Path) -> list[Path]:
    """The files and folders that a page names or links to; what `<stands>` for something is left out with its tail."""
    named = [word.split("<")[0] for word in quoted(page.read_text("utf-8")) if word.split("/")[0] in TOPS]
    linked = [path for path, _ in links_of(page)]
    return [ROOT / word for word in named if "/" in word and "*" not in word] + linked


def found(name: str) -> Any:
    """The module, class, function or member of a dotted name."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: Any = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for member in parts[cut:]:
            fields = getattr(value, "__dataclass_fields__", {})
            value = fields[member] if member in fields else getattr(value, member)
        return value
    raise AssertionError(f"there is no {name}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_of_a_page_exist(page: Path) -> None:
    missing = [str(path) for path in paths_in(page) if not path.exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_headings_that_a_page_links_to_exist(page: Path) -> None:
    for path, heading in links_of(page):
        assert not heading or heading in headings_of(path), f"{path} has no heading #{heading}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_a_page_exist(page: Path) -> None:
    for name in quoted(page.read_text("utf-8")):
        if re.fullmatch(r"gnnreco(\.\w+)+", name) and name not in {"gnnreco.tasks", "gnnreco.detectors"}:
            found(name)


def test_members_of_the_contract_are_told_as_they_are() -> None:
    task = found("gnnreco.tasks.contract.Task")
    part = ARCHITECTURE.split("## Where to add a task")[1].split("##")[0]
    told = re.search(r"gnnreco\.tasks\.contract\.Task`: (.*?)\n4\. What", part, re.DOTALL)
    assert told
    members = {word for word in QUOTED.findall(told[1]) if word.isidentifier()}
    known = set(dir(task)) | {name for base in task.__mro__ for name in vars(base).get("__annotations__", {})}
    assert members <= known
    assert len(members) > 8


def test_the_picture_has_every_room_in_the_order_of_imports() -> None:
    picture = re.search(r"^```\n(columns .*?)^```", ARCHITECTURE, flags=re.DOTALL | re.MULTILINE)
    assert picture
    there = {path.stem for path in (ROOT / "gnnreco").iterdir()}
    rooms = [line.split()[0] for line in picture[1].splitlines() if line and line.split()[0] in there]
    assert set(rooms[: len(ANYWHERE)]) == ANYWHERE
    rank = {name: place for place, names in enumerate(ORDER) for name in names}
    assert sorted(rooms[len(ANYWHERE) :], key=rank.__getitem__) == rooms[len(ANYWHERE) :]
    assert set(rooms[len(ANYWHERE) :]) == set(rank)


def test_every_page_of_docs_is_in_its_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {path.resolve() for path, _ in links_of(index)}
    assert {page.resolve() for page in (ROOT / "docs").rglob("*.md")} - {index.resolve()} <= listed


def test_readme_links_also_work_on_the_page_of_the_wheel() -> None:
    links = LINKED.findall((ROOT / "README.md").read_text("utf-8"))
    assert len(links) > 20
    assert all(link.startswith("https://") for link in links)


def test_the_readme_is_short_and_its_first_command_is_near() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 120
    assert lines.index("```") < 60
