"""What transport must know about each kind of particle: charge, mass, lifetime, how it meets matter, what it decays to."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadConfig
from gnnreco.schema import nearest

INVISIBLE, HADRON, ELECTRON, PHOTON, MUON = range(5)

# The commonest two-body decay of each particle that a gun shoots or that may fly far; signs are flipped for antiparticles.
# Rarer channels are left out: a kink and a displaced pair are what tracking has to see.
DECAYS = {
    211: (-13, 14),
    321: (-13, 14),
    310: (211, -211),
    111: (22, 22),
    3122: (2212, -211),
    3112: (2112, -211),
    3222: (2112, 211),
    3312: (3122, -211),
    3322: (3122, 111),
    3334: (3122, -321),
}
SECONDARIES = (
    11,
    -11,
    211,
    -211,
    2212,
    22,
)  # what material effects make, in this order: transport counts on it
#: GeV, of particles whose charge is in their PDG number 100XXXY0, XXX.Y (the numbering scheme of the review of particle
#: physics keeps these for Q-balls and other exotic charges): the number tells no mass. They are stable and only ionise.
HEAVY_MASS = 500.0
GUN = {
    "photon": (22,),
    "electron": (11, -11),
    "muon": (13, -13),
    "pion": (211, -211),
    "kaon": (321, -321),
    "proton": (2212, -2212),
    "neutron": (2112,),
    "k0s": (310,),
    "k0l": (130,),
    "lambda": (3122, -3122),
    "pi0": (111,),
    "hip": (10001000, -10001000),  # highly ionising: ten charges
}


class Species(NamedTuple):
    """One row per kind of particle, in the order of `pdg`; a tuple of arrays, so that numba takes it as it is.

    Attributes
    ----------
    pdg : int32 (n,)
    charge : float64 (n,), e
    mass : float64 (n,), GeV
    ctau : float64 (n,), mm; infinite where the particle is stable or has no decay here
    kind : int8 (n,), one of INVISIBLE, HADRON, ELECTRON, PHOTON, MUON (also other particles that only ionise)
    daughters : int32 (n, 2), rows of this table, -1 where there is no decay
    """

    pdg: NDArray[np.int32]
    charge: NDArray[np.float64]
    mass: NDArray[np.float64]
    ctau: NDArray[np.float64]
    kind: NDArray[np.int8]
    daughters: NDArray[np.int32]

    def rows(self, pdg: NDArray[np.int32]) -> NDArray[np.int32]:
        """Rows of the table for PDG codes that it holds."""
        order = np.argsort(self.pdg)
        return order[np.searchsorted(self.pdg[order], pdg)].astype(np.int32)


def gun_codes(name: str) -> tuple[int, ...]:
    """PDG codes (particle, antiparticle) that a gun called `name` shoots; a number is taken as a code."""
    if name in GUN:
        return GUN[name]
    from particle import InvalidParticle, Particle, ParticleNotFound
    from particle.pdgid import is_Qball

    try:
        if not is_Qball(int(name)):
            Particle.from_pdgid(int(name))
    except (ValueError, InvalidParticle, ParticleNotFound):
        raise BadConfig(f"particle {name!r} is not known{nearest(name, [*GUN, 'or a PDG number'])}") from None
    return (int(name),)


@lru_cache(maxsize=4096)
def _properties(pdg: int) -> tuple[float, float, float, int]:
    """Charge, mass (GeV), ctau (mm), kind; an unknown code is carried as invisible."""
    from particle import InvalidParticle, Particle, ParticleNotFound
    from particle.pdgid import charge as charge_of
    from particle.pdgid import is_Qball

    if is_Qball(pdg):
        return float(charge_of(pdg) or 0.0), HEAVY_MASS, np.inf, MUON
    try:
        known = Particle.from_pdgid(pdg)
    except (InvalidParticle, ParticleNotFound):
        return 0.0, 0.0, np.inf, INVISIBLE
    mass, charge = (known.mass or 0.0) * 1e-3, float(known.charge or 0.0)
    ctau = float(known.ctau) if abs(pdg) in DECAYS and known.ctau else np.inf
    if abs(pdg) in (12, 14, 16):
        kind = INVISIBLE
    else:
        kind = {11: ELECTRON, 13: MUON, 22: PHOTON}.get(abs(pdg), HADRON)
    return charge, mass, ctau, kind


def species_of(pdg: Iterable[int]) -> Species:
    """The table for these codes, for all they may decay to, and for what material makes (the first rows)."""
    return _table(tuple(sorted({int(code) for code in pdg} | set(SECONDARIES))))


@lru_cache(maxsize=256)
def _table(asked: tuple[int, ...]) -> Species:
    codes, todo = list(SECONDARIES), list(asked)
    while todo:
        code = todo.pop(0)
        if code not in codes:
            codes.append(code)
        todo += [daughter for daughter in _daughters(code) if daughter not in codes and daughter not in todo]
    rows = [_properties(code) for code in codes]
    daughters = np.full((len(codes), 2), -1, np.int32)
    for row, code in enumerate(codes):
        for side, daughter in enumerate(_daughters(code)):
            daughters[row, side] = codes.index(daughter)
    charge, mass, ctau, kind = (np.array(column) for column in zip(*rows, strict=True))
    return Species(
        np.array(codes, np.int32),
        charge.astype(np.float64),
        mass.astype(np.float64),
        ctau.astype(np.float64),
        kind.astype(np.int8),
        daughters,
    )


def _daughters(pdg: int) -> tuple[int, ...]:
    channel = DECAYS.get(abs(pdg), ())
    if pdg > 0 or abs(pdg) in (111, 310):
        return channel
    return tuple(code if code in (22, 111) else -code for code in channel)
