"""Each name that ``docs/reference/glossary.md`` gives for a word exists; each word of the vocabulary stands in it once."""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path

import pytest

from gnnreco.cli import build_parser

TEXT = (Path(__file__).parents[1] / "docs" / "reference" / "glossary.md").read_text("utf-8")
WORDS = re.findall(r"^\| ([^|]+?) \|", TEXT, flags=re.MULTILINE)
NAMES = sorted(set(re.findall(r"`([^`]+)`", TEXT)))
VOCABULARY = """hit, cell, sensor, layer, subsystem, detector, particle, track, cluster, shower, doublet, triplet, edge, graph,
efficiency, purity, fake rate, duplicate rate, response, resolution, bundle, manifest, shard, task, pipeline"""


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or is to be found in one; fields without a default are annotations."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return part == parts[-1] and part in getattr(found, "__annotations__", {})
            found = getattr(found, part)
        return True
    return False


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Every option of every verb."""
    own = {text for action in parser._actions for text in action.option_strings}
    verbs = [a.choices.values() for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return own.union(*(options(verb) for some in verbs for verb in some))


def verbs(parser: argparse.ArgumentParser) -> set[str]:
    """Every verb."""
    return {v for a in parser._actions if isinstance(a, argparse._SubParsersAction) for v in a.choices}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_exists(name: str) -> None:
    if name.startswith("--"):
        assert name in options(build_parser())
    elif name.startswith("gnnreco "):
        assert name.split()[1] in verbs(build_parser())
    else:
        assert exists(name)


def test_a_name_that_does_not_exist_is_found() -> None:
    assert exists("gnnreco.columns.Hits.x")
    assert not exists("gnnreco.columns.Hits.nothing")
    assert not exists("gnnreco.nothing.Hits")


@pytest.mark.parametrize("word", VOCABULARY.replace("\n", " ").split(", "))
def test_every_word_is_explained_once(word: str) -> None:
    assert WORDS.count(word) == 1
