"""Every block of the pages: a command has a verb and options that exist, a program imports what exists.

`tests/test_tutorials.py` follows pages as they are written, `tests/test_pages_in_small.py` with smaller numbers, and others by tests of
their own. No page is followed by nothing.
"""

from __future__ import annotations

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from gnnreco.cli import build_parser
from gnnreco.train.settings import compose
from tests.test_pages_in_small import PAGES as IN_SMALL
from tests.test_tutorials import PAGES as FOLLOWED

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "examples" / "README.md",
        ROOT / "examples" / "displays" / "README.md",
        ROOT / "CONTRIBUTING.md",
    ]
)
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", flags=re.DOTALL | re.MULTILINE)
#: Pages whose blocks other tests follow.
ELSEWHERE = {
    "CONTRIBUTING.md": "tests/test_install_page.py",
    "README.md": "tests/test_tutorials.py",
    "docs/explanation/pvalues.md": "tests/statistics/test_page.py",
    "docs/explanation/trigger_anomaly.md": "tests/tasks/trigger/test_anomaly_page.py",
    "docs/how_to/install.md": "tests/test_install_page.py",
    "docs/how_to/pyg.md": "tests/pyg/test_page.py",
    "docs/how_to/real_collisions.md": "tests/display/test_ranked_page.py",
    "docs/how_to/search.md": "tests/search/test_hunt.py",
    "docs/how_to/serve.md": "tests/serve/test_page.py",
    "docs/how_to/trackml.md": "tests/trackml/test_face.py",
    "docs/reference/formats.md": "tests/events/readers/test_mapped.py",
    "examples/displays/README.md": "tests/test_tutorials.py",
}
#: What stands for variables of a shell.
VARIABLES = {"$SLURM_ARRAY_TASK_ID": "1", "$name": "cascade", "$epochs": "20", "$rate": "0.003"}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """The language and the text of each block."""
    return [(language, text) for _, language, text in BLOCK.findall(page.read_text("utf-8"))]


def commands(page: Path) -> list[list[str]]:
    """The words of each command of a page; what a program printed is left out."""
    found = []
    for language, text in blocks(page):
        if language not in ("", "bash"):
            continue
        for line in text.replace("\\\n", " ").splitlines():
            if re.match(r"\s*(gnnreco|python scripts|make) ", line):
                for variable, value in VARIABLES.items():
                    line = line.replace(variable, value)
                found.append(re.split(r"\s[|>]\s", line.partition(" #")[0])[0])
    return [shlex.split(line) for line in found]


WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_commands_of_a_page_are_commands(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands(page):
        if words[0] == "gnnreco":
            args, rest = build_parser().parse_known_args(words[1:])
            assert not rest or (hasattr(args, "settings") and not any(w.startswith("-") for w in rest)), words
            assert capsys.readouterr().err == "", words  # an old name of an option
            if words[1] == "train" and args.task is not None:
                compose(
                    args.task,
                    [w for w in [*args.settings, *rest] if not w.startswith("detector=") and w != "..."],
                )
        elif words[0] == "make":
            targets = (ROOT / "Makefile").read_text()
            assert all(f"\n{word}:" in targets for word in words[1:] if "=" not in word), words
        else:
            script = (ROOT / words[1]).read_text()
            assert all(f'"{word}"' in script for word in words[2:] if word.startswith("--")), words


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_programs_of_a_page_are_programs(page: Path) -> None:
    for language, text in blocks(page):
        if language != "python":
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gnnreco"):
                module = import_module(str(node.module))
                for alias in node.names:
                    assert hasattr(module, alias.name) or import_module(f"{node.module}.{alias.name}")


def test_every_page_with_blocks_is_followed() -> None:
    shown = {
        name_of(page) for page in PAGES if commands(page) or any(kind == "python" for kind, _ in blocks(page))
    }
    followed = {name_of(page) for page in FOLLOWED} | {f"docs/{name}.md" for name in IN_SMALL}
    assert shown - followed == set(ELSEWHERE)
    indented = re.compile(r"^    (gnnreco|python|pip|make) ", flags=re.MULTILINE)
    assert [page for page in PAGES if indented.search(BLOCK.sub("", page.read_text("utf-8")))] == []
    shells = {name_of(page) for page in FOLLOWED if any(kind == "bash" for kind, _ in blocks(page))}
    assert shells <= {f"docs/{name}.md" for name, page in IN_SMALL.items() if "bash" in page.kinds}
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text("utf-8"), page


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_kind_of_a_block_is_one_that_is_known(page: Path) -> None:
    assert {language for language, _ in blocks(page)} <= {
        "",
        "bash",
        "python",
        "text",
        "yaml",
        "mermaid",
        "fish",
        "cpp",
    }
