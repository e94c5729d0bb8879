"""Events of EDM4hep are read by the rules of LCIO: an event of ILD, told in the branches of podio, gives the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from gnnreco.columns import Clusters, ReconstructedParticles, Tracks
from gnnreco.errors import BadInput
from gnnreco.events.readers.lcio import LcioReader
from gnnreco.events.readers.lcio.content import NO_TAG, Content
from gnnreco.events.readers.lcio.dst import dst_of, read_dst
from gnnreco.events.readers.lcio.found import choose
from gnnreco.events.readers.lcio.truth import simulated
from gnnreco.events.sensors import SensorFinder

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "corpus" / "events" / "lcio" / "ild_dst.slcio"
LISTS = {"parents": "parents", "tracks": "tracks", "clusters": "clusters", "particles": "particles"}


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(ROOT / "scripts" / "peers"), *sys.path])
        import edm4hep_dst

        yield edm4hep_dst


@pytest.fixture(scope="module")
def content() -> Content:
    reader = LcioReader(FILE, SensorFinder(None))
    entry = reader.entries()[0]
    return reader.content(entry.row, entry.number)


def podio(script: ModuleType, content: Content) -> tuple[dict[str, NDArray], dict[int, str]]:
    """The branches of an event, and the name of each collection by its number."""
    named = [c for c in content.collections if c.kind in script.COLUMNS and not c.subset and len(c)]
    number = {c.name: 1000 + k for k, c in enumerate(named)}
    where = {
        int(tag): (number[c.name], row)
        for c in named
        for row, tag in enumerate(c.table.unsigned("tag"))
        if tag != NO_TAG
    }
    branches: dict[str, NDArray] = {}

    def put(name: str, column: NDArray) -> None:
        if column.ndim == 2 and column.shape[1] == 3:
            branches.update({f"{name}.{axis}": column[:, k] for k, axis in enumerate("xyz")})
        else:
            branches[name] = column

    def point(name: str, tags: NDArray) -> None:
        pairs = np.array([where.get(int(tag), (-1, -1)) for tag in tags], np.int64).reshape(-1, 2)
        branches[f"{name}.collectionID"], branches[f"{name}.index"] = pairs.T

    def ragged(name: str, offsets: NDArray) -> None:
        branches[f"{name}_begin"], branches[f"{name}_end"] = offsets[:-1], offsets[1:]

    for c in named:
        for ours, theirs in script.COLUMNS[c.kind].items():
            if ours in c.table:
                whole = ours in ("pdg", "generator_status", "simulator_status", "ndf") or (
                    c.kind == "ReconstructedParticle" and ours == "type"
                )
                put(f"{c.name}.{theirs[0]}", c.table.signed(ours) if whole else c.table.floats(ours))
        for ours, (offsets, items) in c.table.lists.items():
            if ours in script.MEMBERS.get(c.kind, {}):
                ragged(f"{c.name}.{ours}", offsets)
                point(f"_{c.name}_{ours}", items.unsigned("to"))
            elif ours == "states":
                ragged(f"{c.name}.trackStates", offsets)
                for key, spelled in script.STATES.items():
                    if key in items:
                        put(f"_{c.name}_trackStates.{spelled[0]}", items.floats(key))
            elif ours == "subdetector_energies":
                ragged(f"{c.name}.subdetectorEnergies", offsets)
                branches[f"_{c.name}_subdetectorEnergies"] = items.floats("energy")
    for c in content.of("LCRelation"):
        branches[f"{c.name}.weight"] = c.table.floats("weight")
        for side in ("from", "to"):
            point(f"_{c.name}_{side}", c.table.unsigned(side))
    return branches, {k: name for name, k in number.items()}


def test_an_event_of_podio_is_that_of_lcio(script: ModuleType, content: Content) -> None:
    same = script.Podio(FILE, 0, *podio(script, content))
    wanted = next(iter(read_dst(FILE)))
    bz = 3.5
    chosen = choose(same)
    assert chosen.names == choose(content).names
    told = simulated(same, [])
    assert told is not None
    assert wanted.event.truth is not None
    found = script.found_in(same, chosen, bz)
    event = script.Event(0, "", wanted.event.hits, truth=told.truth, found=found)
    made = dst_of(same, chosen, event, told, "")
    np.testing.assert_allclose(told.truth.particles.px, wanted.event.truth.particles.px)
    assert told.truth.fates is not None
    assert wanted.event.truth.fates is not None
    np.testing.assert_array_equal(told.truth.fates.parent, wanted.event.truth.fates.parent)
    np.testing.assert_array_equal(told.truth.fates.fate, wanted.event.truth.fates.fate)
    for name in ("particles_to_truth", "tracks_to_truth", "clusters_to_truth"):
        for column in ("found", "particle", "weight"):
            np.testing.assert_allclose(
                getattr(getattr(made, name), column), getattr(getattr(wanted, name), column)
            )
    np.testing.assert_allclose(made.subdetector_energy, wanted.subdetector_energy)
    assert made.subdetectors == wanted.subdetectors
    for kind, column in ((Tracks, "phi"), (Clusters, "energy"), (ReconstructedParticles, "px")):
        np.testing.assert_allclose(getattr(found[kind], column), getattr(wanted.event.found[kind], column))
    mine, theirs = found[ReconstructedParticles], wanted.event.found[ReconstructedParticles]
    np.testing.assert_array_equal(mine.track_index, theirs.track_index)
    np.testing.assert_array_equal(mine.class_index, theirs.class_index)


def test_particles_are_chosen_by_name(content: Content) -> None:
    assert choose(content, "PandoraPFOs").names == choose(content).names
    with pytest.raises(BadInput, match=r"no particles 'Nobody' in it; it has .*PandoraPFOs"):
        choose(content, "Nobody")


def test_lists_out_of_order_are_refused(script: ModuleType, content: Content) -> None:
    branches, ids = podio(script, content)
    branches["PandoraPFOs.tracks_begin"] = branches["PandoraPFOs.tracks_begin"][::-1]
    with pytest.raises(BadInput, match="tracks are not in order"):
        script.Podio(FILE, 0, branches, ids)
