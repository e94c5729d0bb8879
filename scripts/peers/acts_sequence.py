"""ACTS in its Generic detector, from the wheel `pyacts` alone: events as CSV, and tracks from events.

python scripts/peers/acts_sequence.py simulate --ttbar ttbar.hepmc3 --minbias minbias.hepmc3 --pileup 200
    --events 50 --seed 1001 --config FOLDER -o EVENTS
python scripts/peers/acts_sequence.py find EVENTS --max-seeds 5 --threads 1 --config FOLDER -o TRACKS

`find` writes ``tracks_ckf`` and ``tracks_ambi`` for each event and ``cost.json``. The configuration folder
holds ``digitization.json`` and ``seeding.json`` (scripts/peers/acts_config.py writes both). Needs no gnnreco.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path

import acts
import acts.examples
import acts.examples.hepmc3
import acts.examples.json
import numpy as np
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
    ParticleSelectorConfig,
    addDigitization,
    addFatras,
    addGenParticleSelection,
)

LEVEL = acts.logging.WARNING
FIELD_TESLA = 2.0


def sequencer(events: int, threads: int, skip: int = 0) -> acts.examples.Sequencer:
    return acts.examples.Sequencer(
        events=events, skip=skip, numThreads=threads, logLevel=LEVEL, trackFpes=False
    )


def simulate(args: argparse.Namespace) -> None:
    """Pythia events and pile-up on a luminous region, through Fatras, to measurements."""
    detector = acts.examples.GenericDetector(acts.examples.GenericDetector.Config())
    geometry = detector.trackingGeometry()
    field = _field(args.field_map)
    random = acts.examples.RandomNumbers(seed=args.seed)
    vertices = acts.examples.GaussianVertexGenerator(
        mean=acts.Vector4(0, 0, 0, 0),
        stddev=acts.Vector4(0.0125 * u.mm, 0.0125 * u.mm, 55.5 * u.mm, 5 * u.ns),
    )
    s = sequencer(args.events, args.threads)
    reader = acts.examples.hepmc3.HepMC3Reader
    inputs = [reader.Input.Fixed(str(args.ttbar), 1)]
    if args.pileup:
        inputs.append(reader.Input.Fixed(str(args.minbias), args.pileup))
    s.addReader(
        reader(
            inputs=inputs,
            outputEvent="hepmc3_event",
            level=LEVEL,
            numEvents=args.events,
            checkEventNumber=False,
            randomNumbers=random,
            vertexGenerator=vertices,
        )
    )
    s.addAlgorithm(
        acts.examples.hepmc3.HepMC3InputConverter(
            level=acts.logging.FATAL,
            inputEvent="hepmc3_event",
            outputParticles="particles_generated",
            outputVertices="vertices_generated",
            mergePrimaries=False,
        )
    )
    s.addWhiteboardAlias("particles", "particles_generated")
    s.addWhiteboardAlias("particles_generated_selected", "particles_generated")
    addGenParticleSelection(
        s,
        ParticleSelectorConfig(
            rho=(0.0, 24 * u.mm),
            absZ=(0.0, 1 * u.m),
            eta=(-args.max_eta, args.max_eta),
            pt=(args.min_pt * u.GeV, None),
        ),
    )
    addFatras(s, geometry, field, rnd=random, outputDirCsv=args.output, pMin=args.min_momentum * u.GeV)
    digitization = str(args.config / "digitization.json")
    addDigitization(s, geometry, field, digiConfigFile=digitization, rnd=random, outputDirCsv=args.output)
    s.run()


def _field(map_file: Path | None) -> acts.MagneticFieldProvider:
    """The same everywhere, or a map around the z axis: a text file with r, z (mm), Br, Bz (tesla)."""
    if map_file is None:
        return acts.ConstantBField(acts.Vector3(0, 0, FIELD_TESLA * u.T))
    return acts.MagneticFieldMapRz(str(map_file), lengthUnit=u.mm, bFieldUnit=u.T)


class Everything(acts.examples.IAlgorithm):
    """Offers all measurements as the subset that the finder asks for, and notes their order.

    Within a sensor the reader's order is arbitrary; ``measurement_order`` holds the id each has in the file.
    """

    def __init__(self, folder: Path, output: Path) -> None:
        acts.examples.IAlgorithm.__init__(self, "Everything", LEVEL)
        self.folder, self.output = folder, output
        self.read = acts.examples.ReadDataHandle(self, acts.examples.MeasurementContainer, "Measurements")
        self.read.initialize("measurements")
        self.write = acts.examples.WriteDataHandle(self, acts.examples.MeasurementSubset, "Subset")
        self.write.initialize("measurement_subset")

    def execute(self, context: acts.examples.AlgorithmContext) -> acts.examples.ProcessCode:
        measurements = self.read(context.eventStore)
        self.write(context, acts.examples.MeasurementSubset(measurements, range(len(measurements))))
        name = f"event{context.eventNumber:09d}"
        with (self.folder / f"{name}-measurements.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        wanted = [(int(r["geometry_id"]), float(r["local0"]), float(r["local1"])) for r in rows]
        given = [(m.geometryId.value, p[0], p[1]) for m in measurements for p in [m.fullParameters]]
        ids = np.empty(len(given), np.int64)
        ids[_sorted(given)] = np.array([int(r["measurement_id"]) for r in rows])[_sorted(wanted)]
        np.savetxt(
            self.output / f"{name}-measurement_order.csv", ids, "%d", header="measurement_id", comments=""
        )
        return acts.examples.ProcessCode.SUCCESS


def _sorted(places: list[tuple[int, float, float]]) -> np.ndarray:
    """Order by sensor, then by the local coordinates in the precision of the file."""
    sensor = np.array([place[0] for place in places], np.uint64)
    u, v = np.array([place[1:] for place in places], np.float32).reshape(-1, 2).T
    return np.lexsort((v, u, sensor))


class Stopwatch(acts.examples.IAlgorithm):
    """Notes CPU and wall time of the thread that works on an event: one before the finder, one after it."""

    def __init__(self, name: str) -> None:
        acts.examples.IAlgorithm.__init__(self, name, LEVEL)
        self.seen: dict[int, tuple[float, float]] = {}

    def execute(self, context: acts.examples.AlgorithmContext) -> acts.examples.ProcessCode:
        self.seen[context.eventNumber] = time.thread_time(), time.perf_counter()
        return acts.examples.ProcessCode.SUCCESS


def find(args: argparse.Namespace) -> None:
    """Space points, seeds, combinatorial Kalman filter and ambiguity resolution on the events of a folder."""
    detector = acts.examples.GenericDetector(acts.examples.GenericDetector.Config())
    geometry = detector.trackingGeometry()
    field = acts.ConstantBField(acts.Vector3(0, 0, FIELD_TESLA * u.T))
    numbers = sorted(int(f.name[5:14]) for f in args.input.glob("event*-measurements.csv"))
    if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise SystemExit(f"{args.input}: needs ACTS CSV events with numbers in a row")
    s = sequencer(len(numbers), args.threads, numbers[0])
    folder = str(args.input)
    s.addReader(
        acts.examples.CsvParticleReader(
            level=LEVEL, inputDir=folder, inputStem="particles_simulated", outputParticles="particles"
        )
    )
    s.addReader(
        acts.examples.CsvSimHitReader(level=LEVEL, inputDir=folder, inputStem="hits", outputSimHits="simhits")
    )
    s.addReader(
        acts.examples.CsvMeasurementReader(
            level=LEVEL,
            inputDir=folder,
            outputMeasurements="measurements",
            outputMeasurementSimHitsMap="measurement_simhits_map",
            outputMeasurementParticlesMap="measurement_particles_map",
            inputSimHits="simhits",
        )
    )
    for name in ("particles_selected", "particles_simulated_selected"):
        s.addWhiteboardAlias(name, "particles")
    everything, before, after = Everything(args.input, args.output), Stopwatch("before"), Stopwatch("after")
    s.addAlgorithm(everything)
    s.addAlgorithm(before)
    finder(s, args, geometry, field)
    s.addAlgorithm(after)
    s.run()
    spent = [[b - a for a, b in zip(before.seen[n], after.seen[n], strict=True)] for n in numbers]
    cpu, wall = (sum(column) / len(numbers) for column in zip(*spent, strict=True))
    cost = {
        "events": len(numbers),
        "threads": args.threads,
        "max_seeds": args.max_seeds,
        "cpu_seconds_per_event": cpu,
        "seconds_per_event": wall / args.threads,
        "peak_rss_gib": peak_rss_gib(),
    }
    (args.output / "cost.json").write_text(json.dumps(cost, indent=2) + "\n")


def peak_rss_gib() -> float:
    """The kernel's high-water mark; ru_maxrss would start at the size of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def finder(
    s: acts.examples.Sequencer,
    args: argparse.Namespace,
    geometry: acts.TrackingGeometry,
    field: acts.MagneticFieldProvider,
) -> None:
    """Tracks of pt > 1 GeV, |eta| < 3 and 7 measurements: the settings of the ACTS full-chain examples."""
    addSeeding(
        s,
        geometry,
        field,
        SeedFinderConfigArg(
            r=(None, 200 * u.mm),
            deltaR=(1 * u.mm, 300 * u.mm),
            collisionRegion=(-250 * u.mm, 250 * u.mm),
            z=(-2000 * u.mm, 2000 * u.mm),
            maxSeedsPerSpM=args.max_seeds,
            sigmaScattering=5,
            radLengthPerSeed=0.1,
            minPt=0.5 * u.GeV,
            impactMax=3 * u.mm,
        ),
        SeedFinderOptionsArg(bFieldInZ=FIELD_TESLA * u.T, beamPos=(0.0, 0.0)),
        seedingAlgorithm=SeedingAlgorithm.GridTriplet,
        initialSigmas=[1 * u.mm, 1 * u.mm, 1 * u.degree, 1 * u.degree, 0 * u.e / u.GeV, 1 * u.ns],
        initialSigmaQoverPt=0.1 * u.e / u.GeV,
        initialSigmaPtRel=0.1,
        initialVarInflation=[1.0] * 6,
        geoSelectionConfigFile=str(args.config / "seeding.json"),
    )
    addCKFTracks(
        s,
        geometry,
        field,
        TrackSelectorConfig(
            pt=(1 * u.GeV, None),
            absEta=(None, 3.0),
            loc0=(-4 * u.mm, 4 * u.mm),
            nMeasurementsMin=7,
            maxHoles=2,
            maxOutliers=2,
        ),
        CkfConfig(
            chi2CutOffMeasurement=15.0,
            chi2CutOffOutlier=25.0,
            numMeasurementsCutOff=2,
            seedDeduplication=True,
            stayOnSeed=True,
        ),
        outputDirCsv=args.output,
    )
    addAmbiguityResolution(
        s,
        AmbiguityResolutionConfig(maximumSharedHits=3, maximumIterations=1_000_000, nMeasurementsMin=7),
        outputDirCsv=args.output,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(required=True)
    events = verbs.add_parser("simulate")
    events.set_defaults(run=simulate)
    events.add_argument("--ttbar", type=Path, required=True)
    events.add_argument("--minbias", type=Path)
    events.add_argument("--pileup", type=int, default=0)
    events.add_argument("--events", type=int, required=True)
    events.add_argument("--seed", type=int, required=True)
    events.add_argument("--max-eta", type=float, default=3.0, help="of generated particles")
    events.add_argument("--min-pt", type=float, default=0.15, help="of generated particles, GeV")
    events.add_argument(
        "--min-momentum", type=float, default=0.5, help="below which a particle is not followed, GeV"
    )
    events.add_argument(
        "--field-map", type=Path, help="r, z, Br, Bz (mm, tesla); without it the field is the same everywhere"
    )
    tracks = verbs.add_parser("find")
    tracks.set_defaults(run=find)
    tracks.add_argument("input", type=Path)
    tracks.add_argument(
        "--max-seeds", type=int, default=5, help="seeds of a middle space point; 1 is the default of ACTS"
    )
    for verb in (events, tracks):
        verb.add_argument("--threads", type=int, default=1)
        verb.add_argument("--config", type=Path, required=True)
        verb.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    args.run(args)


if __name__ == "__main__":
    main()
