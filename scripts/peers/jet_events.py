"""Jets of 1 TeV from five processes: Pythia 8, a simple detector, FastJet, substructure. Needs pythia8mc and fastjet.

The sample follows Coleman et al., arXiv:1709.08705, and Duarte et al., arXiv:1804.06913: partons and bosons of pT 0.99 to
1.01 TeV at 13 TeV, all decays hadronic, Monash tune with underlying event, anti-kt R = 0.8, jets of 0.8 to 1.6 TeV; of an
event both leading jets are taken where they are in range. The features have the names of the public file: energy
correlations and mass after the modified mass drop (zcut = 0.1), ``zlogz`` and ``multiplicity`` of the whole jet. The hard
processes are Pythia's own, with W and Z polarised as they come, where the public sample has those of MadGraph.

The detector is ideal particle flow with smearing, no magnetic field and no pile-up. Tracks of charged particles:
pT > 0.5 GeV, ``|eta|`` < 2.5, sigma(pT)/pT = 1 % (+) 0.01 % pT/GeV, 0.2 mrad in angle. Photons (ECAL) and neutral hadrons (HCAL)
are summed apart into towers of 0.02 x 0.02 up to ``|eta|`` = 3; sigma(E)/E = 3 %/sqrt(E) (+) 0.5 % and
80 %/sqrt(E) (+) 5 %; above 0.5 and 1 GeV a tower is a constituent in the middle of it. Neutrinos are lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import awkward as ak
import fastjet
import numpy as np
import pythia8mc

from gnnreco.columns import Floats, Ints, Jets
from gnnreco.events.parquet.jets_block import CONSTITUENTS
from gnnreco.graphs.energy_correlation import SUBSTRUCTURE, substructure

PROCESSES = {
    "q": ("HardQCD:qq2qq = on", "HardQCD:qqbar2qqbarNew = on", "HardQCD:gg2qqbar = on"),
    "g": ("HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on"),
    "W": ("WeakDoubleBoson:ffbar2WW = on",),
    "Z": ("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2"),
    "t": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"),
}
CLASSES = tuple(PROCESSES)
FEATURES = ("zlogz", *(f"{name}_mmdt" for name in SUBSTRUCTURE), "mass_mmdt", "multiplicity")
SETTINGS = (
    "Print:quiet = on",
    "Beams:eCM = 13000.",
    "PhaseSpace:pTHatMin = 990.",
    "PhaseSpace:pTHatMax = 1010.",
    "23:onMode = off",
    "23:onIfAny = 1 2 3 4 5",
    "24:onMode = off",
    "24:onIfAny = 1 2 3 4 5",
    "ParticleDecays:limitTau0 = on",  # 10 mm: kaons and hyperons reach the detector
    "Random:setSeed = on",
)
EVENTS = 50  # of one call of Pythia and FastJet
RADIUS, ZCUT = 0.8, 0.1
JET_PT, JET_ETA = (800.0, 1600.0), 1.7  # GeV; the whole jet within the tracker
JETS = 2  # the hardest of an event: both sides of the pair are of the class
TRACK_PT, TRACK_ETA, TOWER_ETA, TOWER = 0.5, 2.5, 3.0, 0.02
PHI_TOWERS = round(2 * np.pi / TOWER)
#: Stochastic and constant term of the resolution, threshold (GeV).
ECAL, HCAL = (0.03, 0.005, 0.5), (0.8, 0.05, 1.0)
CHARGED = (11, 13, 211, 321, 2212, 3112, 3222, 3312, 3334)
INVISIBLE = (12, 14, 16)
Particles = tuple[Ints, Floats, Floats, Floats]  # event, pt, eta, phi


def jets_of(process: str, seed: int) -> Iterator[Jets]:
    """Jets of one process, without end, a few dozen at a time; the same seed and versions give the same jets.

    Parameters
    ----------
    process : str
        A key of `PROCESSES`, which is the class.
    seed : int
        0 to 100,000,000.
    """
    label = CLASSES.index(process)
    pythia = pythia8mc.Pythia("", False)
    pythia_seed = 1 + seed * len(CLASSES) + label
    for line in (*SETTINGS, f"Random:seed = {pythia_seed}", *PROCESSES[process]):
        if not pythia.readString(line):
            raise SystemExit(f"Pythia does not know {line!r}")
    if not pythia.init():
        raise SystemExit("Pythia could not be set up")
    rng = np.random.default_rng([seed, label])
    while True:
        yield cluster(detect(pythia.nextBatch(EVENTS).prt, rng), EVENTS, label)


def detect(record: Any, rng: np.random.Generator) -> Particles:
    """What the detector makes of the particles of some events."""
    final = record[record.status > 0]
    event = np.repeat(np.arange(len(final)), ak.to_numpy(ak.num(final)))
    flat = ak.flatten(final)
    px, py, pz, energy = (ak.to_numpy(flat.p[c]).astype(np.float64) for c in ("px", "py", "pz", "e"))
    code = np.abs(ak.to_numpy(flat.id))
    pt = np.maximum(np.hypot(px, py), 1e-9)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    track = np.isin(code, CHARGED) & (pt > TRACK_PT) & (np.abs(eta) < TRACK_ETA)
    neutral = ~np.isin(code, (*CHARGED, *INVISIBLE)) & (np.abs(eta) < TOWER_ETA)
    noise = rng.normal(size=(3, int(track.sum())))
    smeared = pt[track] * (1 + np.hypot(0.01, 1e-4 * pt[track]) * noise[0])
    angles = eta[track] + 2e-4 * noise[1], phi[track] + 2e-4 * noise[2]
    parts = [(event[track], np.maximum(smeared, 0.1), *angles)]
    for chosen, response in (
        (neutral & (code == 22), ECAL),
        (neutral & (code != 22), HCAL),
    ):
        parts.append(_towers(event[chosen], energy[chosen], eta[chosen], phi[chosen], response, rng))
    columns = [np.concatenate(column) for column in zip(*parts)]
    order = np.argsort(columns[0], kind="stable")
    return tuple(column[order] for column in columns)  # type: ignore[return-value]


def _towers(
    event: Ints,
    energy: Floats,
    eta: Floats,
    phi: Floats,
    response: tuple[float, float, float],
    rng: np.random.Generator,
) -> Particles:
    stochastic, constant, threshold = response
    n_eta = round(2 * TOWER_ETA / TOWER)
    row = np.clip(((eta + TOWER_ETA) / TOWER).astype(np.int64), 0, n_eta - 1)
    column = (phi % (2 * np.pi) * (PHI_TOWERS / (2 * np.pi))).astype(np.int64) % PHI_TOWERS
    key, of = np.unique((event * n_eta + row) * PHI_TOWERS + column, return_inverse=True)
    total = np.bincount(of, energy, len(key))
    total += np.hypot(stochastic * np.sqrt(total), constant * total) * rng.normal(size=len(key))
    key, total = key[total > threshold], total[total > threshold]
    eta = (key // PHI_TOWERS % n_eta + 0.5) * TOWER - TOWER_ETA
    phi = (key % PHI_TOWERS + 0.5) * (2 * np.pi / PHI_TOWERS)
    return key // (PHI_TOWERS * n_eta), total / np.cosh(eta), eta, phi


def cluster(seen: Particles, n_events: int, label: int) -> Jets:
    """The hardest jets of some events with constituents and features."""
    event, pt, eta, phi = seen
    counts = np.bincount(event, minlength=n_events)
    algorithm = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    # A sequence speaks only of what it clustered: the constituents of the jets chosen are clustered again to be groomed.
    found = fastjet.ClusterSequence(_momenta(counts, pt, eta, phi), algorithm)
    jets, inside = found.inclusive_jets(JET_PT[0]), found.constituent_index(JET_PT[0])
    hard = ak.argsort(np.hypot(jets.px, jets.py), ascending=False)[:, :JETS]
    jets, inside = (
        ak.flatten(jets[hard]),
        ak.flatten(inside[hard] + np.cumsum(counts)[:, None, None] - counts[:, None, None]),
    )
    px, py, pz, e = (ak.to_numpy(jets[c]) for c in ("px", "py", "pz", "E"))
    jet_pt, jet_phi = np.hypot(px, py), np.arctan2(py, px)
    jet_eta = np.arcsinh(pz / jet_pt)
    keep = (jet_pt < JET_PT[1]) & (np.abs(jet_eta) < JET_ETA)
    inside, px, py, pz, e, jet_pt, jet_eta, jet_phi = (
        x[keep] for x in (inside, px, py, pz, e, jet_pt, jet_eta, jet_phi)
    )
    size, index = ak.to_numpy(ak.num(inside)), ak.to_numpy(ak.flatten(inside))
    jet = np.repeat(np.arange(len(size)), size)
    z = pt[index] / np.bincount(jet, pt[index], len(size))[jet]
    zlogz = np.bincount(jet, z * np.log(z), len(size))
    features = np.column_stack([zlogz, _groomed(size, pt[index], eta[index], phi[index]), size])
    index = index[np.lexsort((-pt[index], jet))]  # hardest first
    kept = np.arange(len(jet)) - (np.cumsum(size) - size)[jet] < CONSTITUENTS
    index, jet = index[kept], jet[kept]
    return Jets(
        np.concatenate([[0], np.cumsum(np.minimum(size, CONSTITUENTS))]),
        pt[index],
        eta[index] - jet_eta[jet],
        (phi[index] - jet_phi[jet] + np.pi) % (2 * np.pi) - np.pi,
        features,
        FEATURES,
        np.full(len(size), label),
        CLASSES,
        jet_pt,
        jet_eta,
        jet_phi,
        np.sqrt(np.maximum(e**2 - px**2 - py**2 - pz**2, 0)),
    )


def _groomed(size: Ints, pt: Floats, eta: Floats, phi: Floats) -> Floats:
    """The features of jets after the modified mass drop tagger (soft drop with beta = 0); the mass is the last."""
    if not len(size):
        return np.zeros((0, len(SUBSTRUCTURE) + 1))
    # All of a jet, whatever the radius: the tree of Cambridge/Aachen is to have one root.
    tree = fastjet.JetDefinition(fastjet.cambridge_algorithm, np.pi)
    soft = fastjet.ClusterSequence(_momenta(size, pt, eta, phi), tree)
    groomed = soft.exclusive_jets_softdrop_grooming(1, beta=0.0, symmetry_cut=ZCUT, R0=RADIUS)
    parts = groomed.constituents
    px, py, pz = (ak.to_numpy(ak.flatten(parts[c])) for c in ("px", "py", "pz"))
    count, pt = ak.to_numpy(ak.num(parts)), np.hypot(px, py)
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    columns = substructure(offsets, pt, np.arcsinh(pz / pt), np.arctan2(py, px))
    mass = np.maximum(ak.to_numpy(groomed.msoftdrop), 0)
    return np.column_stack([columns, mass])


def _momenta(counts: Ints, pt: Floats, eta: Floats, phi: Floats) -> ak.Array:
    columns = {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "E": pt * np.cosh(eta),
    }
    return ak.unflatten(ak.zip(columns), counts)
