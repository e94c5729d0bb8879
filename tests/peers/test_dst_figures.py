"""Figures of particle flow on real events with truth links: a perfect list, a spoiled one, and Pandora's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gnnreco.columns import PARTICLE_CLASSES, ReconstructedParticles, Tracks
from gnnreco.events.readers.lcio import DstEvent, Links, read_dst

ROOT = Path(__file__).parents[2]
PHOTON = PARTICLE_CLASSES.index("photon")


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "scripts" / "peers"), *sys.path])
        import dst_figures

        yield dst_figures


@pytest.fixture(scope="module")
def events() -> list[DstEvent]:
    return list(read_dst(ROOT / "tests" / "corpus" / "events" / "lcio" / "ild_dst.slcio"))


def perfect(script: ModuleType, event: DstEvent) -> tuple[ReconstructedParticles, Links]:
    """Exactly the true particles that count."""
    truth = script.truth_of(event)
    assert event.event.truth is not None
    true, n = event.event.truth.particles[truth.row], len(truth.row)
    particles = ReconstructedParticles(
        class_index=truth.kind.astype(np.int32),
        class_probability=np.eye(len(PARTICLE_CLASSES))[truth.kind],
        charge=true.charge,
        px=true.px,
        py=true.py,
        pz=true.pz,
        energy=truth.energy,
        energy_sigma=np.zeros(n),
        score=np.ones(n),
        track_offsets=np.zeros(n + 1, np.int64),
        cluster_offsets=np.zeros(n + 1, np.int64),
        offsets=np.zeros(n + 1, np.int64),
    )
    return particles, Links(np.arange(n), truth.row, np.ones(n))


def test_a_perfect_list_loses_and_adds_nothing(script: ModuleType, events: list[DstEvent]) -> None:
    told = script.figures([script.Sample(event, *perfect(script, event)) for event in events])
    for name in ("charged_hadron", "neutral_hadron", "photon"):
        assert told["classes"][name]["efficiency"]["value"] == 1
        assert told["classes"][name]["fake_rate"]["value"] == 0
    assert told["visible_energy"]["median"]["value"] == 1
    assert told["visible_energy"]["iqr_over_median"]["value"] == 0


def test_true_particles_count_once(script: ModuleType, events: list[DstEvent]) -> None:
    """What replaces a decayed particle carries its energy: the sum stays that of the stable ones that are no neutrinos."""
    for event in events:
        truth = script.truth_of(event)
        assert event.event.truth is not None
        assert event.event.truth.fates is not None
        above = event.event.truth.fates.parent[truth.row]
        assert not np.isin(above[above >= 0], truth.row).any()
        everywhere = script.truth_of(event, cosine=1.0)
        true = event.event.truth.particles
        seen = (event.generator_status == 1) & ~np.isin(np.abs(true.pdg), script.NEUTRINOS)
        size = np.sqrt(true.px**2 + true.py**2 + true.pz**2)
        stable = np.hypot(size, event.mass)[seen].sum()
        assert everywhere.energy.sum() == pytest.approx(stable, rel=2e-3)  # neutrinos of muons are lost


def test_what_the_generator_decayed_counts_once(script: ModuleType, events: list[DstEvent]) -> None:
    """The simulation flew a K0S of the first event, and not the two pions that the generator made of it."""
    event = events[0]
    assert event.event.truth is not None
    assert event.event.truth.fates is not None
    true, fates = event.event.truth.particles, event.event.truth.fates
    (kaon,) = np.flatnonzero((true.pdg == 310) & (event.generator_status == 2))
    pions = np.flatnonzero(fates.parent == kaon)
    assert len(pions) == 2
    assert kaon in script.truth_of(event).row
    assert not np.isin(pions, script.truth_of(event).row).any()
    fate = fates.fate.copy()
    fate[pions] = fates.fate[kaon]  # had it flown these
    flown = replace(event.event.truth, fates=replace(fates, fate=fate))
    other = script.truth_of(replace(event, event=replace(event.event, truth=flown)))
    assert kaon not in other.row
    assert np.isin(pions, other.row).all()


def test_a_lost_and_a_doubled_particle(script: ModuleType, events: list[DstEvent]) -> None:
    particles, links = perfect(script, events[0])
    photons = np.flatnonzero((particles.class_index == PHOTON) & (particles.energy > 2))
    lost = particles[np.delete(np.arange(len(particles)), photons[0])]
    fewer = Links(np.arange(len(lost)), np.delete(links.particle, photons[0]), np.ones(len(lost)))
    count = script.counts_of(script.Sample(events[0], lost, fewer))
    assert count["matched"][PHOTON] == count["true"][PHOTON] - 1
    twice = particles[np.append(np.arange(len(particles)), photons[0])]
    more = Links(
        np.arange(len(twice)), np.append(links.particle, links.particle[photons[0]]), np.ones(len(twice))
    )
    count = script.counts_of(script.Sample(events[0], twice, more))
    assert count["matched"][PHOTON] == count["true"][PHOTON]
    assert count["fake"][PHOTON] == 1
    wrong = replace(particles, class_index=np.full(len(particles), PHOTON, np.int32))
    count = script.counts_of(script.Sample(events[0], wrong, links))
    assert count["fake"][PHOTON] == count["true"].sum() - count["true"][PHOTON]


def test_links_by_tracks_and_clusters_are_those_of_the_file(
    script: ModuleType, events: list[DstEvent]
) -> None:
    for event in events:
        particles = event.event.found[ReconstructedParticles]
        links, told = script.links_of(particles, event), event.particles_to_truth
        sums = np.bincount(links.found, links.weight)
        assert sums[sums > 0] == pytest.approx(1)
        best = np.full(len(particles), -1)
        order = np.argsort(links.weight, kind="stable")
        best[links.found[order]] = links.particle[order]
        assert np.mean(best[told.found] == told.particle) > 0.97


def test_the_spread_of_most(script: ModuleType) -> None:
    values = np.concatenate([np.linspace(0.9, 1.1, 90), np.linspace(2, 9, 10)])
    assert script.rms90(values) == pytest.approx(0.2 / np.sqrt(12), rel=0.02)


def test_a_rejected_track_goes_to_the_particle_whose_momentum_it_has(
    script: ModuleType, events: list[DstEvent]
) -> None:
    """A link is taken away and found again; tracks of nobody stay so."""
    event = events[0]
    linked, tracks = script.with_rejected_tracks(event), event.event.found[Tracks]
    before, after = event.tracks_to_truth, linked.tracks_to_truth
    assert event.event.truth is not None
    true = event.event.truth.particles
    one = np.unique(before.particle)
    assert np.isin(one, after.particle).all()
    assert len(np.unique(after.particle)) == len(after.particle) >= len(one)
    size = np.sqrt(true.px**2 + true.py**2 + true.pz**2)[before.particle]
    exact = np.abs(1 / np.abs(tracks.q_over_p[before.found]) / size - 1)
    alone = np.array([np.count_nonzero(before.particle == p) == 1 for p in before.particle])
    alone &= np.abs(tracks.d0[before.found]) < 0.1  # mm: elsewhere its direction is that of a place far away
    row = int(np.where(alone, exact, np.inf).argmin())
    keep = before.found != before.found[row]
    without = replace(
        event, tracks_to_truth=Links(before.found[keep], before.particle[keep], before.weight[keep])
    )
    again = script.with_rejected_tracks(without).tracks_to_truth
    assert again.particle[again.found == before.found[row]] == before.particle[row]


def test_of_the_tracks_of_one_particle_the_nearest_in_momentum_is_its_own(
    script: ModuleType, events: list[DstEvent]
) -> None:
    """A second track is told to belong to the same particle, before its own and behind it."""
    event = events[0]
    assert event.event.truth is not None
    tracks, links, true = event.event.found[Tracks], event.tracks_to_truth, event.event.truth.particles
    size = np.sqrt(true.px**2 + true.py**2 + true.pz**2)
    off = np.abs(np.log(np.abs(tracks.q_over_p[links.found]) * size[links.particle]))
    alone = np.array([np.count_nonzero(links.particle == p) == 1 for p in links.particle])
    good = int(np.flatnonzero(alone & (off < 0.01) & (size[links.particle] > 5))[0])
    bad = int(np.flatnonzero(np.abs(np.log(np.abs(tracks.q_over_p) * size[links.particle[good]])) > 1)[0])
    for place in (0, len(links.found)):
        more = Links(
            np.insert(links.found, place, bad),
            np.insert(links.particle, place, links.particle[good]),
            np.insert(links.weight, place, 1.0),
        )
        kept = script._nearest_tracks(more, tracks, true)
        assert kept.found[kept.particle == links.particle[good]].tolist() == [links.found[good]]
