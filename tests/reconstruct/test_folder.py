"""A folder used again: never two jobs in one, never a damaged file kept, never an output replaced without a word."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gnnreco.errors import BadInput
from gnnreco.events import write_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.folder import Output
from tests.reconstruct.toy import DETECTOR, N, contents, event, save


def numbers(folder: Path) -> list[int]:
    return sorted(row[0] for row in read_tracks(folder))


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text()))


def listing(folder: Path) -> list[str]:
    """What is there but reports, which are no part of the output."""
    files = [f for f in folder.rglob("*") if f.is_file() and not f.name.startswith("report")]
    return sorted(str(f.relative_to(folder)) for f in files)


def test_another_n_is_refused_and_replaced_only_on_request(
    inputs: Path, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for i in range(2):
        reconstruct(inputs, DETECTOR, bundle, out, shard=(i, 2))
    before = contents(out)
    for how in ({"shard": (0, 3)}, {}, {"shard": (0, 3), "resume": True}):
        with pytest.raises(BadInput, match=r"of another job \(another number of shards\); .*overwrite=True"):
            reconstruct(inputs, DETECTOR, bundle, out, **how)  # type: ignore[arg-type]
    assert contents(out) == before
    assert numbers(out) == list(range(N))
    for i in range(3):
        reconstruct(inputs, DETECTOR, bundle, out, shard=(i, 3), overwrite=True)
    assert numbers(out) == list(range(N))
    assert manifest(out)["events_in"] == N
    assert len(contents(out)) == len(manifest(out)["shards"])
    reconstruct(inputs, DETECTOR, bundle, out, overwrite=True)
    assert numbers(out) == list(range(N))
    assert listing(out) == ["manifest.json", *(f"shard-{k:08d}.parquet" for k in (0, 8, 16))]
    assert [file.name for file in out.glob("report*")] == ["report.json"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"inputs": "other"}, "other inputs"),
        ({"bundle": "other"}, "another bundle"),
        ({"cells": False}, "with cells=False"),
        ({"threads": 2}, "another number of threads"),
        ({"format": "root"}, "another format"),
    ],
)
def test_parts_of_two_jobs_do_not_mix(
    inputs: Path, bundle: Path, tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    """Each ends like the other, with the same n, but one thing differs that changes what is written."""
    out, how = tmp_path / "out", dict(change)
    first = reconstruct(inputs, DETECTOR, bundle, out, shard=(0, 2))
    if "bundle" in how:
        how["bundle"] = save(tmp_path / "other", fail_at=[3])
    if "inputs" in how:  # the same names and numbers
        how["inputs"] = tmp_path / "others"
        write_events((event(i, 4) for i in range(N)), how["inputs"], detector=load_detector(DETECTOR))
    source, model = how.pop("inputs", inputs), how.pop("bundle", bundle)
    with pytest.raises(BadInput, match=word):
        reconstruct(source, DETECTOR, model, out, shard=(1, 2), **how)
    second = reconstruct(source, DETECTOR, model, out, shard=(1, 2), overwrite=True, **how)
    assert first["job"] != second["job"]
    assert not (out / "manifest.json").exists()
    assert listing(out) == sorted(["manifest-00001-of-00002.json", *(s["file"] for s in second["shards"])])


def test_one_flipped_bit_is_found_and_made_good(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reconstruct(inputs, DETECTOR, bundle, out)
    before = contents(out)
    file = out / "shard-00000008.parquet"
    data = before[file.name]
    for place in range(0, len(data), len(data) // 12):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        with pytest.raises(BadInput, match=r"damaged.*resume=True"):
            list(read_tracks(out))
        result = reconstruct(inputs, DETECTOR, bundle, out, resume=True)
        assert (result["events_in"], result["events_timed"]) == (N, 8)
        assert contents(out) == before


def test_a_flipped_bit_in_root(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    result = reconstruct(inputs, DETECTOR, bundle, tmp_path, format="root")
    assert all(len(shard["sha256"]) == 64 for shard in result["shards"])
    file = tmp_path / "shard-00000000.root"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)
    again = reconstruct(inputs, DETECTOR, bundle, tmp_path, format="root", resume=True)
    assert again["events_timed"] == 8


@pytest.mark.parametrize("when", ["journal", "unlink", "describe", "close"])
def test_whenever_it_dies_the_rest_is_done(
    inputs: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A resumed run dies again: before its journal is there, after, before its manifest, after it."""
    out = tmp_path / "out"
    reconstruct(inputs, DETECTOR, bundle, out)
    before = contents(out)
    (out / "shard-00000008.parquet").unlink()
    place = {
        "journal": "gnnreco.reconstruct.folder.write_file",
        "unlink": "gnnreco.reconstruct.folder.remove_drafts",
        "describe": "gnnreco.reconstruct.manifest.describe",
        "close": "gnnreco.reconstruct.folder.Output.close",
    }[when]

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(place, die)
        with pytest.raises(KeyboardInterrupt):
            reconstruct(inputs, DETECTOR, bundle, out, resume=True)
    result = reconstruct(inputs, DETECTOR, bundle, out, resume=True)
    assert result["events_timed"] == (0 if when in ("describe", "close") else 8)
    assert contents(out) == before
    assert listing(out) == ["manifest.json", *sorted(before)]


def test_the_same_inputs_by_another_path_give_the_same_bytes(
    inputs: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run" / "events"
    shutil.copytree(inputs, folder)
    (folder / "event000000777-hits.csv").write_text("hit_id,x,y,z\n1,nan,2,3\n")
    names = (folder, Path("run/events"), Path("run/../run/events"), Path("run/events/*"))
    monkeypatch.chdir(tmp_path)
    outputs = []
    for k, name in enumerate(names):
        result = reconstruct(name, DETECTOR, bundle, tmp_path / str(k))
        outputs.append(contents(tmp_path / str(k)))
        (failure,) = result["failures"]
        prefix = str(name).removesuffix("/*")
        assert failure["source"] == f"{prefix}/event000000777"  # the user's own name, where the user reads it
        assert failure["reason"].startswith(f"{prefix}/event000000777-hits.csv: line 2")
        assert all(file["path"].startswith(prefix) for file in result["inputs"])
    assert all(output == outputs[0] for output in outputs)
    assert not any(str(tmp_path).encode() in data for data in outputs[0].values())


def test_readers_take_what_the_manifest_lists(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    reconstruct(inputs, DETECTOR, bundle, tmp_path)
    shutil.copy(tmp_path / "shard-00000000.parquet", tmp_path / "shard-00000099.parquet")
    assert numbers(tmp_path) == list(range(N))
    content = manifest(tmp_path)
    (tmp_path / "shard-00000008.parquet").unlink()
    with pytest.raises(BadInput, match=r"shard-00000008.parquet: manifest.json lists it, but it is missing"):
        numbers(tmp_path)
    content["shards"][0]["file"] = "../shard-00000000.parquet"
    for text in (json.dumps(content), "{}", "[]", '{"shards": [1]}', "not JSON"):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(BadInput):
            numbers(tmp_path)


def test_a_file_that_no_manifest_lists_is_not_replaced(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "shard-00000100.parquet").write_text("of somebody")
    with pytest.raises(BadInput, match=r"holds shard-00000100.parquet, which no manifest lists"):
        reconstruct(inputs, DETECTOR, bundle, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    reconstruct(inputs, DETECTOR, bundle, tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").exists()
    assert not (tmp_path / "shard-00000100.parquet").exists()


def test_a_bundle_is_not_taken_for_an_output(inputs: Path, bundle: Path) -> None:
    before = (bundle / "manifest.json").read_bytes()
    with pytest.raises(BadInput, match="is not of an output"):
        reconstruct(inputs, DETECTOR, bundle, bundle, overwrite=True)
    assert (bundle / "manifest.json").read_bytes() == before


def test_of_two_jobs_that_begin_at_once_one_is_refused(
    inputs: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, begun = Output.claim, []

    def both(self: Output, *args: Any) -> Any:
        """The other job looks at the folder and begins just before this one does."""
        if not begun:
            begun.append(self)
            with monkeypatch.context() as patch:
                patch.setattr("gnnreco.reconstruct.folder.remove_drafts", lambda *_: claim(self, *args))
                return claim(Output(self.folder, None, {**self.job, "inputs": "others"}), *args)
        return claim(self, *args)

    monkeypatch.setattr(Output, "claim", both)
    with pytest.raises(BadInput, match="another job"):
        reconstruct(inputs, DETECTOR, bundle, tmp_path)


def test_options_are_on_record(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    one = reconstruct(inputs, DETECTOR, bundle, tmp_path / "one", command="gnnreco reconstruct ...")
    two = reconstruct(inputs, DETECTOR, bundle, tmp_path / "two", cells=False, any_detector=True)
    assert one["command"] == "gnnreco reconstruct ..."
    assert one["options"] == {
        "detector": DETECTOR,
        "bundle": str(bundle),
        "engine": "native",
        "threads": 1,
        "clusters": True,
        "format": "parquet",
        "any_detector": False,
        "shard": None,
    }
    assert (two["options"]["clusters"], two["options"]["any_detector"]) == (False, True)
    assert contents(tmp_path / "one").keys() == contents(tmp_path / "two").keys()
    assert contents(tmp_path / "one") != contents(tmp_path / "two")
    assert "path" not in one["detector"]
    assert one["bundle"]["path"] == str(bundle)


def test_without_torch(inputs: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    version = metadata.version

    def hidden(name: str) -> str:
        if name == "torch":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", hidden)
    result = reconstruct(inputs, DETECTOR, bundle, tmp_path)
    assert result["versions"]["torch"] is None
    assert result["versions"]["numba"]
