"""Objects of a first-level trigger in proton collisions at 13 TeV: Pythia 8, a simple detector, FastJet. Needs both.

What comes in is like that of AXOL1TL (arXiv 2411.19506): missing transverse momentum, and the hardest electrons or photons,
muons and jets, each with pT, eta and phi. Normal events are QCD pairs of partons above 40 GeV, without multiparton interactions
and pile-up (which would cost ten times the time). Strange ones are three that have little in common: pairs of top quarks;
Higgs bosons to four electrons or muons; a Z' of 1 TeV to dark quarks, which shower into dark mesons of 20 GeV, of which 30 %
stay unseen.

The detector: towers of 0.087 x 0.087 up to ``|eta|`` = 4 with sigma(E)/E = 80 %/sqrt(E) (+) 5 %, above 1 GeV; jets of anti-kt
R = 0.4 above 15 GeV of them, and the missing momentum, in which muons are missing too, as they are to calorimeters. Electrons
and photons above 5 GeV, ``|eta|`` < 2.5, smeared by 5 %, with less than 0.15 of their pT around them (R < 0.3); muons above
3 GeV, ``|eta|`` < 2.4, smeared by 20 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import awkward as ak
import fastjet
import numpy as np
import pythia8mc

from gnnreco.columns import Floats, Ints, Jets

MESONS = (4900111, 4900113)
PROCESSES = {
    "qcd": ("HardQCD:all = on", "PhaseSpace:pTHatMin = 40."),
    "top": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"),
    "higgs": (
        "HiggsSM:gg2H = on",
        "25:onMode = off",
        "25:onIfMatch = 23 23",
        "23:onMode = off",
        "23:onIfAny = 11 13",
    ),
    "dark": (
        "HiddenValley:ffbar2Zv = on",
        "4900023:m0 = 1000.",
        "4900023:mWidth = 10.",
        "4900023:onMode = off",
        "4900023:onIfAny = 4900101",
        "HiddenValley:Ngauge = 2",
        "HiddenValley:FSR = on",
        "HiddenValley:fragment = on",
        "HiddenValley:alphaOrder = 1",
        "HiddenValley:Lambda = 10.",
        "4900101:m0 = 10.",
        *(f"{meson}:m0 = 20." for meson in MESONS),
        *(f"{meson}:oneChannel = 1 0.7 91 1 -1" for meson in MESONS),
        *(f"{meson}:addChannel = 1 0.3 0 12 -12" for meson in MESONS),
    ),
}
CLASSES = tuple(PROCESSES)
SETTINGS = (
    "Print:quiet = on",
    "Beams:eCM = 13000.",
    "PartonLevel:MPI = off",
    "ParticleDecays:limitTau0 = on",
    "Random:setSeed = on",
)
EVENTS = 100  # of one call of Pythia and FastJet
KINDS = {"e": 2, "mu": 2, "jet": 6}  # how many of each
FEATURES = (
    "met",
    "met_phi",
    *(f"{k}{i}_{v}" for k, n in KINDS.items() for i in range(n) for v in ("pt", "eta", "phi")),
)
TOWER, TOWER_ETA, TOWER_LEAST = 0.087, 4.0, 1.0
RADIUS, JET_PT = 0.4, 15.0
E_PT, E_ETA, E_RESOLUTION, CONE, SHARE = 5.0, 2.5, 0.05, 0.3, 0.15
MU_PT, MU_ETA, MU_RESOLUTION = 3.0, 2.4, 0.2
INVISIBLE = (12, 14, 16, 13, *MESONS, 4900101, 4900021)  # to calorimeters


def events_of(process: str, seed: int) -> Iterator[Jets]:
    """Events of one process, without end, `EVENTS` at a time: a row each, the same for the same seed and versions.

    Parameters
    ----------
    process : str
        A key of `PROCESSES`, which is the class.
    seed : int
        0 to 100,000,000.
    """
    label = CLASSES.index(process)
    pythia = pythia8mc.Pythia("", False)
    for line in (*SETTINGS, f"Random:seed = {1 + seed * len(CLASSES) + label}", *PROCESSES[process]):
        if not pythia.readString(line):
            raise SystemExit(f"Pythia does not know {line!r}")
    if not pythia.init():
        raise SystemExit("Pythia could not be set up")
    rng = np.random.default_rng([seed, label])
    while True:
        yield detected(pythia.nextBatch(EVENTS).prt, rng, label)


def detected(record: Any, rng: np.random.Generator, label: int) -> Jets:
    """The objects of some events, as features and, jets alone, as constituents."""
    final = record[record.status > 0]
    n, event = len(final), np.repeat(np.arange(len(final)), ak.to_numpy(ak.num(final)))
    flat = ak.flatten(final)
    px, py, pz, energy = (ak.to_numpy(flat.p[c]).astype(np.float64) for c in ("px", "py", "pz", "e"))
    code, pt = np.abs(ak.to_numpy(flat.id)), np.maximum(np.hypot(px, py), 1e-9)
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    seen = ~np.isin(code, INVISIBLE) & (np.abs(eta) < TOWER_ETA)
    towers = _towers(event[seen], energy[seen], eta[seen], phi[seen], rng)
    missing = -np.stack([np.bincount(towers[0], towers[1] * f(towers[3]), n) for f in (np.cos, np.sin)])
    jets = _jets(n, *towers)
    found = [np.stack([np.hypot(*missing), np.arctan2(missing[1], missing[0])], axis=1)]
    for codes, least, most, resolution, alone in (
        ((11, 22), E_PT, E_ETA, E_RESOLUTION, True),
        ((13,), MU_PT, MU_ETA, MU_RESOLUTION, False),
    ):
        on = np.isin(code, codes) & (np.abs(eta) < most) & (pt > 0.8 * least)
        smeared = pt[on] * np.exp(resolution * rng.normal(size=int(on.sum())))
        rows = [event[on], smeared, eta[on], phi[on]]
        kept = smeared > least
        if alone:
            kept &= _alone(rows, towers, pt[on])
        found.append(_hardest([r[kept] for r in rows], n, KINDS["e" if alone else "mu"]))
    found.append(_hardest(jets, n, KINDS["jet"]))
    return _rows(n, np.concatenate(found, axis=1), jets, label)


def _towers(event: Ints, energy: Floats, eta: Floats, phi: Floats, rng: np.random.Generator) -> list[Any]:
    """Event, pt, eta and phi of the towers that are loud enough."""
    wide, around = round(2 * TOWER_ETA / TOWER), round(2 * np.pi / TOWER)
    row = np.clip(((eta + TOWER_ETA) / TOWER).astype(np.int64), 0, wide - 1)
    column = (phi % (2 * np.pi) * (around / (2 * np.pi))).astype(np.int64) % around
    key, of = np.unique((event * wide + row) * around + column, return_inverse=True)
    total = np.bincount(of, energy, len(key))
    total += np.hypot(0.8 * np.sqrt(total), 0.05 * total) * rng.normal(size=len(key))
    key, total = key[total > TOWER_LEAST], total[total > TOWER_LEAST]
    eta = (key // around % wide + 0.5) * TOWER - TOWER_ETA
    phi = ((key % around + 0.5) * (2 * np.pi / around) + np.pi) % (2 * np.pi) - np.pi
    return [key // (around * wide), total / np.cosh(eta), eta, phi]


def _jets(n: int, event: Ints, pt: Floats, eta: Floats, phi: Floats) -> list[Any]:
    counts = np.bincount(event, minlength=n)
    columns = {
        "px": pt * np.cos(phi),
        "py": pt * np.sin(phi),
        "pz": pt * np.sinh(eta),
        "E": pt * np.cosh(eta),
    }
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    made = fastjet.ClusterSequence(ak.unflatten(ak.zip(columns), counts), definition).inclusive_jets(JET_PT)
    px, py, pz = (ak.to_numpy(ak.flatten(made[c])) for c in ("px", "py", "pz"))
    jet_pt = np.hypot(px, py)
    of = np.repeat(np.arange(n), ak.to_numpy(ak.num(made)))
    return [of, jet_pt, np.arcsinh(pz / np.maximum(jet_pt, 1e-9)), np.arctan2(py, px)]


def _alone(rows: list[Any], towers: list[Any], true: Floats) -> Any:
    """Whether little lies around each, besides itself."""
    start = np.searchsorted(towers[0], rows[0]), np.searchsorted(towers[0], rows[0], side="right")
    kept = np.zeros(len(rows[0]), bool)
    for i, (a, b) in enumerate(zip(*start)):
        turn = (towers[3][a:b] - rows[3][i] + np.pi) % (2 * np.pi) - np.pi
        near = np.hypot(towers[2][a:b] - rows[2][i], turn) < CONE
        kept[i] = abs(towers[1][a:b][near].sum() - true[i]) < SHARE * true[i] + 2 * np.sqrt(true[i])
    return kept


def _hardest(rows: list[Any], n: int, most: int) -> Floats:
    """pt, eta and phi of the hardest of each event, zeros where there are fewer, (n, 3 most)."""
    order = np.lexsort((-rows[1], rows[0]))
    event = rows[0][order]
    place = np.arange(len(event)) - np.searchsorted(event, event)
    out, kept = np.zeros((n, most, 3)), place < most
    for column in range(3):
        out[event[kept], place[kept], column] = rows[column + 1][order][kept]
    return out.reshape(n, 3 * most)


def _rows(n: int, features: Floats, jets: list[Any], label: int) -> Jets:
    order = np.lexsort((-jets[1], jets[0]))
    event, pt, eta, phi = (column[order] for column in jets)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(event, minlength=n))])
    whole = np.bincount(event, pt, n), np.zeros(n), features[:, 1], np.zeros(n)
    return Jets(offsets, pt, eta, phi, features, FEATURES, np.full(n, label), CLASSES, *whole)
