"""ACTS in any tracker of ours: simulation, seeding and combinatorial Kalman filter in an exported geometry.

    gnnreco detector export odd --format acts -o odd_for_acts
    python scripts/peers/acts_exported.py odd_for_acts --gun 50 --events 10 -o OUT [--csv]
    python scripts/peers/acts_exported.py odd_for_acts --hepmc ttbar.hepmc3 --pileup-file minbias.hepmc3 --pileup 20 ...

Builds the Gen3 Blueprint from the folder, shoots muons or reads HepMC3, and runs Fatras, geometric digitisation, grid
triplet seeding, CKF and ambiguity resolution. Prints efficiency, fakes and duplicates after ACTS's own definitions and
writes ``result.json``; with ``--csv`` the events lie in OUT/events, for `gnnreco reconstruct`. Needs no gnnreco.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import acts
import acts.examples
import acts.examples.hepmc3
import acts.examples.json
import acts.json
from acts import UnitConstants as u
from acts.examples.reconstruction import (
    AmbiguityResolutionConfig,
    CkfConfig,
    SeedFinderConfigArg,
    SeedFinderOptionsArg,
    SeedingAlgorithm,
    TrackSelectorConfig,
    addAmbiguityResolution,
    addCKFTracks,
    addSeeding,
)
from acts.examples.simulation import (
    EtaConfig,
    MomentumConfig,
    ParticleConfig,
    ParticleSelectorConfig,
    PhiConfig,
    addDigiParticleSelection,
    addDigitization,
    addFatras,
    addGenParticleSelection,
    addParticleGun,
)

LEVEL = acts.logging.WARNING
ENVELOPE = 0.05  # mm around the sensors of a layer; the exporter leaves at least 0.2 between two of them


class Geometry:
    """The tracking geometry of an exported folder; holds the detector elements, which ACTS does not own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = json.loads((folder / "layers.json").read_text())
        entries = json.loads((folder / "surfaces.json").read_text())["Surfaces"]["entries"]
        self.wanted = [_code(entry["geo_id"]) for entry in entries]
        self.elements: list[Any] = []
        self._by_layer: dict[tuple[int, int], list[dict[str, Any]]] = {}
        for entry in entries:
            key = entry["geo_id"]["volume"], entry["geo_id"]["layer"]
            self._by_layer.setdefault(key, []).append({**entry, "geo_id": 0})
        self.tracking = self._build()
        places = {_code_of(k): s for k, s in self.tracking.geoIdSurfaceMap().items() if s.isSensitive}
        if sorted(places) != sorted(self.wanted):
            raise SystemExit("ACTS numbered the sensors otherwise than the folder does")

    def _build(self) -> Any:
        context = acts.GeometryContext.dangerouslyDefaultConstruct()
        room = [20 * u.mm, 20 * u.mm]
        root = acts.Blueprint(envelope=acts.ExtentEnvelope(r=[0, room[1]], z=room))
        top = root.addCylinderContainer("tracker", direction=acts.AxisDirection.AxisR)
        top.attachmentStrategy = acts.VolumeAttachmentStrategy.Gap
        inner = min(layer["r"][0] for layer in self.description["layers"])
        if inner > 1:
            half = max(abs(z) for layer in self.description["layers"] for z in layer["z"])
            bounds = acts.CylinderVolumeBounds(0, 0.9 * inner, half)
            top.addStaticVolume(acts.Transform3.Identity(), bounds, name="inside")
        self._place(top, self.description["containers"], "0")
        return root.construct(options=acts.BlueprintOptions(), gctx=context, level=LEVEL)

    def _place(self, parent: Any, tree: dict[str, Any], name: str) -> None:
        """Containers within containers, as the exporter cut them."""
        if "layer" in tree:
            self._layer(parent, self.description["layers"][tree["layer"]])
            return
        directions = {"r": acts.AxisDirection.AxisR, "z": acts.AxisDirection.AxisZ}
        container = parent.addCylinderContainer(f"container {name}", direction=directions[tree["direction"]])
        container.attachmentStrategy = acts.VolumeAttachmentStrategy.Gap
        for number, child in enumerate(tree["children"]):
            self._place(container, child, f"{name}.{number}")

    def _layer(self, parent: Any, layer: dict[str, Any]) -> None:
        """One layer with the numbers that the folder gives it, and a grid of its sensors to find them by."""
        identifier = parent.withGeometryIdentifier()
        identifier.setAllVolumeIdsTo(layer["volume"]).setLayerIdTo(layer["layer"])
        node = identifier.addLayer(layer["name"])
        node.surfaces = self._surfaces(self._by_layer[layer["volume"], layer["layer"]])
        kind = "Cylinder" if layer["kind"] == "cylinder" else "Disc"
        node.layerType = getattr(acts.LayerBlueprintNode.LayerType, kind)
        node.transform = acts.Transform3.Identity()
        inwards = min(ENVELOPE, layer["r"][0])
        node.envelope = acts.ExtentEnvelope(r=[inwards * u.mm, ENVELOPE * u.mm], z=[ENVELOPE * u.mm] * 2)
        everything, binned = acts.TryAllNavigationPolicy, acts.SurfaceArrayNavigationPolicy
        portals = everything.Config(portals=True, sensitives=len(node.surfaces) < 10)
        factory = acts.NavigationPolicyFactory.make().add(everything, portals)
        if len(node.surfaces) >= 10:
            config = binned.Config(layerType=getattr(binned.LayerType, kind), bins=bins(layer))
            factory = factory.add(binned, config)
        node.navigationPolicyFactory = factory

    def _surfaces(self, entries: list[dict[str, Any]]) -> list[Any]:
        surfaces = []
        for start, stop in _runs([entry["thickness"] for entry in entries]):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump({"surfaces": entries[start:stop]}, file)
                file.flush()
                options = acts.json.SurfaceJsonOptions()
                options.inputFile, options.jsonEntryPath = file.name, ["surfaces"]
                made = acts.json.readDetectorElementsFromJson(options, entries[start]["thickness"])
            self.elements += made
            surfaces += [element.surface() for element in made]
        return surfaces


def bins(layer: dict[str, Any]) -> tuple[int, int]:
    """About one sensor a bin, in phi and along the layer."""
    (r0, r1), (z0, z1) = layer["r"], layer["z"]
    round_, along = (6.28 * r1, z1 - z0) if layer["kind"] == "cylinder" else (3.14 * (r0 + r1), r1 - r0)
    side = (round_ * along / layer["sensors"]) ** 0.5
    return max(int(round_ / side), 4), max(int(along / side), 1)


def _runs(values: list[float]) -> list[tuple[int, int]]:
    """Runs of equal values: ACTS takes one thickness a call."""
    starts = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    return list(zip(starts, [*starts[1:], len(values)], strict=True))


def _code(identifier: dict[str, int]) -> tuple[int, int, int]:
    return identifier["volume"], identifier["layer"], identifier["sensitive"]


def _code_of(identifier: Any) -> tuple[int, int, int]:
    return identifier.volume, identifier.layer, identifier.sensitive


def generate(s: Any, args: argparse.Namespace, random: Any) -> None:
    """Muons, or events of HepMC3 files with pile-up, from a luminous region."""
    spread = acts.Vector4(0.0125 * u.mm, 0.0125 * u.mm, 55.5 * u.mm, 0)
    vertices = acts.examples.GaussianVertexGenerator(mean=acts.Vector4(0, 0, 0, 0), stddev=spread)
    if not args.hepmc:
        momentum = MomentumConfig(*(p * u.GeV for p in args.pt), transverse=True)
        particle = ParticleConfig(args.gun, acts.PdgParticle.eMuon, randomizeCharge=True)
        phi = PhiConfig(0, 360 * u.degree)
        eta = EtaConfig(*args.eta, uniform=True)
        addParticleGun(s, momentum, eta, phi, particle, vtxGen=vertices, rnd=random)
        return
    reader = acts.examples.hepmc3.HepMC3Reader
    inputs = [reader.Input.Fixed(str(args.hepmc), 1)]
    if args.pileup:
        inputs.append(reader.Input.Fixed(str(args.pileup_file), args.pileup))
    common = {"level": LEVEL, "numEvents": args.events, "checkEventNumber": False}
    s.addReader(
        reader(inputs=inputs, outputEvent="hepmc3", randomNumbers=random, vertexGenerator=vertices, **common)
    )
    s.addAlgorithm(
        acts.examples.hepmc3.HepMC3InputConverter(
            level=acts.logging.FATAL,
            inputEvent="hepmc3",
            outputParticles="particles_generated",
            outputVertices="vertices_generated",
            mergePrimaries=False,
        )
    )
    for alias in ("particles", "particles_generated_selected"):
        s.addWhiteboardAlias(alias, "particles_generated")
    addGenParticleSelection(
        s,
        ParticleSelectorConfig(
            rho=(0, 24 * u.mm), absZ=(0, 1 * u.m), eta=tuple(args.eta), pt=(150 * u.MeV, None)
        ),
    )


def find(s: Any, args: argparse.Namespace, geometry: Geometry, field: Any, random: Any) -> dict[str, Any]:
    """Seeds, CKF and ambiguity resolution; the writers that count what came of it."""
    tesla = geometry.description["field_tesla"]
    seeding = json.loads((args.folder / "seeding.json").read_text())
    chosen = {(one["volume"], one["layer"]) for one in seeding}
    layers = [one for one in geometry.description["layers"] if (one["volume"], one["layer"]) in chosen]
    r_min = min(layer["r"][0] for layer in layers)
    r_max = max(layer["r"][1] for layer in layers) + 5
    z_max = max(abs(z) for layer in layers for z in layer["z"]) + 5
    addSeeding(
        s,
        geometry.tracking,
        field,
        SeedFinderConfigArg(
            r=(None, r_max * u.mm),
            rMinMiddle=r_min * u.mm,
            rMaxMiddle=r_max * u.mm,
            deltaR=(1 * u.mm, max(300.0, r_max / 2) * u.mm),
            collisionRegion=(-250 * u.mm, 250 * u.mm),
            z=(-z_max * u.mm, z_max * u.mm),
            maxSeedsPerSpM=args.max_seeds,
            sigmaScattering=5,
            radLengthPerSeed=0.1,
            minPt=0.5 * u.GeV,
            impactMax=3 * u.mm,
            cotThetaMax=27.3,
        ),
        SeedFinderOptionsArg(bFieldInZ=tesla * u.T, beamPos=(0.0, 0.0)),
        seedingAlgorithm=SeedingAlgorithm.GridTriplet,
        initialSigmas=[1 * u.mm, 1 * u.mm, 1 * u.degree, 1 * u.degree, 0 * u.e / u.GeV, 1 * u.ns],
        initialSigmaQoverPt=0.1 * u.e / u.GeV,
        initialSigmaPtRel=0.1,
        initialVarInflation=[1.0] * 6,
        geoSelectionConfigFile=str(args.folder / "seeding.json"),
        rnd=random,
    )
    addCKFTracks(
        s,
        geometry.tracking,
        field,
        TrackSelectorConfig(pt=(0.5 * u.GeV, None), nMeasurementsMin=args.min_hits - 1),
        CkfConfig(
            chi2CutOffMeasurement=15.0,
            chi2CutOffOutlier=25.0,
            numMeasurementsCutOff=2,
            seedDeduplication=True,
            stayOnSeed=True,
        ),
    )
    counts = {"ckf": counter(s, "ckf")}
    addAmbiguityResolution(
        s,
        AmbiguityResolutionConfig(
            maximumSharedHits=3, maximumIterations=1000000, nMeasurementsMin=args.min_hits - 1
        ),
    )
    counts["ambiguity solved"] = counter(s, "ambi")
    return counts


def counter(s: Any, name: str) -> Any:
    """A writer that counts matched, fake and duplicate tracks."""
    writer = acts.examples.PythonPatternRecognitionPerformanceWriter(
        level=LEVEL,
        inputTracks=f"{name}_tracks",
        inputParticles="particles_selected",
        inputTrackParticleMatching=f"{name}_track_particle_matching",
        inputParticleTrackMatching=f"{name}_particle_track_matching",
        inputParticleMeasurementsMap="particle_measurements_map",
    )
    s.addWriter(writer)
    return writer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what `gnnreco detector export --format acts` wrote")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--gun", type=int, default=50, help="muons an event")
    parser.add_argument("--pt", type=float, nargs=2, default=(1.0, 10.0), help="GeV")
    parser.add_argument("--eta", type=float, nargs=2, default=(-2.5, 2.5))
    parser.add_argument("--hepmc", type=Path)
    parser.add_argument("--pileup-file", type=Path)
    parser.add_argument("--pileup", type=int, default=0)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--min-hits", type=int, default=7, help="hits a counted particle must leave")
    parser.add_argument("--max-seeds", type=int, default=1, help="seeds for each middle space point")
    parser.add_argument("--csv", action="store_true", help="write the events")
    args = parser.parse_args()
    events = args.output / "events" if args.csv else None
    for folder in (args.output, events):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    geometry = Geometry(args.folder)
    field = acts.ConstantBField(acts.Vector3(0, 0, geometry.description["field_tesla"] * u.T))
    random = acts.examples.RandomNumbers(seed=args.seed)
    s = acts.examples.Sequencer(events=args.events, numThreads=1, logLevel=LEVEL, trackFpes=False)
    generate(s, args, random)
    addFatras(s, geometry.tracking, field, rnd=random, outputDirCsv=events)
    digitization = str(args.folder / "digitization.json")
    addDigitization(s, geometry.tracking, field, digiConfigFile=digitization, rnd=random, outputDirCsv=events)
    counted = ParticleSelectorConfig(
        pt=(1 * u.GeV, None), eta=tuple(args.eta), measurements=(args.min_hits, None), removeNeutral=True
    )
    addDigiParticleSelection(s, counted)
    writers = find(s, args, geometry, field, random)
    start = time.process_time()
    s.run()
    result: dict[str, Any] = {
        "detector": geometry.description["detector"],
        "events": args.events,
        "cpu_seconds_per_event": (time.process_time() - start) / args.events,
    }
    for name, writer in writers.items():
        counts = dict(writer.stats())
        tracks, particles = max(counts["nTotalTracks"], 1), max(counts["nTotalParticles"], 1)
        result[name] = {
            "particles": counts["nTotalParticles"],
            "tracks": counts["nTotalTracks"],
            "efficiency": counts["nTotalMatchedParticles"] / particles,
            "fake_rate": counts["nTotalFakeTracks"] / tracks,
            "duplicate_rate": counts["nTotalDuplicateTracks"] / tracks,
        }
    (args.output / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
