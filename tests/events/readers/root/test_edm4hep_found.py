"""Events of EDM4hep are read by the rules of LCIO: an event of ILD, told in the branches of podio, gives the same."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event, ReconstructedParticles, Tracks
from gnnreco.errors import BadInput
from gnnreco.events.readers.edm4hep.batch import Batch
from gnnreco.events.readers.edm4hep.catalogue import Catalogue
from gnnreco.events.readers.edm4hep.content import Podio
from gnnreco.events.readers.edm4hep.kinds import KINDS, STATES
from gnnreco.events.readers.lcio import LcioReader
from gnnreco.events.readers.lcio.content import NO_TAG, Content
from gnnreco.events.readers.lcio.dst import dst_of, read_dst
from gnnreco.events.readers.lcio.found import choose, found_in
from gnnreco.events.readers.lcio.truth import simulated
from gnnreco.events.readers.root.file import Ragged
from gnnreco.events.sensors import SensorFinder
from tests.events.conftest import CORPUS

FILE = CORPUS / "lcio" / "ild_dst.slcio"
EDM = ("MCParticle", "Track", "Cluster", "ReconstructedParticle")


@pytest.fixture(scope="module")
def content() -> Content:
    reader = LcioReader(FILE, SensorFinder(None))
    entry = reader.entries()[0]
    return reader.content(entry.row, entry.number)


def podio(content: Content, **changed: NDArray) -> Podio:
    """The event in the branches of podio."""
    named = [c for c in content.collections if c.kind in EDM and not c.subset and len(c)]
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
        for ours, theirs in KINDS[c.kind].columns.items():
            if ours in c.table:
                whole = ours in ("pdg", "generator_status", "simulator_status", "ndf") or (
                    c.kind == "ReconstructedParticle" and ours == "type"
                )
                put(f"{c.name}.{theirs[0]}", c.table.signed(ours) if whole else c.table.floats(ours))
        for ours, (offsets, items) in c.table.lists.items():
            if ours in KINDS[c.kind].many:
                ragged(f"{c.name}.{ours}", offsets)
                point(f"_{c.name}_{ours}", items.unsigned("to"))
            elif ours == "states":
                ragged(f"{c.name}.trackStates", offsets)
                for key, spelled in STATES.items():
                    if key in items:
                        put(f"_{c.name}_trackStates.{spelled[0]}", items.floats(key))
            elif ours == "subdetector_energies":
                ragged(f"{c.name}.subdetectorEnergies", offsets)
                branches[f"_{c.name}_subdetectorEnergies"] = items.floats("energy")
    for c in content.of("LCRelation"):
        branches[f"{c.name}.weight"] = c.table.floats("weight")
        for side in ("from", "to"):
            point(f"_{c.name}_{side}", c.table.unsigned(side))
    branches |= changed
    kinds = {
        c.name: tuple(c.parameters.get(end, [""])[0] for end in ("FromType", "ToType"))
        for c in content.of("LCRelation")
    }
    catalogue = Catalogue(
        {c.name: c.kind for c in named},
        kinds,
        {k: name for name, k in number.items()},  # type: ignore[arg-type]
    )
    columns = {k: Ragged(np.array([0, len(v)]), v) for k, v in branches.items()}
    return Podio(FILE, Batch(catalogue, 0, 1, columns, catalogue.ids), 0, "event 0")


def test_an_event_of_podio_is_that_of_lcio(content: Content) -> None:
    same = podio(content)
    wanted = next(iter(read_dst(FILE)))
    bz = 3.5
    chosen = choose(same)
    assert chosen.names == choose(content).names
    told = simulated(same, [])
    assert told is not None
    assert wanted.event.truth is not None
    found = found_in(same, chosen, bz)
    event = Event(0, "", wanted.event.hits, truth=told.truth, found=found)
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


@pytest.mark.parametrize("lacking", ["tracks", "clusters", "particles"])
def test_an_event_that_lacks_a_kind_has_none_of_it(content: Content, lacking: str) -> None:
    """A photon alone has no track, a soft muon no cluster."""
    whole = next(iter(read_dst(FILE))).event
    chosen = choose(content)._replace(**{lacking: None if lacking == "particles" else []})
    told = simulated(content, [])
    assert told is not None
    kinds = {"tracks": Tracks, "clusters": Clusters, "particles": ReconstructedParticles}
    found = {kind: there for kind, there in whole.found.items() if kind is not kinds[lacking]}
    made = dst_of(content, chosen, Event(0, "", whole.hits, truth=told.truth, found=found), told, "")
    assert set(made.event.found) == set(kinds.values())
    assert [name for name, kind in kinds.items() if not len(made.event.found[kind])] == [lacking]


def test_particles_are_chosen_by_name(content: Content) -> None:
    assert choose(content, "PandoraPFOs").names == choose(content).names
    with pytest.raises(BadInput, match=r"no particles 'Nobody' in it; it has .*PandoraPFOs"):
        choose(content, "Nobody")


def test_lists_in_any_order_are_gathered(content: Content) -> None:
    """Two particles whose tracks the file keeps the other way round."""
    table = content.of("ReconstructedParticle")
    flow = next(c for c in table if c.name == "PandoraPFOs").table
    offsets, items = flow.lists["tracks"]
    count = np.diff(offsets)
    begin = offsets[-1] - offsets[1:]
    order = np.concatenate([offsets[k] + np.arange(count[k]) for k in range(len(count))][::-1])
    usual = podio(content)
    place = {
        side: usual.batch.columns[f"_PandoraPFOs_tracks.{side}"][0][order]
        for side in ("index", "collectionID")
    }
    changed = {f"_PandoraPFOs_tracks.{side}": column for side, column in place.items()}
    changed |= {"PandoraPFOs.tracks_begin": begin, "PandoraPFOs.tracks_end": begin + count}
    other = podio(content, **changed)
    first, second = (
        next(c for c in one.of("ReconstructedParticle") if c.name == "PandoraPFOs").table.lists["tracks"]
        for one in (usual, other)
    )
    assert len(items) == len(second[1])
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1].unsigned("to"), second[1].unsigned("to"))
