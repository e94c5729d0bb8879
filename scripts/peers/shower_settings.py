"""What each shower finder runs with, what it can be tuned to, and the command that tuned it.

    python scripts/peers/shower_finders.py --scan all --events 6 --json tuned.json

The values here came from such scans with 5 % of noise hits on the sensors of the showers; they have not been scanned again with
the noise that is now simulated anywhere (a scan that was stopped after `reach` and `cells` of CLUE + CLUE3D gained 0.006 of 7.6).
Those of CLUE in 3D, DBSCAN and HDBSCAN, anti-kt and connected components ended at an edge of the grid, which now goes further. The
response of clusters-density is from one event of 50 showers.

Lengths are in Moliere radii, energies in minimum-ionising particles but `link_density`, which is in GeV.
"""

from __future__ import annotations

from typing import Any

#: Where a scan begins, and what it ended with.
TUNED: dict[str, dict[str, Any]] = {
    "CLUE + CLUE3D": {
        "reach": 0.8, "cells": 0.9, "density": 1.0, "separation": 1.0, "outlier": 5.0, "link_reach": 1.7,
        "link_separation": 1.7, "link_density": 0.05, "link_self_density": 0.15, "link_span": 6, "link_outlier": 3.0,
        "link_min_cells": 1,
    },
    "CLUE, 3D": {"reach": 1.3, "cells": 2.7, "density": 25.0, "layers": 14.0, "separation": 1.0, "outlier": 2.0},
    "DBSCAN": {"eps": 1.4, "weight": 320, "layer_step": 5.0, "threshold": 1.0},
    "HDBSCAN": {"min_cluster_size": 40, "min_samples": 2, "layer_step": 8.0, "threshold": 2.0},
    "anti-kt": {"radius": 0.11, "threshold": 1.0},
    "connected components": {"reach": 2.4, "threshold": 1.0},
    "clusters-density": {},
}  # fmt: skip

#: Mean of the found energy over the true one, by kind of sample: energies are divided by it.
RESPONSE: dict[str, dict[str, float]] = {
    "CLUE + CLUE3D": {"photons": 0.908, "mix": 0.726},
    "CLUE, 3D": {"photons": 0.910, "mix": 0.742},
    "DBSCAN": {"photons": 0.902, "mix": 0.719},
    "HDBSCAN": {"photons": 0.906, "mix": 0.731},
    "anti-kt": {"photons": 0.872, "mix": 0.700},
    "connected components": {"photons": 0.911, "mix": 0.700},
    "clusters-density": {"photons": 0.891, "mix": 0.628},
}

GRID: dict[str, dict[str, list[Any]]] = {
    "CLUE + CLUE3D": {
        "reach": [0.4, 0.6, 0.8, 1.0, 1.3], "cells": [0.9, 1.1, 1.3, 1.6, 2.1], "density": [0.5, 1.0, 2.0, 3.0, 5.0],
        "separation": [0.8, 1.0, 1.5, 2.0], "outlier": [1.0, 2.0, 3.0, 5.0], "link_reach": [0.6, 1.0, 1.3, 1.7, 2.2, 3.0],
        "link_separation": [0.8, 1.0, 1.3, 1.7, 2.2, 3.0], "link_density": [0.05, 0.1, 0.2, 0.4, 0.6, 1.0],
        "link_self_density": [0.0, 0.05, 0.1, 0.15, 0.2, 0.3], "link_span": [3, 4, 6, 8, 12],
        "link_outlier": [1.0, 2.0, 3.0, 4.0], "link_min_cells": [1, 2],
    },
    "CLUE, 3D": {
        "reach": [0.6, 0.8, 1.0, 1.3, 1.7, 2.2], "cells": [1.3, 1.6, 2.1, 2.7, 3.5], "density": [9.0, 15.0, 25.0, 40.0, 60.0],
        "layers": [3.0, 5.0, 7.0, 10.0, 14.0, 20.0], "separation": [0.8, 1.0, 1.3, 1.6, 2.0], "outlier": [1.5, 2.0, 3.0, 4.0],
    },
    "DBSCAN": {
        "eps": [0.7, 1.0, 1.4, 2.0, 2.8], "weight": [10, 40, 80, 160, 320, 640], "layer_step": [2.0, 3.0, 5.0, 8.0, 12.0],
        "threshold": [0.25, 0.5, 1.0, 2.0, 4.0],
    },
    "HDBSCAN": {
        "min_cluster_size": [7, 10, 16, 25, 40, 60], "min_samples": [2, 4, 8, 16], "layer_step": [2.0, 3.0, 5.0, 8.0, 12.0],
        "threshold": [0.25, 0.5, 1.0, 2.0, 4.0],
    },
    "anti-kt": {"radius": [0.02, 0.03, 0.04, 0.06, 0.08, 0.11, 0.15, 0.2], "threshold": [0.25, 0.5, 1.0, 2.0]},
    "connected components": {"reach": [1.0, 1.2, 1.5, 1.9, 2.4, 3.0], "threshold": [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]},
}  # fmt: skip
