"""Write the bundles that find showers in any detector by density peaks, with nothing learned.

    python scripts/build_density_bundle.py [FOLDER]

`clusters-density` gives showers as well as that goes; `clusters-fine` gives the clumps that showers are made of, the elements
of particle flow, which joins them itself. `clusters-belle2` is for crystals as large as showers, `belle2_ecl`: a shower is a crystal that is
louder than all that touch it, with these; early and late ones are background (chosen on half of the events of
`scripts/belle2_vs_offline.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path

from gnnreco.bundle import SHIPPED, save_bundle
from gnnreco.bundle.shipped import CLUMPS, CLUSTERS
from gnnreco.geometry import load_detector
from gnnreco.graphs.showers.cells import CellGraphConfig
from gnnreco.schema import plain
from gnnreco.tasks.showers.config import ClusteringConfig
from gnnreco.tasks.showers.density import DensityConfig

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
NOTHING = "none: nothing is learned"
CHOSEN = "nothing is learned; settings chosen on the events with even numbers of scripts/belle2_vs_offline.py"
crystals = ClusteringConfig(
    graph=CellGraphConfig(threshold=0.0, mip=0.001, reach=1.6),  # a unit of 16 MeV in 16 radiation lengths
    density=DensityConfig(radius=0.7, seed=2.0, saddle=1.0, min_hits=1),
    window=60.0,
)
belle2 = load_detector("belle2_ecl")
for name, config, detector, data in (
    (CLUSTERS, ClusteringConfig(), None, NOTHING),
    (CLUMPS, ClusteringConfig(density=DensityConfig(seed=2.0, saddle=0.85, min_hits=2)), None, NOTHING),
    ("clusters-belle2", crystals, belle2, CHOSEN),
):
    training = {"command": "python scripts/build_density_bundle.py", "data": data}
    save_bundle(folder / name, "clustering", plain(config), {}, detector, training, {})
    print(f"wrote {folder / name}")
