"""Small sound files of every format of events: what `mutant` damages, here and in ``scripts/fuzz.py``."""

from __future__ import annotations

import functools
import gzip
import importlib.util
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gnnreco.columns import Event
from gnnreco.events import open_events, open_jets
from gnnreco.events.parquet.jets import write_jets
from gnnreco.events.parquet.writer import write_parquet
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import simulate
from tests.events.parquet.test_jets import made as jets
from tests.events.readers.display.test_ispy import event as ispy_event
from tests.events.readers.display.test_odd_display import written as odd_display
from tests.events.readers.root.test_acts_root import hits as acts_hits
from tests.events.readers.root.test_acts_root import particles as acts_particles
from tests.events.readers.root.test_nanoaod import candidates
from tests.events.readers.root.test_nanoaod import written as nanoaod
from tests.events.readers.test_calochallenge import PHOTONS, showers
from tests.events.readers.test_calochallenge import written as showers_file
from tests.events.readers.test_hgcal_ntuple import branches
from tests.events.readers.test_hgcal_ntuple import written as ntuple
from tests.events.readers.test_lcio import contents, written

ROOT = Path(__file__).parents[2]
ACTS = ROOT / "tests" / "corpus" / "events" / "acts"
LCIO = ROOT / "tests" / "corpus" / "events" / "lcio"
EDM4HEP = ROOT / "tests" / "corpus" / "events" / "edm4hep"


@dataclass(frozen=True)
class Seed:
    """One file of an event, and what lies beside it.

    Attributes
    ----------
    name : str
        Of the file that is damaged.
    content : bytes
    others : dict of str
        Name to content of the files beside it.
    pack : callable
        What makes the file of the damaged content, such as an archive.
    jets : bool
        Whether it holds jets, and no hits.
    detector : str
        Name of the detector without which the file cannot be read.
    generated : bool
        Whether it holds particles of a generator, which are simulated in that detector.
    opened : str
        Name of the file that is opened, if it is another one.
    """

    name: str
    content: bytes
    others: dict[str, bytes] = field(default_factory=dict)
    pack: Callable[[bytes], bytes] = bytes
    jets: bool = False
    detector: str = ""
    generated: bool = False
    opened: str = ""

    def read(self, folder: Path, content: bytes) -> int:
        """Write the files, one of them with this content, and read all events; only `GnnrecoError` may come out."""
        for name, data in self.others.items():
            (folder / name).write_bytes(data)
        (folder / self.name).write_bytes(self.pack(content))
        if self.jets:
            return sum(
                bool(np.isfinite(block.jets.features).all()) for block in open_jets(folder / self.name)
            )
        if self.generated:
            return sum(
                map(is_sound, simulate(_detector(self.detector), str(folder / self.name), events=2, seed=1))
            )
        return sum(
            is_sound(event)
            for event in open_events(folder / (self.opened or self.name), _detector(self.detector))
        )


@functools.cache
def _detector(name: str) -> Detector | None:
    return load_detector(name) if name else None


def is_sound(event: Event) -> bool:
    """What every stage that follows relies on."""
    hits = event.hits
    assert len(np.unique(hits.hit_id)) == len(hits) == len(hits.sensor)
    assert np.isfinite(hits.xyz).all()
    if hits.deposits is not None:
        assert hits.deposits.offsets[-1] == len(hits.deposits.u) == len(hits.deposits.value)
    if event.truth is not None:
        assert np.all(event.truth.hit < len(hits))
        assert np.all(event.truth.particle < len(event.truth.particles))
        assert np.isfinite(event.truth.particles.px).all()
    return True


def _csv(tables: dict[str, bytes], kind: str, pack: Callable[[bytes], bytes] = bytes) -> Seed:
    """One table of a CSV event among the others; `pack` is for a file that is damaged after it was packed."""
    name = f"event000000007-{kind}.csv"
    others = {f"event000000007-{k}.csv": data for k, data in tables.items() if k != kind}
    return Seed(name, pack(tables[kind]), others)


def _lines(data: bytes, count: int) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:count])


def _file(write: Callable[[Path], object], name: str) -> Seed:
    """What a function writes into a file."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return Seed(name, (Path(folder) / name).read_bytes())


def _phoenix() -> bytes:
    cell = {"eta": 0.5, "phi": 1.1, "energy": 3500.0, "side": 30}
    box = [value for z in (0, 6) for x, y in ((0, 0), (2, 0), (2, 4), (0, 4)) for value in (x, y, z)]
    types = {
        "Hits": {"points": [[1, 2, 3]], "lines": [{"type": "Line", "pos": [0, 0, 0, 1, 1, 1]}], "none": None},
        "CaloCells": {"cylinder": [cell, {**cell, "radius": 1500, "z": 2000, "length": 9}]},
        "PlanarCaloCells": {
            "wall": {"plane": [0, 0, 1, 500], "cells": [{"cellSize": 4, "energy": 5, "pos": [1, 2]}]}
        },
        "IrregularCaloCells": {"any": [{"vtx": box, "layer": 1, "energy": 7}]},
        "CaloClusters": {"clusters": [cell]},
        "Jets": {"jets": [{"eta": 1, "phi": 2}]},
    }
    return json.dumps(
        {"first": {"event number": 4, "run number": 1, **types}, "second": {"Hits": {"a": [[1, 2, 3]]}}}
    ).encode()


def _lhcb() -> bytes:
    with gzip.open(ROOT / "examples" / "displays" / "lhcb_2017.json.gz") as stream:
        event = json.load(stream)
    return json.dumps(
        {key: value[:3] if isinstance(value, list) else value for key, value in event.items()}
    ).encode()


def _archive(content: bytes) -> bytes:
    """An archive of iSpy with one event."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Header", "made")
        archive.writestr("Events/Run_1/Event_5", content)
    return packed.getvalue()


def _table(file: Path) -> None:
    columns = {name: np.arange(8.0) for name in ("x", "y", "z", "tx", "energy")}
    whole = {"hit_id": np.arange(8), "event": np.arange(8) // 4, "particle_id": np.arange(8) % 3}
    pq.write_table(pa.table({**columns, **whole}), file, row_group_size=5)


def _again(file: Path) -> None:
    write_parquet(file, open_events(ACTS, None), None)
    pq.write_table(pq.read_table(file).replace_schema_metadata(None), file)


#: Two collisions as Pythia writes them, in text: whoever has no pyhepmc cannot write them.
HEPMC = """HepMC::Version 3.02.06
HepMC::Asciiv3-START_EVENT_LISTING
E 0 1 3
U MEV CM
P 1 0 23 0 0 1000 1000 0 2
V -1 0 [1] @ 2e-1 0 0 0
P 2 -1 13 1000 0 0 1000 0 1
P 3 -1 14 0 1000 0 1000 0 1
E 1 1 3
U MEV CM
P 1 0 23 0 0 2000 2000 0 2
V -1 0 [1] @ 2e-1 0 0 0
P 2 -1 13 2000 0 0 2000 0 1
P 3 -1 14 0 2000 0 2000 0 1
HepMC::Asciiv3-END_EVENT_LISTING
"""


#: The same of version 2: its vertices come before their particles, and name how many there are.
HEPMC2 = """HepMC::Version 2.06.11
HepMC::IO_GenEvent-START_EVENT_LISTING
E 0 0 0.0 0.0 0.0 0 0 1 10000 10000 0 0
U MEV CM
V -1 0 2.0e-01 0.0 0.0 0.0 1 2 0
P 10001 23 0.0 0.0 1.0e+03 1.0e+03 0.0 2 0 0 -1 0
P 10002 13 1.0e+03 0.0 0.0 1.0e+03 0.0 1 0 0 0 0
P 10003 14 0.0 1.0e+03 0.0 1.0e+03 0.0 1 0 0 0 0
E 1 0 0.0 0.0 0.0 0 0 1 10000 10000 0 0
U MEV CM
V -1 0 2.0e-01 0.0 0.0 0.0 1 2 0
P 10001 23 0.0 0.0 2.0e+03 2.0e+03 0.0 2 0 0 -1 0
P 10002 13 2.0e+03 0.0 0.0 2.0e+03 0.0 1 0 0 0 0
P 10003 14 0.0 2.0e+03 0.0 2.0e+03 0.0 1 0 0 0 0
HepMC::IO_GenEvent-END_EVENT_LISTING
"""


def _generated() -> dict[str, Seed]:
    if importlib.util.find_spec("pyhepmc") is None:
        return {}
    text = HEPMC.encode()
    plain = Seed("a.hepmc3", text, detector="trackml", generated=True)
    return {
        "hepmc": plain,
        "hepmc, version 2": replace(plain, name="a.hepmc2", content=HEPMC2.encode()),
        "hepmc, gzip": replace(plain, name="a.hepmc3.gz", content=gzip.compress(text, mtime=0)),
    }


@functools.cache
def seeds() -> dict[str, Seed]:
    """All of them, by name."""
    examples = ROOT / "examples" / "events"
    trackml = {
        kind: _lines(gzip.decompress((examples / f"event000000001-{kind}.csv.gz").read_bytes()), 40)
        for kind in ("hits", "cells", "particles", "truth")
    }
    acts = {file.stem.split("-", 1)[1]: file.read_bytes() for file in sorted(ACTS.glob("*.csv"))}
    text = json.dumps(ispy_event()).encode()
    hits = _file(acts_hits, "hits.root")
    particles = _file(acts_particles, "particles_simulation.root")
    return {
        **{f"trackml {kind}": _csv(trackml, kind) for kind in trackml},
        "trackml hits, gzip": _csv(trackml, "hits", functools.partial(gzip.compress, mtime=0)),
        **{f"acts {kind}": _csv(acts, kind) for kind in acts},
        "parquet": _file(lambda file: write_parquet(file, open_events(ACTS, None), None), "a.parquet"),
        "parquet, written again": _file(_again, "a.parquet"),
        "parquet, a row a hit": _file(_table, "a.parquet"),
        "jets": replace(
            _file(lambda file: write_jets(file, [jets(1, 5), jets(2, 3)], {"made": "by hand"}), "a.parquet"),
            jets=True,
        ),
        "phoenix": Seed("a.json", _phoenix()),
        "phoenix, lhcb": Seed("a.json", _lhcb()),
        "phoenix, gzip": Seed("a.json.gz", gzip.compress(_phoenix(), mtime=0)),
        "ispy, text": Seed("a.ig", text, pack=_archive),
        "ispy, archive": Seed("a.ig", _archive(text)),
        "lcio": Seed("a.slcio", (LCIO / "no_random_access.slcio").read_bytes()),
        "lcio, dst": _file(lambda file: written(file, contents(LCIO / "ild_dst.slcio", 3)), "a.slcio"),
        "lcio, hits": _file(lambda file: written(file, contents(LCIO / "sid_sim.slcio", 3)), "a.slcio"),
        "edm4hep, tree": Seed("a.root", (EDM4HEP / "all_types.edm4hep.root").read_bytes()),
        "edm4hep, ntuple": Seed("a.root", (EDM4HEP / "all_types_rntuple.edm4hep.root").read_bytes()),
        "acts root, hits": replace(hits, others={particles.name: particles.content}),
        "acts root, particles": replace(particles, others={hits.name: hits.content}, opened=hits.name),
        "odd display": _file(odd_display, "a.json"),
        "nanoaod, tree": _file(lambda file: nanoaod(file, candidates()), "a.root"),
        "nanoaod, ntuple": _file(lambda file: nanoaod(file, candidates(), ntuple=True), "a.root"),
        "hgcal ntuple": _file(lambda file: ntuple(file, branches()), "a.root"),
        "calochallenge": replace(
            _file(lambda file: showers_file(file, showers(3, 368)), "a.hdf5"), detector=PHOTONS
        ),
        **_generated(),
    }
