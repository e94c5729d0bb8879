"""The bundle behind a firmware is found again, or said not to be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gnnreco.bundle import load_bundle
from gnnreco.deploy.proof.provenance import find_trained, provenance, trained_program
from gnnreco.errors import BadBundle
from tests.deploy.proof.test_forged import written


def test_a_bundle_is_found_by_its_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it ships, where it lies here under its name, or where somebody says; a name alone proves nothing."""
    bundle = written(tmp_path / "tagger", "pairs", 1)
    said = provenance(bundle)
    assert not [v for v in said.values() if str(tmp_path) in str(v)], "no path of this machine"
    monkeypatch.chdir(tmp_path)
    found = find_trained("tagger", said["sha256"])
    assert found is not None
    assert found.manifest == bundle.manifest
    assert find_trained("../x/tagger", said["sha256"]) is None
    written(tmp_path / "tagger", "pairs", 2)
    assert find_trained("tagger", said["sha256"]) is None
    assert find_trained("tagger", said["sha256"], "tagger") is not None
    shipped = load_bundle("jet-tagger")
    there = find_trained("another name", shipped.manifest["sha256"])
    assert there is not None
    assert there.folder == shipped.folder
    with pytest.raises(BadBundle, match="neither a folder"):
        find_trained("tagger", said["sha256"], "nowhere")


def test_other_tasks_have_no_program():
    with pytest.raises(BadBundle, match="only those of `gnnreco train trigger`"):
        trained_program(load_bundle("tracking-hex"))
