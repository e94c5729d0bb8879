"""Events in a bucket of S3 are opened and reconstructed as those on a disk are; moto plays the store, over a local socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.errors import BadInput, Unreachable
from gnnreco.events import open_events
from gnnreco.files import remote_copy
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.integrity import verify
from tests.reconstruct.toy import DETECTOR, N, contents

s3fs = pytest.importorskip("s3fs")
boto3 = pytest.importorskip("boto3")
server = pytest.importorskip("moto.server")
ClientError = pytest.importorskip("botocore.exceptions").ClientError
ROOT = Path(__file__).parents[3]
DISPLAY = ROOT / "examples" / "displays" / "lhcb_2017.json.gz"


@pytest.fixture
def store(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store with a bucket ``hep`` that holds the events of the toy in ``run7``, and a display beside."""
    monkeypatch.setattr(remote_copy, "PAUSE_S", 0.01)
    monkeypatch.setattr(remote_copy, "FRESH_S", 0.0)
    store = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    words = {"ACCESS_KEY_ID": "me", "SECRET_ACCESS_KEY": "secret", "DEFAULT_REGION": "us-east-1"}
    words["MAX_ATTEMPTS"] = "1"
    for name, value in {**words, "ENDPOINT_URL": f"http://{host}:{port}"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3fs.S3FileSystem.clear_instance_cache()  # of the store of another test
    client = boto3.client("s3")
    client.create_bucket(Bucket="hep")
    for file in (*sorted(inputs.iterdir()), DISPLAY):
        folder = "" if file == DISPLAY else "run7/"
        client.upload_file(str(file), "hep", folder + file.name)
    yield store
    store.stop()
    remote_copy.forget_all()


@pytest.mark.parametrize("name", ["run7/events-00000.parquet", "run7", "run7/", "run7/*.parquet"])
def test_files_folders_and_globs(store: Any, inputs: Path, name: str) -> None:
    there, here = open_events(f"s3://hep/{name}", None), open_events(inputs, None)
    assert there.numbers == here.numbers == list(range(N))
    for far, near in zip(there, here, strict=True):
        np.testing.assert_array_equal(far.hits.xyz, near.hits.xyz)
    assert there.sources[0] == "s3://hep/run7/events-00000.parquet"


def test_a_file_that_is_read_as_a_whole(store: Any) -> None:
    there, here = (open_events(place, None) for place in ("s3://hep/lhcb_2017.json.gz", DISPLAY))
    np.testing.assert_array_equal(there[0].hits.xyz, here[0].hits.xyz)


def test_what_is_found_is_the_same(store: Any, inputs: Path, bundle: Path, tmp_path: Path) -> None:
    far, near = tmp_path / "far", tmp_path / "near"
    manifest = reconstruct("s3://hep/run7/", DETECTOR, bundle, far)
    assert (manifest["events_out"], manifest["failures"]) == (N, [])
    reconstruct(inputs, DETECTOR, bundle, near)
    assert contents(far).keys() == contents(near).keys()
    assert verify(far, inputs=True)["whole"]


@pytest.mark.parametrize("name", ["hep/nowhere.parquet", "nowhere/events.parquet"])
def test_what_is_not_there_is_told_at_once(store: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_copy, "PAUSE_S", 1000.0)  # whoever asked again would wait for ever
    with pytest.raises(BadInput, match="does not exist"):
        open_events(f"s3://{name}", None)


def test_what_may_not_be_read_is_told_at_once(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_copy, "PAUSE_S", 1000.0)
    monkeypatch.setattr(remote_copy, "asked", refused)
    with pytest.raises(BadInput, match="is refused"):
        open_events("s3://hep/run7/events-00000.parquet", None)


def refused(address: str, what: str, *words: Any, **options: Any) -> None:
    """What s3fs raises where the key gives no right."""
    answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    raise PermissionError("Access Denied") from ClientError(answer, "HeadObject")


def test_a_store_that_has_gone_is_told(store: Any) -> None:
    source = open_events("s3://hep/run7/events-00000.parquet", None)
    store.stop()
    with pytest.raises(Unreachable, match="did not come in 3 tries"):
        open_events("s3://hep/run7/other.parquet", None)
    remote_copy.forget_all()
    with pytest.raises(Unreachable, match="did not come in 3 tries"):
        source[0]
