"""Started as a script, by itself: reads a HepMC file by ``pyhepmc`` and writes the final particles of each event as numbers.

``python hepmc_columns.py FILE FIRST``, from event ``FIRST`` on. A process of its own, since files that are damaged end the
process that reads them by ``pyhepmc``. For each event it writes `HEAD` and as many rows of `COLUMNS` as that says; a
negative number is one of the endings below, and for `FAILED` the bytes of a reason follow.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Numbers of each particle, float64, GeV and mm: the code, momentum, and place of production (the last one is c times t).
COLUMNS = ("pdg", "px", "py", "pz", "x", "y", "z", "ct")
#: How many rows follow, or an ending; how many events were read before; bytes of a reason.
HEAD = struct.Struct("<qqq")
ENDED, FAILED = -1, -2
#: Particles of one event: no generator writes more.
LARGEST = 1_000_000
FINAL = 1
MEMORY = 8 << 30  # bytes
EVENT_S = 300.0  # seconds that one event may take


def main(path: str, first: int) -> None:
    """Write all events from one on, until there are no more, or one cannot be read."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    with contextlib.suppress(OSError, ValueError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    out, number = os.fdopen(os.dup(1), "wb"), 0
    os.dup2(2, 1)  # what libraries print goes elsewhere
    try:
        for event in events(path):
            if number >= first:
                rows = final_particles(event)
                out.write(HEAD.pack(len(rows), number, 0) + rows.tobytes())
                out.flush()
            number += 1
        out.write(HEAD.pack(ENDED, number, 0))
    except BrokenPipeError:  # nobody wants more
        os._exit(0)
    except Exception as error:  # pyhepmc has no name for all that a damaged file can do
        reason = str(error).encode()[:500]
        out.write(HEAD.pack(FAILED, number, len(reason)) + reason)
    out.flush()


def events(path: str) -> Iterator[Any]:
    """The events of a file; the kernel ends a process that hangs at one."""
    import pyhepmc

    with pyhepmc.open(path) as file:
        stream = iter(file)
        while True:
            signal.setitimer(signal.ITIMER_REAL, EVENT_S)
            event = next(stream, None)
            if event is None:
                return
            event.set_units(pyhepmc.Units.GEV, pyhepmc.Units.MM)
            signal.setitimer(signal.ITIMER_REAL, 0)  # whoever reads these may take their time
            yield event


def final_particles(event: Any) -> NDArray[np.float64]:
    """Rows of `COLUMNS`. Raises `ValueError` for an event that is none."""
    if len(event.particles) > LARGEST:
        raise ValueError(f"more than {LARGEST:,} particles; check the file")
    columns = event.numpy.particles
    rows = np.flatnonzero(np.asarray(columns.status) == FINAL)
    table = np.zeros((len(rows), len(COLUMNS)))
    for at, name in enumerate(("pid", "px", "py", "pz")):
        table[:, at] = np.asarray(getattr(columns, name))[rows]
    for at, row in enumerate(rows):
        vertex = event.particles[int(row)].production_vertex
        if vertex is not None:
            place = vertex.position
            table[at, 4:] = place.x, place.y, place.z, place.t
    if not np.isfinite(table).all():
        raise ValueError("a momentum or vertex that is no number; write the file again")
    return table


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
