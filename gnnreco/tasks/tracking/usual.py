"""What tells whether events are like those that calibrated a model of tracks: counts of hits, of their cells and of fits.

None of the ratios depends on how many particles an event has, nor much on their momenta. The part of the pairs inside the
windows that passes the gate is none of them: it falls from 43 to 29 % between pile-up 20 and 200 of the same simulation.
"""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Hits, Tracks
from gnnreco.graphs.tracking.frame import clusters_of
from gnnreco.models.calibration import Ratio

POOR = 2.0  # chi2 for each degree of freedom of a fit that does not describe its hits

RATIOS = (
    Ratio("hits_on_tracks", "hits_seen", "% of hits lie on tracks", 0.05, worse=-1),
    Ratio("poor_fits", "fits", "% of fits have a chi2 above twice its degrees of freedom", 0.03, worse=1),
    Ratio("hits_with_cells", "hits_seen", "% of hits have cells", 0.05, worse=-1),
    Ratio("cluster_channels", "hits_with_cells", "channels in a cluster, along u and along v", 0.15),
    Ratio("uneven_clusters", "shared_clusters", "% of clusters of several cells have unequal signals", 0.05),
)


def counts_of(hits: Hits, tracks: Tracks) -> dict[str, int]:
    """The counts that `RATIOS` are made of.

    Parameters
    ----------
    hits : Hits
        Of the subsystems that the task sees.
    tracks : Tracks
        What was found in them.
    """
    inside = hits.sensor >= 0
    width_u, width_v, _, lowest, highest = (column[inside] for column in clusters_of(hits, len(hits)))
    fired = np.zeros(0, np.int64) if hits.deposits is None else np.diff(hits.deposits.offsets)[inside]
    fitted = tracks.ndf > 0
    numbers = {
        "hits_seen": inside.sum(),
        "hits_on_tracks": len(tracks.hit_index),
        "fits": fitted.sum(),
        "poor_fits": (tracks.chi2 > POOR * tracks.ndf)[fitted].sum(),
        "hits_with_cells": (width_u > 0).sum(),
        "cluster_channels": width_u.sum() + width_v.sum(),
        "shared_clusters": (fired > 1).sum(),
        "uneven_clusters": (highest > lowest).sum(),
    }
    return {name: int(number) for name, number in numbers.items()}
