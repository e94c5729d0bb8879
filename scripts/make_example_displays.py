"""Cut the real collisions of event displays down to the small files in ``examples/displays``.

    python scripts/make_example_displays.py --cms ispy_MET_Run2012C_0.ig --lhcb phoenix_lhcb_....json.gz

Of the CMS archive two events stay, with hits, chambers and superclusters. Of the LHCb event every calorimeter cell and
muon pad stays, and every eighth hit of the trackers. Nothing is changed but what is left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "examples" / "displays"
KEPT = ("Event", "RecHits_", "MuonChambers", "SuperClusters")
EVENTS = 2
EVERY = 8
TRACKERS = ("VELOR", "VELOPHI", "TT", "IT", "OT")
LEFT_OUT = ("VTRACKS", "PARTICLES", "PVS")
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that the same input gives the same bytes


def cut_cms(file: Path) -> None:
    """Write the first events of an archive."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(FOLDER / "cms_met_2012.ig", "w") as new:
        names = [name for name in old.namelist() if name.startswith("Events/")][:EVENTS]
        for name in ("Header", *names):
            text = old.read(name).decode()
            if name != "Header":
                text = _cut(json.loads(text.replace("nan", "NaN")))
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, text, compresslevel=9)


def _cut(event: dict) -> str:
    keep = [name for name in event["Types"] if any(part in name for part in KEPT)]
    cut = {part: {name: event[part][name] for name in keep} for part in ("Types", "Collections")}
    return json.dumps({**cut, "Associations": {}}, separators=(",", ":"))


def cut_lhcb(file: Path) -> None:
    """Write the event without most hits of the trackers."""
    event = json.loads(gzip.decompress(file.read_bytes()))
    cut = {name: value[::EVERY] if name in TRACKERS else value for name, value in event.items()}
    text = json.dumps(
        {name: value for name, value in cut.items() if name not in LEFT_OUT}, separators=(",", ":")
    )
    (FOLDER / "lhcb_2017.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def main() -> None:
    """Cut what is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cms", type=Path)
    parser.add_argument("--lhcb", type=Path)
    args = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    if args.cms:
        cut_cms(args.cms)
    if args.lhcb:
        cut_lhcb(args.lhcb)


if __name__ == "__main__":
    main()
