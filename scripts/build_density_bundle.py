"""Write the bundle `clusters-density`: showers in any detector by density peaks, with nothing learned.

python scripts/build_density_bundle.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from gnnreco.bundle import SHIPPED, save_bundle
from gnnreco.bundle.shipped import CLUSTERS
from gnnreco.schema import plain
from gnnreco.tasks.showers.task import ClusteringConfig

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED / CLUSTERS
training = {"command": "python scripts/build_density_bundle.py", "data": "none: nothing is learned"}
save_bundle(folder, "clustering", plain(ClusteringConfig()), {}, None, training, {})
print(f"wrote {folder}")
