"""What an output folder says of its job: how far it is, what is left to do, and whether it is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gnnreco import cli
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.integrity import verify
from gnnreco.reconstruct.status import left_to_do, parts_of, status
from gnnreco.reconstruct.workers import stop
from tests.events.readers.root.test_acts_root import hits, particles
from tests.reconstruct.toy import DETECTOR, N, contents, save


def stopped_after(lots: int) -> Any:
    """What to give as `progress` to stop a job after so many lots."""
    calls: list[int] = []

    def progress(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == lots:
            stop.ask()

    return progress


def test_a_job_that_is_done(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reconstruct(inputs, DETECTOR, save(bundle, fail_at=[3]), out)
    told = status(out)
    assert (told["state"], told["events"], told["done"], told["out"]) == ("finished", N, N, N - 1)
    assert (told["failed"], told["quarantined"], told["seconds_left"]) == (1, 0, None)
    assert told["events_per_second"] > 0
    assert verify(out, inputs=True) == {
        "whole": True,
        "files": 3,
        "bytes": sum(map(len, contents(out).values())),
        "events_in": N,
        "events_out": N - 1,
        "events_failed": 1,
        "problems": [],
    }
    (due,) = left_to_do(*parts_of(out), out)
    assert due == {"part": "-", "file": "shard-00000000.parquet", "events": 8, "why": "1 failed"}


def test_a_job_that_was_stopped_goes_on(
    inputs: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(Exception, match="stopped after 8 of 20 events"):
        reconstruct(inputs, DETECTOR, bundle, out, progress=stopped_after(1))
    told = status(out)
    assert (told["state"], told["events"], told["done"], told["out"]) == ("dead", N, 8, 8)
    assert not verify(out)["whole"]
    assert cli.main(["resubmit", str(out), "--list"]) == 1
    assert "not done" in capsys.readouterr().out
    assert cli.main(["resubmit", str(out)]) == 0
    assert verify(out)["whole"]
    assert cli.main(["resubmit", str(out)]) == 0
    assert "nothing failed, nothing is missing" in capsys.readouterr().out
    reconstruct(inputs, DETECTOR, bundle, tmp_path / "clean")
    assert contents(out) == contents(tmp_path / "clean")


def test_resubmit_redoes_exactly_what_is_missing_of_an_array(
    inputs: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four parts one was never begun, one lost a file, one has a flipped bit; it is called from elsewhere."""
    monkeypatch.chdir(inputs.parent)
    out = tmp_path / "out"
    for i in (0, 1, 3):
        reconstruct(inputs.name, DETECTOR, bundle, out, shard=(i, 4))
    (out / "shard-00000000.parquet").unlink()
    file = out / "shard-00000015.parquet"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    told = status(out)
    assert (told["state"], told["events"], told["done"]) == ("missing", None, 15)
    assert [part["state"] for part in told["parts"]] == ["finished", "finished", "missing", "finished"]
    monkeypatch.chdir(tmp_path)
    listed = tmp_path / "list.json"
    assert cli.main(["resubmit", "out", "--json", str(listed)]) == 0
    assert [(row["part"], row["why"]) for row in json.loads(listed.read_text())] == [
        ("0/4", "missing"),
        ("2/4", "not begun"),
        ("3/4", "damaged"),
    ]
    assert verify(out)["whole"]
    monkeypatch.chdir(inputs.parent)
    for i in range(4):
        reconstruct(inputs.name, DETECTOR, bundle, tmp_path / "clean", shard=(i, 4))
    assert contents(out) == contents(tmp_path / "clean")


def test_whatever_is_wrong_with_an_output_is_found(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    sound, out = tmp_path / "sound", tmp_path / "out"
    reconstruct(inputs, DETECTOR, bundle, sound)
    manifest = json.loads((sound / "manifest.json").read_text())
    flipped = bytearray((sound / "shard-00000008.parquet").read_bytes())
    flipped[100] ^= 2
    fewer = json.dumps(manifest | {"shards": manifest["shards"][:2]})
    wrongs: list[tuple[str, bytes | None, str]] = [
        ("shard-00000008.parquet", None, "is missing"),
        ("shard-00000008.parquet", bytes(flipped), "is damaged"),
        ("shard-00000008.parquet", (sound / "shard-00000000.parquet").read_bytes(), "is damaged"),
        ("shard-00000024.parquet", b"", "is not in the manifest"),
        ("journal.jsonl", b"{}\n", "is of a job that is not finished"),
        (".gnnreco-x.part", b"", "what a process left"),
        ("manifest.json", fewer.encode(), "4 events are in no file"),
        ("manifest.json", json.dumps(manifest | {"hits": 1}).encode(), "is not what was written"),
        ("manifest.json", b"{", "cannot be read"),
        ("manifest.json", None, "is missing"),
    ]
    for name, content, problem in wrongs:
        shutil.copytree(sound, out)
        if content is None:
            (out / name).unlink()
        else:
            (out / name).write_bytes(content)
        told = verify(out)
        assert not told["whole"]
        assert any(problem in line for line in told["problems"]), told["problems"]
        assert cli.main(["verify", str(out)]) == 1
        shutil.rmtree(out)
    assert cli.main(["verify", str(sound)]) == 0


@pytest.mark.parametrize("verb", ["verify", "status", "resubmit"])
@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_folder_is_named(
    verb: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert cli.main([verb, str(tmp_path / name)]) == 2
    assert (
        capsys.readouterr().err
        == f"gnnreco: {tmp_path / name}: is no folder; give what `gnnreco reconstruct -o` named\n"
    )


def test_an_input_that_changed_is_found(inputs: Path, bundle: Path, tmp_path: Path) -> None:
    """In the middle of the file, where the plan does not look: by its sum, when its time says so."""
    copy, out = tmp_path / "events", tmp_path / "out"
    copy.mkdir()
    for i in range(2):
        lines = [f"{k + 1},{k},{i},{k},8,2,1" for k in range(20_000)]
        text = "\n".join(["hit_id,x,y,z,volume_id,layer_id,module_id", *lines, ""])
        (copy / f"event00000000{i}-hits.csv").write_text(text)
    first = reconstruct(copy, DETECTOR, bundle, out)
    assert reconstruct(copy, DETECTOR, bundle, out, resume=True)["events_timed"] == 0
    text = text.replace("10001,10000,1,", "10001,10000,2,")
    (copy / "event000000001-hits.csv").write_text(text)
    assert verify(out)["whole"]
    assert "is not the file that was read" in verify(out, inputs=True)["problems"][0]
    again = reconstruct(copy, DETECTOR, bundle, out, resume=True)
    assert again["job"] == first["job"]
    assert (again["events_timed"], again["failures"]) == (2, [])
    assert again["inputs"][1]["sha256"] != first["inputs"][1]["sha256"]
    assert verify(out, inputs=True)["whole"]


def test_files_of_truth_are_noted_but_not_opened_as_events(bundle: Path, tmp_path: Path) -> None:
    files = [hits(tmp_path / "hits.root"), particles(tmp_path / "particles_simulation.root")]
    result = reconstruct(files[0], DETECTOR, bundle, tmp_path / "out")
    assert (result["events_out"], result["failures"]) == (2, [])
    assert [file["path"] for file in result["inputs"]] == list(map(str, files))
