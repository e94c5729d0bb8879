"""Files of LCIO, the event data of linear collider detectors (``.slcio``): compressed records of collections.

Simulated and measured hits, particles of the simulation and which of them made which hit, and what another
reconstruction found: tracks, clusters and particles. Format: github.com/iLCSoft/LCIO and github.com/iLCSoft/SIO.
"""

from .dst import DstEvent, Links, read_dst
from .reader import LcioReader
from .records import MAGIC

__all__ = ["MAGIC", "DstEvent", "LcioReader", "Links", "read_dst"]
