"""Pythia 8 as a source of events, where ``pythia8mc`` (GPL, an optional extra) is installed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnreco.errors import BadConfig

from .generated import Generated
from .processes import Choices, process_of

BATCH = 64


def pythia_events(
    process: str, n_events: int, seed: int, ecm: float | None = None, choices: Choices | None = None
) -> Iterator[Generated]:
    """Final particles of collisions, in order, with the primary vertex at the origin.

    K0S, Lambda and their like have decayed where a tracker can see it, with all their channels, and their daughters
    start where Pythia put them. Those that fly farther are left whole; the simulation lets them fly from their start.

    Parameters
    ----------
    process : str
        A key of `PROCESSES`.
    n_events : int
    seed : int
        Pythia's own seed, 1 to 900,000,000.
    ecm : float, optional
        Energy in the centre of mass, GeV; that of the process unless given.
    choices : mapping, optional
        Of the process; its own where not given.

    Raises
    ------
    BadConfig
        The process is unknown, Pythia refuses the energy or the choices, or ``pythia8mc`` or ``awkward`` is not installed.
    """
    kind = process_of(process)
    energy = kind.ecm if ecm is None else ecm
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
        "Random:setSeed = on",
        f"Random:seed = {seed}",
        *kind.lines(energy, choices),
    ):
        pythia.readString(line)
    if not pythia.init():
        told = ", ".join(f"{key} {value}" for key, value in (choices or {}).items())
        what = f"{process!r} at {energy:g} GeV{' with ' + told if told else ''}"
        raise BadConfig(
            f"Pythia 8 cannot make process {what}: give another ecm{' or others of these' if told else ''}"
        )
    for first in range(0, n_events, BATCH):
        record = pythia.nextBatch(min(BATCH, n_events - first)).prt
        final = record[record.status > 0]
        p, vertex = final.p, final.vProd
        # A particle of the collision itself has no vertex in the record: it starts at the origin.
        px, py, pz, x, y, z, time = (
            ak.to_numpy(ak.fill_none(ak.flatten(c), 0.0)).astype(np.float64)
            for c in (p.px, p.py, p.pz, vertex.px, vertex.py, vertex.pz, vertex.e)
        )
        pdg, ends = ak.to_numpy(ak.flatten(final.id)).astype(np.int32), np.cumsum(ak.to_numpy(ak.num(final)))
        vertices = np.zeros(len(pdg), np.int32)
        made = Generated(pdg, px, py, pz, x, y, z, time / 299.792458, vertices)  # mm/c to ns
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            yield made.select(slice(begin, end))
