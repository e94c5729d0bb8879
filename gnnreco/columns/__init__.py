"""The columns every stage reads and writes: flat arrays in mm, ns, GeV and tesla, one row per hit, particle or track.

Every table can be cut (``tracks[tracks.pt > 1]``, ``hits[:100]``, ``clusters[3]``), joined (`concatenate`), compared
(``==``) and handed on (``.to_pandas()``, ``.to_awkward()``):

>>> import numpy as np
>>> from gnnreco.columns import Particles
>>> zero = np.zeros(3)
>>> muons = Particles(np.arange(3), np.full(3, 13), -np.ones(3), zero, zero, zero, np.array([0.5, 3.0, 20.0]), zero, zero)
>>> muons[muons.pt > 1]
Particles(2 particles, pt 3 to 20 GeV)
"""

from gnnreco.columns.anomalies import ANOMALY_PARTS, Anomalies
from gnnreco.columns.arrays import Floats, Ints
from gnnreco.columns.event import Collections, Event
from gnnreco.columns.fates import FATES, Fates
from gnnreco.columns.found import CLUSTER_CLASSES, Clusters, Tracks
from gnnreco.columns.hits import Deposits, Hits
from gnnreco.columns.jets import JetBlock, Jets
from gnnreco.columns.particles import PARTICLE_CLASSES, ReconstructedParticles
from gnnreco.columns.table import Columns, concatenate
from gnnreco.columns.truth import Particles, Truth

__all__ = [
    "ANOMALY_PARTS",
    "CLUSTER_CLASSES",
    "FATES",
    "PARTICLE_CLASSES",
    "Anomalies",
    "Clusters",
    "Collections",
    "Columns",
    "Deposits",
    "Event",
    "Fates",
    "Floats",
    "Hits",
    "Ints",
    "JetBlock",
    "Jets",
    "Particles",
    "ReconstructedParticles",
    "Tracks",
    "Truth",
    "concatenate",
]
