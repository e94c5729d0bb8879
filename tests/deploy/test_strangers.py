"""Manifests, settings, programs and tensors of right sums and wrong shape: one line of gnnreco's own, never a traceback."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.bundle import SHIPPED, load_bundle, load_task
from gnnreco.bundle.files import manifest_sum, sha256
from gnnreco.deploy.folder import load_manifest
from gnnreco.deploy.program.program import ARRAYS, JSON, Program
from gnnreco.errors import BadBundle, BadInput, GnnrecoError
from gnnreco.files.tensor_file import parse_tensors
from tests.deploy.programs import program
from tests.mutants import mutant

CORPUS = Path(__file__).parents[1] / "corpus"
FILES = program("pairs").files()


@pytest.mark.parametrize("case", ["k33", "k69", "k131"])
def test_a_bundle_manifest_of_the_wrong_shape(tmp_path: Path, case: str) -> None:
    folder = Path(shutil.copytree(SHIPPED / "tracking-telescope", tmp_path / "b"))
    shutil.copyfile(CORPUS / "bundle-manifest" / f"{case}.json", folder / "manifest.json")
    with pytest.raises(BadBundle, match=r"manifest\.json: .*(weights\.safetensors|detector)"):
        load_bundle(folder)


def test_a_firmware_manifest_and_program_of_the_wrong_shape(tmp_path: Path) -> None:
    manifest = json.loads((CORPUS / "firmware-manifest" / "files-is-a-list.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"sha256": manifest_sum(manifest)}))
    with pytest.raises(BadBundle, match=r"manifest\.json: .*files"):
        load_manifest(tmp_path)
    head = json.loads(FILES[JSON])
    place = next(i for i, op in enumerate(head["ops"]) if op["kind"] == "dense")
    head["ops"][place]["inputs"] = []
    with pytest.raises(
        BadBundle, match=r"program\.json: operation \d+ \(dense\) reads 0 values, and needs 1"
    ):
        Program.parse(FILES | {JSON: json.dumps(head).encode()}, tmp_path)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_mutated_programs_and_headers(seed: int) -> None:
    data = FILES[ARRAYS]
    end = 8 + int.from_bytes(data[:8], "little")
    header = mutant(data[8:end], seed)
    arrays = len(header).to_bytes(8, "little") + header + data[end:]
    for content in (FILES | {JSON: mutant(FILES[JSON], seed)}, FILES | {ARRAYS: arrays}):
        with contextlib.suppress(GnnrecoError):
            Program.parse(content, Path("folder"))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["manifest.json", "config.yaml"]))
def test_mutated_bundles(tmp_path_factory: pytest.TempPathFactory, seed: int, name: str) -> None:
    folder = Path(shutil.copytree(SHIPPED / "jet-particles", tmp_path_factory.mktemp("b") / "b"))
    manifest = json.loads((folder / "manifest.json").read_text())
    text = mutant((folder / name).read_bytes(), seed)
    (folder / name).write_bytes(text)
    if name == "config.yaml":
        manifest["files"][name] = {"bytes": len(text), "sha256": sha256(text)}
        (folder / "manifest.json").write_text(json.dumps(manifest | {"sha256": manifest_sum(manifest)}))
    with contextlib.suppress(GnnrecoError):
        load_task(load_bundle(folder), None)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}, "too large to be held"),
        ({"a": {"dtype": "F32", "shape": [0, 1 << 60], "data_offsets": [0, 0]}}, "too large to be held"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, "has 4 bytes"),
        ({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, "numbers of kind"),
        ({"a": 7}, "must be declared by"),
        ([], "header of at most"),
    ],
)
def test_tensors_declare_what_is_there(header: object, why: str) -> None:
    head = json.dumps(header).encode()
    with pytest.raises(BadInput, match=why):
        parse_tensors(len(head).to_bytes(8, "little") + head + b"1234", "w.safetensors")
    with pytest.raises(BadInput, match="header does not fit"):
        parse_tensors((1 << 62).to_bytes(8, "little"), "w.safetensors")
