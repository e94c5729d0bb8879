"""Pythia 8 as a source of events, where ``pythia8mc`` (GPL, an optional extra) is installed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnreco.errors import BadConfig

from .generated import Generated

PROCESSES: dict[str, tuple[str, ...]] = {
    "minbias": ("SoftQCD:all = on",),
    "ttbar": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"),
    "qq": ("HardQCD:all = on", "PhaseSpace:pTHatMin = 50."),
    "zmumu": (
        "WeakSingleBoson:ffbar2gmZ = on",
        "23:onMode = off",
        "23:onIfAny = 13",
        "PhaseSpace:mHatMin = 60.",
    ),
    "zee": (
        "WeakSingleBoson:ffbar2gmZ = on",
        "23:onMode = off",
        "23:onIfAny = 11",
        "PhaseSpace:mHatMin = 60.",
    ),
    "higgs": ("HiggsSM:gg2H = on",),
}
BATCH = 64


def pythia_events(process: str, n_events: int, seed: int) -> Iterator[Generated]:
    """Final particles of proton-proton collisions at 14 TeV, in order, with the primary vertex at the origin.

    Parameters
    ----------
    process : str
        A key of `PROCESSES`.
    n_events : int
    seed : int
        Pythia's own seed, 1 to 900,000,000.

    Raises
    ------
    BadConfig
        The process is unknown, or ``pythia8mc`` or ``awkward`` is not installed.
    """
    if process not in PROCESSES:
        raise BadConfig(f"process {process!r} is not known: use one of {', '.join(PROCESSES)}")
    try:
        import awkward as ak
        import pythia8mc
    except ImportError as missing:
        raise BadConfig(
            f"process {process!r} needs Pythia 8: pip install 'gnnreco[pythia]' ({missing})"
        ) from None
    pythia = pythia8mc.Pythia("", False)
    for line in (
        "Print:quiet = on",
        "Beams:eCM = 14000.",
        "Random:setSeed = on",
        f"Random:seed = {seed}",
        *PROCESSES[process],
    ):
        pythia.readString(line)
    if not pythia.init():
        raise BadConfig(f"Pythia 8 does not start with the settings of process {process!r}")
    made = 0
    while made < n_events:
        for record in pythia.nextBatch(min(BATCH, n_events - made)).prt:
            final = record[record.status > 0]
            p, vertex = final.p, final.vProd
            # A particle of the collision itself has no vertex in the record: it starts at the origin.
            px, py, pz, *place, time = [
                ak.to_numpy(ak.fill_none(c, 0.0)).astype(np.float64)
                for c in (p.px, p.py, p.pz, vertex.px, vertex.py, vertex.pz, vertex.e)
            ]
            x, y, z = place
            yield Generated(
                ak.to_numpy(final.id).astype(np.int32),
                px,
                py,
                pz,
                x,
                y,
                z,
                time / 299.792458,  # mm/c to ns
                np.zeros(len(final), np.int32),
            )
            made += 1
