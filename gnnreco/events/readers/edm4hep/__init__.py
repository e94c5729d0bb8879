"""Files of EDM4hep, the event data of Key4hep (``.edm4hep.root``), as podio writes them: TTrees and RNTuples.

The metadata of a file says which collections it holds and of what type, never their names. They are shown as collections of
LCIO, so that all rules of `gnnreco.events.readers.lcio` hold for both. Formats: github.com/key4hep/EDM4hep and
github.com/AIDASoft/podio.
"""

from .catalogue import is_edm4hep
from .dst import read_dst
from .reader import Edm4hepReader

__all__ = ["Edm4hepReader", "is_edm4hep", "read_dst"]
