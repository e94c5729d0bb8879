"""No verb replaces what it wrote before, unless `--overwrite` says so; then nothing of the earlier result is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.cli import main
from gnnreco.deploy.folder import check_folder
from gnnreco.errors import BadConfig

SIMULATE = [
    "simulate",
    "--detector",
    "telescope",
    "--process",
    "beam",
    "--particle",
    "muon",
    "--energy",
    "1",
    "2",
]
VERBS = {
    "detector new": ["detector", "new", "{out}", "--kind", "planes"],
    "detector export": ["detector", "export", "telescope", "--format", "acts", "-o", "{out}"],
    "simulate": [*SIMULATE, "--events", "1", "-o", "{out}"],
    "simulate trackml": [*SIMULATE, "--events", "1", "--format", "trackml", "-o", "{out}"],
    "deploy": ["deploy", "jet-tagger", "-o", "{out}"],
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.mark.parametrize("verb", VERBS)
def test_a_result_is_replaced_only_when_asked(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(out=tmp_path / "out") for word in VERBS[verb]]
    assert main(words) == 0
    right = contents(tmp_path / "out")
    marked = next(
        f for f in sorted((tmp_path / "out").rglob("*")) if f.is_file() and f.name != "manifest.json"
    )
    marked.write_bytes(b"changed by hand")
    before = contents(tmp_path / "out")
    capsys.readouterr()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(tmp_path / "out") in said
    assert "--overwrite" in said
    assert contents(tmp_path / "out") == before
    assert main([*words, "--overwrite"]) == 0
    assert contents(tmp_path / "out") == right


def test_what_is_replaced_leaves_nothing(tmp_path: Path) -> None:
    many = [*SIMULATE, "--events", "60", "-o", str(tmp_path)]
    assert main(many) == 0
    (tmp_path / "notes.txt").write_text("mine")
    assert len(contents(tmp_path)) == 3
    assert main([*SIMULATE, "--events", "1", "-o", str(tmp_path), "--overwrite"]) == 0
    assert sorted(contents(tmp_path)) == ["events-00000.parquet", "notes.txt"]


def test_a_comparison_that_is_whole_is_not_replaced(tmp_path: Path, capsys) -> None:
    (tmp_path / "comparison.html").write_text("an earlier one")
    assert main(["compare-detectors", "telescope", "-o", str(tmp_path)]) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_a_bundle_is_calibrated_in_its_place_only_when_asked(tmp_path: Path, capsys) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    words = ["bundle", "calibrate", "clusters-density", "--detector", "telescope", "--data", "{}"]
    assert main([*SIMULATE, "--events", "1", "-o", str(tmp_path / "events")]) == 0
    words[-1] = str(tmp_path / "events")
    assert main([*words, "-o", str(tmp_path)]) == 2
    assert "manifest.json: is there already" in capsys.readouterr().err
    assert (tmp_path / "manifest.json").read_text() == "{}"


def test_no_export_takes_the_place_of_something_else(tmp_path: Path, capsys) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadConfig, match="holds other files"):
        check_folder(tmp_path, overwrite=True)
    with pytest.raises(BadConfig, match="is a file"):
        check_folder(tmp_path / "thesis.tex")
    (tmp_path / "manifest.json").write_text("{}")
    for words in (["jet-tagger", "--target", "onnx"], ["tracking-telescope"]):
        assert main(["deploy", *words, "-o", str(tmp_path), "--overwrite"]) == 2
        assert "name another folder" in capsys.readouterr().err
    assert (tmp_path / "manifest.json").read_text() == "{}"
