"""Write the bundles that find showers in any detector by density peaks, with nothing learned.

    python scripts/build_density_bundle.py [FOLDER]

`clusters-density` gives showers as well as that goes; `clusters-fine` gives the clumps that showers are made of, the elements
of particle flow, which joins them itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gnnreco.bundle import SHIPPED, save_bundle
from gnnreco.bundle.shipped import CLUMPS, CLUSTERS
from gnnreco.schema import plain
from gnnreco.tasks.showers.density import DensityConfig
from gnnreco.tasks.showers.task import ClusteringConfig

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
training = {"command": "python scripts/build_density_bundle.py", "data": "none: nothing is learned"}
for name, density in (
    (CLUSTERS, DensityConfig()),
    (CLUMPS, DensityConfig(seed=2.0, saddle=0.85, min_hits=2)),
):
    save_bundle(folder / name, "clustering", plain(ClusteringConfig(density=density)), {}, None, training, {})
    print(f"wrote {folder / name}")
