"""Files of LCIO: real events of two versions of the format, made of hits or of what was found in them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Clusters, Event, ReconstructedParticles, Tracks
from gnnreco.events import open_events
from gnnreco.events.readers.lcio import read_dst
from gnnreco.events.readers.lcio.records import WORD, Record, records, unpack
from gnnreco.events.readers.lcio.tracks import BEND, perigee
from gnnreco.geometry import load_detector
from tests.events.conftest import CORPUS

DST, SIM, PLAIN = (CORPUS / "lcio" / f"{name}.slcio" for name in ("ild_dst", "sid_sim", "no_random_access"))
TESLA = 3.5  # of ILD and of the helices made here


@pytest.fixture(scope="module")
def dst() -> list[Event]:
    return list(open_events(DST, None))


def written(file: Path, parts: list[tuple[str, bytes]], packed: bool = False) -> Path:
    """A file of records of these names, packed or not."""
    out = b""
    for name, data in parts:
        stored = zlib.compress(data) if packed else data
        letters = name.encode() + b"\0" * (-len(name) % WORD)
        head = (24 + len(letters), 0xABADCAFE, int(packed), len(stored), len(data), len(name))
        out += struct.pack(">6I", *head) + letters + stored + b"\0" * (-len(stored) % WORD)
    file.write_bytes(out)
    return file


def contents(file: Path, count: int) -> list[tuple[str, bytes]]:
    """Names and contents of the first records of a file."""
    listed: list[Record] = list(records(file))[:count]
    return [(record.name, unpack(file, record)) for record in listed]


def test_a_dst_holds_what_was_found(dst: list[Event]) -> None:
    assert [event.number for event in dst] == [0, 1]
    counts = [
        [len(event.found[kind]) for kind in (Tracks, Clusters, ReconstructedParticles)] for event in dst
    ]
    assert counts == [[56, 123, 140], [62, 143, 146]]
    assert [len(event.truth or ()) for event in dst] == [276, 229]
    assert all(len(event.hits) == 0 for event in dst)
    assert dst[0].left_aside["Durham_6Jets"] == 6, "jets are made of particles: they are not read as such"


def test_particles_are_made_of_tracks_and_clusters(dst: list[Event]) -> None:
    for event in dst:
        particles, tracks = event.found[ReconstructedParticles], event.found[Tracks]
        one = np.flatnonzero(np.diff(particles.track_offsets) == 1)
        track = particles.track_index[particles.track_offsets[one]]
        assert np.median(particles.pt[one] / tracks.pt[track]) == pytest.approx(1, abs=1e-6)
        assert (particles.charge[one] == tracks.charge[track]).all()
        # Photons and neutral hadrons that have one cluster have its energy, up to the calibration of either.
        neutral = np.flatnonzero((np.diff(particles.cluster_offsets) == 1) & (particles.charge == 0))
        cluster = particles.cluster_index[particles.cluster_offsets[neutral]]
        ratio = particles.energy[neutral] / event.found[Clusters].energy[cluster]
        assert np.median(ratio) == pytest.approx(1, abs=0.05)


def test_tracks_are_those_of_the_true_particles() -> None:
    ratios, signs, d0 = [], [], []
    for event in read_dst(DST):
        links, tracks, truth = event.tracks_to_truth, event.event.found[Tracks], event.event.truth
        assert truth is not None
        particles = truth.particles
        p = np.sqrt(particles.px**2 + particles.py**2 + particles.pz**2)[links.particle]
        prompt = np.hypot(particles.vx, particles.vy)[links.particle] < 1e-3
        good = prompt & (p > 1) & (particles.charge[links.particle] != 0) & (links.weight > 0.9)
        found, true = links.found[good], links.particle[good]
        ratios.append(1 / np.abs(tracks.q_over_p[found]) / p[good])
        signs.append(tracks.charge[found] == particles.charge[true])
        d0.append(tracks.d0[found])
        turn = tracks.phi[found] - particles.phi[true]
        assert np.median(np.abs(np.arctan2(np.sin(turn), np.cos(turn)))) < 1e-3
        assert np.median(np.abs(tracks.z0[found] - particles.vz[true])) < 0.05
        sigma = np.sqrt(tracks.covariance[found, 0])
        assert 0.5 < np.median(np.abs(tracks.d0[found]) / sigma) / 0.67 < 2, "pulls of d0"
    assert np.median(np.concatenate(ratios)) == pytest.approx(1, abs=0.01)
    assert np.mean(np.concatenate(signs)) > 0.95
    assert np.median(np.abs(np.concatenate(d0))) < 0.05


def test_energy_is_conserved_in_the_truth() -> None:
    for event in read_dst(DST):
        assert event.event.truth is not None
        particles, stable = event.event.truth.particles, event.generator_status == 1
        momentum = np.stack([particles.px, particles.py, particles.pz], axis=1)
        energy = np.sqrt((momentum**2).sum(axis=1) + event.mass**2)
        assert energy[stable].sum() == pytest.approx(500, abs=2)
        assert np.linalg.norm(momentum[stable].sum(axis=0)) < 1.5


def test_the_truth_tells_parents_and_fates(dst: list[Event]) -> None:
    for event in dst:
        truth = event.truth
        assert truth is not None
        fates, particles = truth.fates, truth.particles
        assert fates is not None
        converted = np.flatnonzero(fates.became("converted"))
        assert (particles.pdg[converted] == 22).all()
        child = np.flatnonzero(np.isin(fates.parent, converted))
        parent = fates.parent[child]
        assert np.isin(np.abs(particles.pdg[child]), (11, 22)).all()
        begin = np.stack([particles.vx, particles.vy, particles.vz], axis=1)[child]
        end = np.stack([fates.x, fates.y, fates.z], axis=1)[parent]
        assert np.median(np.abs(begin - end)) < 0.1
        assert (np.hypot(fates.x, fates.y)[converted] < 2000).all(), "before the calorimeter"
        assert np.isnan(fates.time).all(), "this file has 0 for all times"
        assert np.isin(np.abs(particles.pdg[fates.became("escaped")]), (12, 14, 16, 22, 211, 2212)).all()
        assert fates.became("showered").sum() > 100


def test_clusters_tell_where_their_energy_is() -> None:
    for event in read_dst(DST):
        clusters = event.event.found[Clusters]
        assert event.subdetectors == ("ecal", "hcal", "yoke", "lcal", "lhcal", "bcal")
        assert event.subdetector_energy.sum(axis=1) == pytest.approx(clusters.energy, rel=1e-4, abs=1e-4)
        assert np.linalg.norm(clusters.axis, axis=1) == pytest.approx(1)
        share = np.bincount(event.clusters_to_truth.found, event.clusters_to_truth.weight, len(clusters))
        assert share.max() <= 1 + 1e-6
        assert np.count_nonzero(share) >= 0.99 * len(clusters)


def test_hits_of_a_simulation_and_who_made_them() -> None:
    (event,) = open_events(SIM, None)
    truth, told = event.truth, event.collections
    assert truth is not None
    assert told is not None
    counts = dict(zip(told.names, np.bincount(told.of), strict=True))
    assert counts == {
        "EcalBarrHits": 789,
        "EcalEndcapHits": 981,
        "ForwardEcalEndcapHits": 163,
        "HcalBarrHits": 28,
        "HcalEndcapHits": 1090,
        "LuminosityMonitorHits": 1,
        "MuonEndcapHits": 55,
        "TkrBarrHits": 40,
        "TkrEndcapHits": 207,
        "VtxBarrHits": 21,
        "VtxEndcapHits": 26,
    }
    assert len(truth) == 96, "the generator's own history is left out"
    left = np.bincount(truth.hit, truth.energy, len(event.hits))
    assert left == pytest.approx(event.hits.energy, rel=1e-4, abs=1e-9), (
        "shares add up to the energy of the hit"
    )
    barrel = told.of == told.names.index("EcalBarrHits")
    assert np.all(event.hits.r[barrel] > 1200)
    assert np.all(np.asarray(event.hits.time) > 0)
    assert truth.fates is not None
    ended = np.isfinite(truth.fates.time)
    path = np.linalg.norm(np.stack([truth.fates.x, truth.fates.y, truth.fates.z], axis=1)[ended], axis=1)
    assert np.all(truth.fates.time[ended] > 0.99 * path / 299.8), "nothing is faster than light"


def test_a_file_without_an_index_and_one_particle_an_event() -> None:
    source = open_events(PLAIN, None)
    assert source.numbers == list(range(1, 11))
    event = source[0]
    assert event.truth is not None
    assert len(event.hits) == 0
    assert len(event.truth) == 1
    assert open_events(PLAIN, None, truth=False)[0].truth is None


def test_the_field_comes_from_the_detector_where_there_is_one(dst: list[Event]) -> None:
    detector = load_detector("trackml")  # 2 T
    event = open_events(DST, detector)[0]
    assert event.found[Tracks].pt / dst[0].found[Tracks].pt == pytest.approx(2 / TESLA)


@settings(max_examples=50, deadline=None)
@given(
    d0=st.floats(-20, 20),
    phi=st.floats(-3, 3),
    pt=st.floats(0.5, 50),
    charge=st.sampled_from([-1, 1]),
    z0=st.floats(-10, 10),
    tan_lambda=st.floats(-3, 3),
    turn=st.floats(-1, 1),
    beside=st.floats(-5, 5),
)
def test_a_perigee_is_the_same_from_any_reference_point(
    d0: float, phi: float, pt: float, charge: int, z0: float, tan_lambda: float, turn: float, beside: float
) -> None:
    """A helix is followed by hand for a while, and told with respect to a point beside it there."""
    omega = charge * BEND * TESLA / pt
    at_axis = perigee(np.array([[d0, phi, omega, z0, tan_lambda]]), np.zeros((1, 3)), TESLA)
    x, y = -d0 * np.sin(phi), d0 * np.cos(phi)
    there = phi + turn
    x += -(np.sin(there) - np.sin(phi)) / omega
    y += (np.cos(there) - np.cos(phi)) / omega
    z = z0 - turn / omega * tan_lambda
    reference = np.array([[x + beside * np.sin(there), y - beside * np.cos(there), z - 7.0]])
    moved = perigee(np.array([[beside, there, omega, 7.0, tan_lambda]]), reference, TESLA)
    assert moved == pytest.approx(at_axis, rel=1e-6, abs=1e-5)
    assert at_axis[0, 4] == pytest.approx(charge * np.cos(np.arctan(tan_lambda)) / pt)


def test_packed_or_not_is_the_same(tmp_path: Path, dst: list[Event]) -> None:
    for packed in (False, True):
        (event,) = open_events(written(tmp_path / "a.slcio", contents(DST, 3), packed), None)
        assert event.found == dst[0].found
        assert event.truth == dst[0].truth


def test_runs_put_together_have_numbers_of_their_own(tmp_path: Path) -> None:
    twice = tmp_path / "twice.slcio"
    twice.write_bytes(2 * PLAIN.read_bytes())
    assert open_events(twice, None).numbers == list(range(20))
    assert len(list(open_events(tmp_path, None))) == 20, "found in a folder"


def test_what_was_measured_stands_in_where_nothing_was_simulated(tmp_path: Path) -> None:
    """A file made by hand: a cell and a plane hit of version 2.21, and a track with two states that points at the hit."""
    words = struct.Struct(">I")

    def text(value: str) -> bytes:
        return words.pack(len(value)) + value.encode() + b"\0" * (-len(value) % WORD)

    def made(name: str, data: bytes) -> bytes:
        letters = name.encode() + b"\0" * (-len(name) % WORD)
        return (
            struct.pack(">4I", 16 + len(letters) + len(data), 0xDEADBEEF, 2 << 16 | 21, len(name))
            + letters
            + data
        )

    def collection(name: str, flags: int, objects: list[bytes]) -> bytes:
        return made(name, struct.pack(">6I", flags, 0, 0, 0, 0, len(objects)) + b"".join(objects))

    kinds = {"Cells": "CalorimeterHit", "Hits": "TrackerHitPlane", "Tracks": "Track"}
    header = struct.pack(">iiq", 5, 7, 0) + text("any") + words.pack(len(kinds))
    header += b"".join(text(name) + text(kind) for name, kind in kinds.items()) + struct.pack(
        ">4I", 0, 0, 0, 0
    )
    cell = struct.pack(">I f f 3f i I I", 9, 0.5, 3.25, 1, 2, 3, 0, 0, 0xFFFFFFFF)
    plane = struct.pack(">I i 3d 4f 6f", 8, 0, 10, 20, 30, 0, 0, 0, 0, 0.01, 0.02, 1e-4, 0, 0.1, 0)[:-4]
    plane += struct.pack(">f i I I", 0.0, 0, 0, 4)
    states = b"".join(
        struct.pack(">i5f15f3f", place, 0.1 * place, 0.5, 1e-3, 2, 1, *([0.0] * 15), 0, 0, 0)
        for place in (2, 1)
    )
    track = struct.pack(">iI", 0, 2) + states + struct.pack(">fi3f 2I 2I", 5, 3, 0, 0, 10, 0, 0, 1, 4)
    record = collection("Cells", 1 << 31 | 1 << 27, [cell]) + collection("Hits", 0, [plane])
    record += collection("Tracks", 1 << 31, [track + words.pack(0xFFFFFFFF)])
    file = written(
        tmp_path / "made.slcio", [("LCEventHeader", made("EventHeader", header)), ("LCEvent", record)]
    )
    (event,) = open_events(file, load_detector("trackml"))
    assert event.number == 7
    order = np.argsort(event.hits.x)
    assert event.hits.xyz[order].tolist() == [[1, 2, 3], [10, 20, 30]]
    assert np.asarray(event.hits.energy)[order] == pytest.approx([0.5, 1e-4])
    assert np.asarray(event.hits.time)[order] == pytest.approx([3.25, 0.1])
    tracks = event.found[Tracks]
    assert tracks.d0 == pytest.approx([0.1]), "the state at the interaction point"
    assert tracks.z0 == pytest.approx([2])
    assert tracks.pt == pytest.approx([BEND * 2 / 1e-3])
    (event,) = open_events(file, None)
    assert event.found == {}
    assert event.left_aside == {"tracks without a field (name a detector)": 1}
    assert event.truth is None
