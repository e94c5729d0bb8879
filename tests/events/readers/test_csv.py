"""CSV as tools write it: quotes, floats for ids, byte-order marks, gzip of several members, and gzip made to fill a memory."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.readers import bounded
from gnnreco.events.write import write_events
from tests.events.conftest import CORPUS

HITS = "hit_id,x,y,z,volume_id,layer_id,module_id\n1,0.5,2,3,8,2,1\n2,-1.5,4,5,8,2,2\n"
PARTICLES = "particle_id,vx,vy,vz,px,py,pz,q\n"


def event(folder: Path, hits: str | bytes = HITS, **others: str):
    """The event of these tables."""
    folder.mkdir(exist_ok=True)
    for kind, text in {"hits": hits, **others}.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / f"event000000001-{kind}.csv").write_bytes(content)
    return open_events(folder, None)[0]


@pytest.mark.parametrize(
    "text",
    [
        HITS.replace("hit_id", '"hit_id"').replace("1,0.5", '1,"0.5"'),
        "\n".join(",".join(f'"{word}"' for word in line.split(",")) for line in HITS.splitlines()) + "\n",
        HITS.replace("module_id\n", "module_id, note\n")
        .replace("8,2,1", '8,2,1,"a ""word"", and\nmore"')
        .replace("8,2,2", "8,2,2,x"),
        HITS.replace("\n", "\r\n"),
        "\ufeff" + HITS,
        HITS + "\n\n",
        HITS.replace("hit_id,x", "hit_id, x"),
        HITS.replace("1,0.5", "1.0,0.5").replace("8,2,2", "8.,2.0,2e0"),
    ],
)
def test_the_same_event_written_otherwise(text: str, tmp_path: Path) -> None:
    hits = event(tmp_path, text).hits
    assert hits.hit_id.tolist() == [1, 2]
    assert hits.hit_id.dtype == np.int64
    np.testing.assert_array_equal(hits.xyz, [[0.5, 2, 3], [-1.5, 4, 5]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HITS.replace("2,-1.5", "2.5,-1.5"), "line 3, column hit_id: '2.5' is not a whole number"),
        (
            HITS.replace("2,-1.5", "9007199254740994.0,-1.5"),
            "line 3, column hit_id: '9007199254740994.0' is not",
        ),
        (HITS.replace("2,-1.5", "1e300,-1.5"), "line 3, column hit_id: '1e300' is not"),
        (HITS.replace("2,-1.5", ",-1.5"), "line 3, column hit_id: '' is not"),
        (HITS.replace(",", ";"), "line 1: fields are separated by ';'; write them with commas"),
        (HITS.replace(",", "\t"), r"line 1: fields are separated by '\\t'"),
        (HITS.replace("y,z", "y,y"), "no column z"),
        (HITS.replace("volume_id", "layer_id"), "line 1: column layer_id occurs twice"),
        (b"\x28\xb5\x2f\xfd\x00\x01\n", "not text but zstd: unpack it"),
        (HITS.encode("utf-16"), "not text, so not a CSV file"),
        (b"hit_id,x,y,z,\xe9\n1,2,3,4,5\n", "not text"),
        (
            "event_id," + HITS.replace("\n1", "\n7,1").replace("\n2", "\n8,2"),
            "column event_id: 2 events in one table",
        ),
    ],
)
def test_what_is_refused(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message):
        event(tmp_path, text)


def test_ids_that_pandas_made_floats() -> None:
    read = open_events(CORPUS.parent / "csv-float-ids" / "ev", None)[0]
    assert read.hits.hit_id.tolist() == list(range(1, 25))
    assert read.truth is not None


def test_ids_of_64_bits_without_a_sign(tmp_path: Path, assert_same) -> None:
    read = open_events(CORPUS.parent / "csv-uint64-particle" / "ev", None)[0]
    assert read.truth is not None
    row = read.truth.particles.particle_id.astype(np.uint64).tolist().index(2**64 - 1)
    assert np.count_nonzero(read.truth.particle == row) == 6
    for format in ("trackml", "parquet"):
        write_events([read], tmp_path / format, format)
        again = open_events(tmp_path / format, None)[0].truth
        assert_same(again.particles.particle_id, read.truth.particles.particle_id)
        assert_same(again.particle, read.truth.particle)


def test_a_particle_with_id_0_is_a_particle(tmp_path: Path) -> None:
    tables = {"truth": "hit_id,particle_id\n1,0\n2,5\n", "particles": PARTICLES + "5,0,0,0,1,1,1,1\n"}
    read = event(tmp_path / "noise", **tables).truth
    assert read is not None
    assert (read.hit.tolist(), read.particles.particle_id.tolist()) == ([1], [5])
    tables["particles"] += "0,0,0,0,2,2,2,-1\n"
    listed = event(tmp_path / "listed", **tables)
    assert listed.truth is not None
    assert listed.truth.particles.particle_id[listed.truth.particle].tolist() == [0, 5]
    tables = {"truth": "hit_id,particle_id\n1,7\n2,5\n", "particles": PARTICLES + "0,0,0,0,1,1,1,1\n"}
    assert event(tmp_path / "unseen", **tables).truth.hit.tolist() == [0, 1]


def test_noise_beside_a_particle_0_cannot_be_written_as_trackml(tiny, tmp_path: Path) -> None:
    tiny.truth.particles.particle_id[0] = 0
    with pytest.raises(
        BadInput, match="a particle has the id 0, by which TrackML means noise, and 1 hits are noise"
    ):
        write_events([tiny], tmp_path, "trackml")


def test_columns_that_nobody_knows_are_counted(tmp_path: Path) -> None:
    hits = HITS.replace("module_id", "module_id,time").replace("8,2,1", "8,2,1,5").replace("8,2,2", "8,2,2,5")
    truth = "hit_id,particle_id,flavour\n1,5,1\n2,5,2\n"
    assert event(tmp_path, hits, truth=truth).left_aside == {
        "column time of hits": 1,
        "column flavour of truth": 1,
    }


def packed(folder: Path, data: bytes) -> Path:
    file = folder / "event000000001-hits.csv.gz"
    file.write_bytes(data)
    return file


def test_gzip_of_several_members(tmp_path: Path) -> None:
    head, *lines = HITS.encode().splitlines(keepends=True)
    file = packed(
        tmp_path, gzip.compress(b"") + gzip.compress(head) + b"".join(map(gzip.compress, lines)) + b"\0" * 9
    )
    assert open_events(file, None)[0].hits.hit_id.tolist() == [1, 2]


def test_bytes_behind_gzip(tmp_path: Path) -> None:
    file = packed(tmp_path, gzip.compress(HITS.encode()) + b"3,1,1,1,8,2,1\n")
    with pytest.raises(BadInput, match="gzip data damaged or cut off"):
        open_events(file, None)[0]


def test_gzip_in_gzip(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not text but gzip: unpack it"):
        open_events(packed(tmp_path, gzip.compress(gzip.compress(HITS.encode()))), None)[0]


def test_gzip_that_fills_a_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 kB that unpack to 64 MB: of one member, and of many."""
    monkeypatch.setattr(bounded, "TEXT_BYTES", 1 << 20)
    packer = zlib.compressobj(wbits=31)
    zeros = packer.compress(bytes(1 << 26)) + packer.flush()
    for rest in (zeros, gzip.compress(bytes(1 << 19)) * 3):
        file = packed(tmp_path, gzip.compress(HITS.encode()) + rest)
        with pytest.raises(BadInput, match="unpacks to more than 1 MB; no event is so large"):
            open_events(file, None)[0]


def test_no_more_is_asked_of_a_file_than_it_has() -> None:
    """Python takes memory for all that is asked for, beyond what is in use, and what is read next lies beyond that."""
    asked = []

    class File(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            return super().read(size)

    assert bounded.read_text(SimpleNamespace(open=lambda _: File(HITS.encode()))) == HITS.encode()
    assert asked == [2, len(HITS) + 1]
