"""New physics that Pythia 8 makes, in its words: a heavy resonance of jets, pairs of long-lived particles."""

from __future__ import annotations

from gnnreco.errors import BadConfig

NARROW, WINDOW = 0.01, 0.1  # width, and half width of the mass that is allowed, as fractions of the mass


def resonance(masses: tuple[float, ...]) -> tuple[str, ...]:
    """A W' that becomes X and Y, which become quarks: the signal of the LHC Olympics' R&D data set, by Pythia's W, Z.

    The Z stands for X, the W for Y: each with a mass of its own, so that both become fat jets of two quarks.

    Parameters
    ----------
    masses : (float, float, float)
        Of the W', of X, of Y, GeV.
    """
    heavy, one, other = _decaying("wprime", masses, 3, "W', X and Y", sum(masses[1:]))
    return (
        "NewGaugeBoson:ffbar2Wprime = on",
        "Wprime:coup2WZ = 1.",
        *_narrow(34, heavy),
        "34:onMode = off",
        "34:onIfAll = 23 24",
        *_narrow(23, one),
        "23:onMode = off",
        "23:onIfAny = 1 2 3 4 5",
        *_narrow(24, other),
        "24:onMode = off",
        "24:onIfAny = 1 2 3 4",
    )


def long_lived(masses: tuple[float, ...], ctau: float) -> tuple[str, ...]:
    """A heavy scalar that becomes two neutral particles which fly before each becomes two quarks, b most often.

    Pythia lets resonances decay wherever their lifetime takes them, in the tracker or far behind it.

    Parameters
    ----------
    masses : (float, float)
        Of the scalar (Pythia's H2), of the long-lived particle (Pythia's A3), GeV.
    ctau : float
        Mean decay length of the latter at beta gamma of one, mm.
    """
    heavy, light = _decaying("displaced", masses, 2, "the scalar and the long-lived particle", 2 * masses[-1])
    return (
        "Higgs:useBSM = on",
        "HiggsBSM:gg2H2 = on",
        *_narrow(35, heavy),
        "35:onMode = off",
        "35:onIfAll = 36 36",
        *_narrow(36, light, width=1e-4),
        "36:tauCalc = off",  # else the lifetime is that of the width
        f"36:tau0 = {ctau!r}",
        "36:onMode = off",
        "36:onIfAny = 1 2 3 4 5",
    )


def _narrow(code: int, mass: float, width: float = NARROW) -> tuple[str, ...]:
    """A particle of this mass (GeV) and width (as a fraction of it)."""
    return (
        f"{code}:m0 = {mass!r}",
        f"{code}:mWidth = {width * mass!r}",
        f"{code}:doForceWidth = on",
        f"{code}:mMin = {(1 - WINDOW) * mass!r}",
        f"{code}:mMax = {(1 + WINDOW) * mass!r}",
    )


def _decaying(
    process: str, masses: tuple[float, ...], count: int, whose: str, least: float
) -> tuple[float, ...]:
    """The masses, where there are as many as it takes and the first can become the others."""
    if len(masses) != count:
        raise BadConfig(f"process {process} has {count} masses, of {whose}, in GeV: not {len(masses)}")
    if not min(masses) > 0 or not masses[0] * (1 - WINDOW) > least * (1 + WINDOW):
        told = ", ".join(f"{mass:g}" for mass in masses)
        raise BadConfig(
            f"process {process}: masses {told} GeV, of {whose}: the first cannot become the others"
        )
    return masses
