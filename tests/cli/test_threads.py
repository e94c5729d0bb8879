"""`--threads`: one option for every verb that computes, on one thread unless asked."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from gnnreco.cli import build_parser
from gnnreco.cli.threads import use_threads

VERBS = {
    "simulate": ["--detector", "d", "--events", "1", "-o", "x"],
    "reconstruct": ["x", "--detector", "d", "-o", "x"],
    "evaluate": ["x", "--truth", "y"],
    "compare-detectors": [],
    "deploy": ["jet-tagger", "-o", "x"],
    "bundle adapt": ["b", "--detector", "d", "-o", "x"],
    "bundle calibrate": ["b", "--detector", "d", "--data", "e", "-o", "x"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_that_compute_take_one_thread_unless_asked(verb: str) -> None:
    words = [*verb.split(), *VERBS[verb]]
    assert build_parser().parse_args(words).threads == 1
    assert build_parser().parse_args([*words, "--threads", "3"]).threads == 3


def test_libraries_that_are_loaded_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, int] = {}
    for name, most in (("numba", 2), ("torch", 8)):
        library = SimpleNamespace(
            set_num_threads=lambda n, name=name: told.update({name: n}),
            config=SimpleNamespace(NUMBA_NUM_THREADS=most),
        )
        monkeypatch.setitem(sys.modules, name, library)
    use_threads(4)
    assert told == {"numba": 2, "torch": 4}


def test_libraries_that_are_not_loaded_yet_read_it_when_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, variable in (("numba", "NUMBA_NUM_THREADS"), ("torch", "OMP_NUM_THREADS")):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setenv(variable, "7")
    use_threads(4)
    assert (os.environ["NUMBA_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]) == ("4", "4")


def test_train_has_them_as_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    from gnnreco.cli import main

    assert main(["train", "tracking", "--threads", "2", "--show"]) == 0
    assert "  threads: 2\n" in capsys.readouterr().out
    assert main(["train", "tracking", "--show"]) == 0
    assert "  threads: 1\n" in capsys.readouterr().out
