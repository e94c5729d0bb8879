"""Events on a web server are opened, converted and reconstructed as those on a disk of this machine are."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gnnreco.cli import main
from gnnreco.errors import BadInput, Unreachable
from gnnreco.events import open_events, write_events
from gnnreco.files import remote, remote_copy
from gnnreco.files.remote import RemoteFile
from gnnreco.geometry import load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.integrity import verify
from tests.reconstruct.batch.mortal import TOY_PROCESSES
from tests.reconstruct.toy import DETECTOR, N, contents, event, save
from tests.web import Web, serving

pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")
ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "tests" / "corpus" / "events"


@pytest.fixture
def web(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server with the events of the toy and a file of each format that is read in another way."""
    monkeypatch.setattr(remote_copy, "ANSWER_S", 5.0)
    monkeypatch.setattr(remote_copy, "PAUSE_S", 0.01)
    folder = tmp_path / "web"
    shutil.copytree(inputs, folder)
    shutil.copy(CORPUS / "edm4hep" / "all_types.edm4hep.root", folder)
    shutil.copy(CORPUS / "edm4hep" / "all_types_rntuple.edm4hep.root", folder)
    shutil.copy(CORPUS / "lcio" / "no_random_access.slcio", folder)
    shutil.copy(ROOT / "examples" / "displays" / "lhcb_2017.json.gz", folder)
    shutil.copytree(CORPUS / "acts", folder / "csv")
    with serving(folder) as web:
        yield web
    remote_copy.forget_all()


@pytest.mark.parametrize(
    "name",
    [
        "events-00000.parquet",
        "all_types.edm4hep.root",
        "all_types_rntuple.edm4hep.root",
        "no_random_access.slcio",
        "lhcb_2017.json.gz",
        "csv/",
        "csv/event000000007-measurements.csv",
    ],
)
def test_every_format_reads_the_same_from_there(web: Web, name: str) -> None:
    pytest.importorskip("uproot")
    there, here = open_events(f"{web.address}/{name}", None), open_events(web.folder / name, None)
    assert there.numbers == here.numbers
    assert len(there) > 0
    for far, near in zip(there, here):
        np.testing.assert_array_equal(far.hits.xyz, near.hits.xyz)
    assert there.sources[0].startswith(web.address)
    assert not any(isinstance(file, RemoteFile) for file in here.files)


def test_one_event_of_many_costs_a_part_of_the_file(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_copy, "BLOCK", 4096)
    monkeypatch.setattr(remote, "BUFFER", 4096)
    large = web.folder / "large"
    (file,) = write_events((event(i, 10000) for i in range(20)), large, detector=load_detector(DETECTOR))
    table = pq.read_table(file)
    pq.write_table(table, file, row_group_size=1)
    source = open_events(f"{web.address}/large/{file.name}", None)
    assert len(source[4].hits) == 10000
    assert web.bytes < file.stat().st_size / 3


def test_reconstruct(
    web: Web, bundle: Path, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, out = f"{web.address}/events-*.parquet", tmp_path / "out"
    told = reconstruct(address, DETECTOR, save(bundle), out)
    assert (told["events_out"], told["failures"]) == (N, [])
    reconstruct(inputs, DETECTOR, bundle, tmp_path / "near")
    assert contents(out) == contents(tmp_path / "near")
    near = json.loads((tmp_path / "near" / "manifest.json").read_text())
    (file,), (same,) = told["inputs"], near["inputs"]
    assert file["path"] == f"{web.address}/events-00000.parquet"
    assert (file["bytes"], file["sha256"]) == (
        same["bytes"],
        same["sha256"],
    )  # so small that all of it was read
    assert verify(out, inputs=True)["whole"]
    monkeypatch.setattr("gnnreco.reconstruct.run.processes", TOY_PROCESSES)
    reconstruct(address, DETECTOR, bundle, tmp_path / "two", workers=2)
    assert contents(tmp_path / "two") == contents(out)


def test_of_what_is_read_in_parts_the_version_is_kept(
    web: Web, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RemoteFile, "sha256", lambda _: "")
    address, out = f"{web.address}/events-00000.parquet", tmp_path / "out"
    (file,) = reconstruct(address, DETECTOR, save(bundle), out)["inputs"]
    assert file["sha256"] == ""
    assert verify(out, inputs=True)["whole"]
    again = reconstruct(address, DETECTOR, bundle, out, resume=True)
    assert again["events_timed"] == 0
    monkeypatch.setattr(remote_copy, "FRESH_S", 0.0)
    here = web.folder / "events-00000.parquet"
    later = here.stat().st_mtime + 60
    os.utime(here, (later, later))  # servers tell whole seconds
    assert "another version" in verify(out, inputs=True)["problems"][0]
    again = reconstruct(address, DETECTOR, bundle, out, resume=True)
    assert again["events_timed"] == N


def test_a_server_that_dies_in_the_middle_of_a_job(web: Web, bundle: Path, tmp_path: Path) -> None:
    assert len(open_events(f"{web.address}/events-00000.parquet", None)) == N
    web.always = "die"
    remote_copy.forget_all()
    with pytest.raises(BadInput, match=r"events-00000.parquet: bytes 0 to [\d,]+: did not come in 3 tries"):
        reconstruct(f"{web.address}/events-00000.parquet", DETECTOR, save(bundle), tmp_path / "out")


def test_a_job_ends_where_the_server_dies_and_goes_on_when_it_is_back(
    web: Web, bundle: Path, inputs: Path, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", web.folder / "events-00000.parquet"
    pq.write_table(pq.read_table(file), file, row_group_size=1)
    address = f"{web.address}/{file.name}"

    def dies(*_: object) -> None:
        web.always = "die"
        remote_copy.forget_all()

    with pytest.raises(Unreachable, match="did not come in 3 tries"):
        reconstruct(address, DETECTOR, save(bundle), out, progress=dies)
    assert len(list(out.glob("shard-*"))) == 1
    web.always = None
    again = reconstruct(address, DETECTOR, bundle, out, resume=True)
    assert (again["events_out"], again["failures"], again["events_timed"]) == (N, [], N - 8)


def test_the_command_line_takes_addresses(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, out = f"{web.address}/events-00000.parquet", tmp_path / "converted"
    assert main(["convert", address, "--detector", DETECTOR, "-o", str(out)]) == 0
    assert len(open_events(out, load_detector(DETECTOR))) == N
    page = tmp_path / "page.html"
    assert main(["explore", address, "--detector", DETECTOR, "--event", "3", "-o", str(page)]) == 0
    assert page.stat().st_size > 10_000
    capsys.readouterr()
    missing = f"{web.address}/none.parquet"
    assert main(["convert", missing, "--detector", DETECTOR, "-o", str(out), "--overwrite"]) == 2
    assert f"{missing}: does not exist" in capsys.readouterr().err
