"""`reconstruct --map`: a table of a user's own gives what `convert --map` and then `reconstruct` give."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from gnnreco.cli import main
from gnnreco.errors import BadInput
from gnnreco.events import open_events, write_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.status import left_to_do, parts_of
from gnnreco.simulate import SimulationOptions, simulate

DETECTOR, BUNDLE = "telescope", "tracking-telescope"
MAP = "event=run,hit_id=id,x=hx[cm],y=hy[cm],z=hz[cm],particle_id=by,tpx=kx,tpy=ky,tpz=kz"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four events as a tree of lists, in cm; beside it the same events in our format."""
    folder, detector = tmp_path_factory.mktemp("tables"), load_detector(DETECTOR)
    options = SimulationOptions(particle="muon", energy=(2.0, 10.0), count=4)
    write_events(simulate(detector, "beam", 4, seed=3, options=options), folder / "ours", detector=detector)
    rows = []
    for event in open_events(folder / "ours", detector):
        hits, truth = event.hits, event.truth
        assert truth is not None
        made, by, momentum = truth.particles, np.zeros(len(hits), np.int64), np.zeros((3, len(hits)))
        by[truth.hit] = made.particle_id[truth.particle]
        momentum[:, truth.hit] = np.stack([made.px, made.py, made.pz])[:, truth.particle]
        own = {"id": hits.hit_id, "by": by, "hx": hits.x / 10, "hy": hits.y / 10, "hz": hits.z / 10}
        rows.append({"run": event.number, **own, **dict(zip(("kx", "ky", "kz"), momentum, strict=True))})
    with uproot.recreate(folder / "mine.root") as file:
        file["hits"] = {
            name: np.array([row[name] for row in rows])
            if name == "run"
            else ak.Array([row[name].tolist() for row in rows])
            for name in rows[0]
        }
    return folder / "mine.root"


def test_tracks_of_a_mapped_table(table: Path, tmp_path: Path) -> None:
    more = ["--detector", DETECTOR, "--bundle", BUNDLE]
    ours, mapped, known = tmp_path / "ours", tmp_path / "mapped", tmp_path / "known"
    assert main(["convert", str(table), "--map", MAP, "--detector", DETECTOR, "-o", str(ours)]) == 0
    assert main(["reconstruct", str(table), "--map", MAP, *more, "--workers", "2", "-o", str(mapped)]) == 0
    assert main(["reconstruct", str(ours), *more, "-o", str(known)]) == 0
    found, expected = ([(n, tracks) for n, _, tracks in read_tracks(out)] for out in (mapped, known))
    assert len(found) == 4
    assert min(len(tracks) for _, tracks in found) > 0
    assert found == expected
    assert main(["evaluate", str(mapped), "--truth", str(table), "--map", MAP]) == 0


def test_what_is_left_of_a_job_with_a_map_is_redone_with_it(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reconstruct(table, DETECTOR, BUNDLE, out, columns=MAP)
    before = {file.name: file.read_bytes() for file in out.glob("shard-*")}
    with pytest.raises(BadInput, match="another map of columns"):
        reconstruct(table, DETECTOR, BUNDLE, out, columns="x=hx,y=hy,z=hz,event=run", resume=True)
    with pytest.raises(BadInput, match="another map of columns"):
        reconstruct(table.parent / "ours", DETECTOR, BUNDLE, out, resume=True)
    next(out.glob("shard-*")).unlink()
    assert [due["why"] for due in left_to_do(*parts_of(out), out)] == ["missing"]
    assert main(["resubmit", str(out)]) == 0
    assert {file.name: file.read_bytes() for file in out.glob("shard-*")} == before
