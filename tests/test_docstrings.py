"""Every name of ``docs/reference/api.md`` tells what it takes and gives, with shapes and units, and shows an example."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import gnnreco

TEXT = (Path(__file__).parents[1] / "docs" / "reference" / "api.md").read_text("utf-8")
NAMES = " ".join(re.findall(r"<!-- api: (.*?) -->", TEXT)).split()
ARRAY = re.compile(r"\b(Floats|Ints|NDArray|ArrayLike|Tensor)\b")
SHAPE = re.compile(r"\((m|n|t|c|n_hits|bins)\b[^)]*\)")
#: A unit, or a word that says that the number has none.
UNIT = re.compile(
    r"\b(mm|ns|GeV|rad|e|units?|fractions?|probability|chance|score|p-values?|between 0 and 1|stranger|weight|ratio)\b",
    flags=re.IGNORECASE,
)


def named(name: str) -> Any:
    """What a name of the page is; of a verb that is a package too, the function."""
    home, _, last = (name if "." in name else f"gnnreco.{name}").rpartition(".")
    found = getattr(import_module(home), last)
    return found._function if inspect.ismodule(found) else found


def sections(text: str) -> dict[str, str]:
    """The sections of a numpy-style docstring by title; the summary, with what follows it, has none."""
    parts = re.split(r"^([A-Z][a-z]+)\n-{3,}\n", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(section: str) -> dict[str, str]:
    """What a section says of each name: the type, and the lines below."""
    told: dict[str, str] = {}
    for head, body in re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?|\n(?=[ \t]))*)", f"{section}\n", re.MULTILINE):
        names, _, kind = head.partition(" : ")
        told |= {n.strip().lstrip("*"): f"{kind}\n{body}" for n in names.split(",")}
    return told


def faults(what: Any) -> list[str]:
    """What the docstring of a function or class leaves out."""
    text = inspect.getdoc(what) or ""
    parts = sections(text)
    told = entries(parts.get("Parameters", "")) | entries(parts.get("Attributes", ""))
    summary = text.partition("\n\n")[0]
    found = [] if summary.endswith(".") else [f"summary {summary!r}"]
    given = inspect.signature(what)
    kinds = {name: str(parameter.annotation) for name, parameter in given.parameters.items()}
    for name, kind in kinds.items():
        if name not in told:
            found.append(f"says nothing of {name}")
        elif ARRAY.search(kind) and not re.match(r"(tuple|list|dict)", kind):
            if not SHAPE.search(told[name]):
                found.append(f"no shape of {name}")
            if re.search("Floats|ArrayLike", kind) and not UNIT.search(told[name]):
                found.append(f"no unit of {name}")
    if not inspect.isclass(what) and given.return_annotation not in ("None", None):
        answer = (parts.get("Returns") or parts.get("Yields") or "").strip()
        if len(answer.splitlines()) < 2:
            found.append("does not tell what is returned")
    if ">>> " not in parts.get("Examples", ""):
        found.append("no example")
    return found


def test_the_page_has_all_that_the_package_offers() -> None:
    assert set(gnnreco.__all__) <= set(NAMES)
    assert len(NAMES) == len(set(NAMES)) > 40


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_what_it_takes_and_gives(name: str) -> None:
    assert faults(named(name)) == []


def test_a_docstring_that_leaves_something_out_is_found() -> None:
    def halves(values: gnnreco.columns.arrays.Floats, parts: int) -> float:
        """Cut.

        Parameters
        ----------
        values : array

        Returns
        -------
        float
        """
        return float(parts)

    assert faults(halves) == [
        "no shape of values",
        "no unit of values",
        "says nothing of parts",
        "does not tell what is returned",
        "no example",
    ]
