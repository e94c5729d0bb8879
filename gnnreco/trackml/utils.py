"""Derived columns: positions and momenta in cylindrical coordinates, the parts of a particle id.

The challenge's library has a module of this name, and programs import these three functions from it: that is why
this is the one module of gnnreco that is called so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pandas import DataFrame

#: Bits of the parts of a particle id, the lowest first.
ID_BITS = {"process": 12, "secondary_id": 12, "generation": 12, "primary_id": 16, "vertex_id": 12}


def add_position_quantities(data: DataFrame, prefix: str = "") -> DataFrame:
    """Add the distance from the z axis, the azimuth and the distance from the origin.

    Parameters
    ----------
    data : pandas.DataFrame
        With the columns ``{prefix}x, {prefix}y, {prefix}z``, mm; changed in place.
    prefix : str
        ``v`` for production points of particles, ``t`` for true positions of hits.

    Returns
    -------
    pandas.DataFrame
        The same table, with ``{prefix}rho`` (mm), ``{prefix}phi`` (rad, within pi) and ``{prefix}r`` (mm).
    """
    x, y, z = (data[prefix + axis] for axis in "xyz")
    data[prefix + "rho"] = np.hypot(x, y)
    data[prefix + "phi"] = np.arctan2(y, x)
    data[prefix + "r"] = np.hypot(data[prefix + "rho"], z)
    return data


def add_momentum_quantities(data: DataFrame, prefix: str = "") -> DataFrame:
    """Add transverse momentum, azimuth, pseudorapidity and momentum.

    Parameters
    ----------
    data : pandas.DataFrame
        With the columns ``{prefix}px, {prefix}py, {prefix}pz``, GeV; changed in place.
    prefix : str
        ``t`` for true momenta in hits.

    Returns
    -------
    pandas.DataFrame
        The same table, with ``{prefix}pt`` (GeV), ``{prefix}pphi`` (rad, within pi), ``{prefix}peta`` and
        ``{prefix}p`` (GeV). Pseudorapidity is infinite along the axis and NaN for a particle at rest.

    Notes
    -----
    The challenge's library takes the inverse hyperbolic tangent of pz / p, which single precision rounds to one near
    the axis. The inverse hyperbolic sine of pz / pt is the same quantity without that loss.
    """
    px, py, pz = (data[f"{prefix}p{axis}"] for axis in "xyz")
    pt = np.hypot(px, py)
    data[prefix + "pt"] = pt
    data[prefix + "pphi"] = np.arctan2(py, px)
    with np.errstate(divide="ignore", invalid="ignore"):
        data[prefix + "peta"] = np.arcsinh(pz / pt)
    data[prefix + "p"] = np.hypot(pt, pz)
    return data


def decode_particle_id(data: DataFrame) -> DataFrame:
    """Add the parts that a particle id is packed from.

    Parameters
    ----------
    data : pandas.DataFrame
        With the column ``particle_id``; changed in place.

    Returns
    -------
    pandas.DataFrame
        The same table, with the uint64 columns ``vertex_id`` (of the collision, from one on), ``primary_id``,
        ``generation`` (0 for what came from the collision itself), ``secondary_id`` and ``process``.
    """
    rest = data["particle_id"].to_numpy().astype(np.uint64)
    parts = {}
    for name, bits in ID_BITS.items():
        parts[name] = rest & np.uint64((1 << bits) - 1)
        rest = rest >> np.uint64(bits)
    for name in reversed(parts):
        data[name] = parts[name]
    return data
