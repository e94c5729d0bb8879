"""Found particles on disk: how `ReconstructedParticles` lie in the files of `gnnreco.events.output_file`.

The columns are ``event, source, particle_id, hit_index, hit_id, pdg_class, class_probability, charge, px, py, pz,
energy_gev, energy_sigma_gev, score, track_ids, cluster_ids``. ``pdg_class`` is a row of `PARTICLE_CLASSES`, and
``class_probability`` has a number for each of these. ``track_ids`` and ``cluster_ids`` are the ``track_id`` and
``cluster_id`` of the same event in the folders of tracks and clusters; where several tasks find tracks, they count through
the tasks in the order in which they ran. ``hit_index`` and ``hit_id`` name the hits that the particle has by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gnnreco.columns import PARTICLE_CLASSES, ReconstructedParticles
from gnnreco.files.json_types import JsonMapping

from .output_file import Layout, read_output, write_output

Row = tuple[int, str, ReconstructedParticles]
NUMBERS = {  # column in the file: attribute of ReconstructedParticles
    "pdg_class": "class_index",
    "charge": "charge",
    "px": "px",
    "py": "py",
    "pz": "pz",
    "energy_gev": "energy",
    "energy_sigma_gev": "energy_sigma",
    "score": "score",
}
VECTORS = {"class_probability": ("class_probability", len(PARTICLE_CLASSES))}
ORDER = ("pdg_class", *VECTORS, *list(NUMBERS)[1:])
LISTS = {"track_ids": "track_index", "cluster_ids": "cluster_index"}
PARTICLES = Layout(
    "particles",
    ReconstructedParticles,
    "particle_id",
    False,
    ("hit_index", "hit_id"),
    NUMBERS,
    VECTORS,
    ORDER,
    LISTS,
)


def write_particles(path: str | Path, rows: Iterable[Row], note: JsonMapping | None = None) -> None:
    """Write the particles of events to one file; see `write_output`."""
    write_output(PARTICLES, path, rows, note)


def read_particles(path: str | Path) -> Iterator[Row]:
    """Read the particles that `gnnreco reconstruct` wrote, one event after the other.

    Parameters
    ----------
    path : path
        The folder of the output, or one of its files (Parquet or ROOT).

    Yields
    ------
    (int, str, ReconstructedParticles)
        Number and source of an event, and its particles: `gnnreco.ReconstructedParticles`, one row each, in GeV.

    Raises
    ------
    BadInput
        If there is no such file, one is not what the manifest says or is damaged, or a column is missing.

    Examples
    --------
    >>> for number, source, particles in read_particles("particles"):  # doctest: +SKIP
    ...     print(number, source, len(particles))
    """
    return read_output(PARTICLES, path)
