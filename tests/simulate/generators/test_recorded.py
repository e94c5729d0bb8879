"""Collisions of a HepMC file: event i is collision i, in our units, wherever it is asked for."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadConfig, BadInput
from gnnreco.geometry import load_detector
from gnnreco.simulate import simulate
from gnnreco.simulate.generators import hepmc_columns

pyhepmc = pytest.importorskip("pyhepmc")
CORPUS = Path(__file__).parents[2] / "corpus" / "hepmc-numbers-of-nothing"


def written(file: Path, n: int = 3) -> Path:
    """Collisions in MeV and cm: the i-th has a muon of i + 1 GeV that starts at 2 mm, and a neutrino."""
    with pyhepmc.open(str(file), "w") as out:
        for i in range(n):
            event = pyhepmc.GenEvent(pyhepmc.Units.MEV, pyhepmc.Units.CM)
            event.event_number = i
            energy = 1000.0 * (i + 1)
            first = pyhepmc.GenParticle((0, 0, energy, energy), 23, 2)
            vertex = pyhepmc.GenVertex((0.2, 0, 0, 0))
            vertex.add_particle_in(first)
            vertex.add_particle_out(pyhepmc.GenParticle((energy, 0, 0, energy), 13, 1))
            vertex.add_particle_out(pyhepmc.GenParticle((0, energy, 0, energy), 14, 1))
            event.add_vertex(vertex)
            out.write(event)
    return file


def test_event_i_is_collision_i(tmp_path: Path) -> None:
    file = written(tmp_path / "a.hepmc3")
    detector = load_detector("trackml")
    events = list(simulate(detector, str(file), events=3, seed=1))
    for i, event in enumerate(events):
        assert event.truth is not None
        particles = event.truth.particles
        muon = int(np.flatnonzero(particles.pdg == 13)[0])
        assert particles.px[muon] == pytest.approx(i + 1)
        assert (particles.vx[muon], particles.vz[muon]) == (pytest.approx(2), 0)
    assert next(simulate(detector, str(file), first=2, seed=1)) == events[2]
    packed = tmp_path / "b.hepmc3.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert next(simulate(detector, str(packed), seed=1)).hits == events[0].hits


def test_more_events_than_the_file_holds(tmp_path: Path) -> None:
    file = written(tmp_path / "a.hepmc", 1)
    made = simulate("telescope", str(file), events=2)
    next(made)
    with pytest.raises(BadInput, match="holds 1 collisions"):
        next(made)


@pytest.mark.parametrize("name", ["nothing.hepmc", "a.hepmc3.zst"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadConfig, match=r"no such file|unpack it"):
        simulate("telescope", str(tmp_path / name))


@pytest.mark.parametrize("text", [b"", b"HepMC::Version 3\n", b"\0" * 500, b"E 0 1 2\nP 1 0 13 1 2\n"])
def test_damaged_files_are_bad_input(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "a.hepmc3"
    file.write_bytes(text)
    with pytest.raises(BadInput):
        next(simulate("telescope", str(file)))


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.hepmc*")), ids=lambda file: file.name)
def test_what_pyhepmc_does_not_survive_is_bad_input(file: Path) -> None:
    with pytest.raises(BadInput, match="event 0: damaged"):
        next(simulate("telescope", str(file)))


def test_a_reader_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "hangs.py"
    text = Path(hepmc_columns.__file__).read_text().replace("EVENT_S = 300.0", "EVENT_S = 0.2")
    script.write_text(text.replace("next(stream, None)", "__import__('time').sleep(60)"))
    monkeypatch.setattr(hepmc_columns, "__file__", str(script))
    with pytest.raises(BadInput, match="did not survive"):
        next(simulate("telescope", str(written(tmp_path / "a.hepmc3"))))


def test_a_momentum_that_is_none_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "a.hepmc3", 1)
    file.write_bytes(file.read_bytes().replace(b"13 1.0000000000000000e+03", b"13 nan", 1))
    with pytest.raises(BadInput):
        next(simulate("telescope", str(file)))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_units_that_nobody_knows_are_not_taken_for_gev(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / ("a.hepmc3.gz" if pack is gzip.compress else "a.hepmc3")
    file.write_bytes(pack(written(tmp_path / "b.hepmc3").read_bytes().replace(b"U MEV CM", b"U NEV CM", 1)))
    with pytest.raises(BadInput, match=r"line \d+: unknown units 'U NEV CM'"):
        next(simulate("telescope", str(file), seed=1))


def test_a_damaged_collision_ends_the_file_in_words(tmp_path: Path) -> None:
    file = written(tmp_path / "a.hepmc3")
    file.write_text(file.read_text().replace("E 1 1 3", "E 1 1 4"))
    made = simulate("telescope", str(file), events=3, seed=1)
    next(made)
    with pytest.raises(BadInput, match="holds 1 collisions, or is damaged after them"):
        next(made)
