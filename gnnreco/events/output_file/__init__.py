"""What was found in events, on disk: Parquet with one row an event and a checksum on every page, or ROOT.

Columns are ``event, source``, then one list with an entry for each object (track, cluster) in each further column; an
entry may itself be a list: the rows of its hits in the event as its file orders them and the numbers the file gives
these hits, or a vector of fixed length.
"""

from .folder import MANIFEST, output_files
from .layout import Layout, Row
from .table import draft_writer, output_writer, read_note, read_output, write_output

__all__ = [
    "MANIFEST",
    "Layout",
    "Row",
    "draft_writer",
    "output_files",
    "output_writer",
    "read_note",
    "read_output",
    "write_output",
]
