"""Which events lie in files, folders and globs, and which reader the content of each asks for."""

from __future__ import annotations

import codecs
import glob
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gnnreco.columns import Event, JetBlock
from gnnreco.errors import BadInput, Unreachable
from gnnreco.events import calochallenge
from gnnreco.events.calochallenge import CaloChallengeReader
from gnnreco.events.parquet.jets import JetsReader, is_jets
from gnnreco.events.parquet.reader import ParquetReader
from gnnreco.events.parquet.row_groups import footer_of
from gnnreco.events.readers import acts, lcio, trackml
from gnnreco.events.readers.bounded import begins_with, first_bytes
from gnnreco.events.readers.display import ispy, odd_display, phoenix
from gnnreco.events.readers.display.ispy import IspyReader
from gnnreco.events.readers.display.odd_display import OddDisplayReader
from gnnreco.events.readers.display.phoenix import PhoenixReader
from gnnreco.events.readers.hits_table import HitsTableReader, is_hits_table
from gnnreco.events.readers.lcio import LcioReader
from gnnreco.events.readers.mapped import NUMPY, Map, MappedReader
from gnnreco.events.readers.root.file import MAGIC as ROOT_MAGIC
from gnnreco.events.readers.root.hgcal_ntuple import HgcalNtupleReader
from gnnreco.events.readers.root.known import known_root
from gnnreco.events.readers.table import header_of
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import DamagedReader, Entry, FileReader, One, Reader, place_of
from gnnreco.files.remote import RemoteFile, located

if TYPE_CHECKING:
    pass

PARQUET_MAGIC = b"PAR1"
#: What is read piece by piece where it lies, so that it cannot be packed.
IN_PLACE = (PARQUET_MAGIC, ispy.MAGIC, *lcio.MAGIC, ROOT_MAGIC, calochallenge.MAGIC)
#: Files of several events that are looked for in a folder.
SEVERAL = ("*.parquet", "*.ig", "*.slcio", "*.json", "*.json.gz", "*.hdf5", "*.h5", "*.root")
#: Ending of text that may be anything.
TEXT = ".json"
#: Tables of a user's own that are looked for in a folder.
TABLES = ("*.csv", "*.csv.gz", "*.parquet", "*.npy", "*.root")
#: What else may be meant, and what to do with it.
NOT_HITS = {
    b"HepMC::": "generated particles, no hits; `gnnreco simulate --process FILE` makes hits of them in a detector",
    b"<LesHouchesEvents": "partons of a generator; let a generator make particles of them, written as HepMC",
    NUMPY: "an array whose columns have no meaning yet; name them by their numbers: --map x=5[cm],y=6[cm],z=7[cm],...",
}
_KINDS = sorted({*acts.KINDS, *trackml.KINDS}, key=len, reverse=True)
#: ``event000000001-hits.csv.gz``: a prefix that ends in the event's number, or none, then the kind of table.
CSV_NAME = re.compile(rf"(?P<prefix>(?:.*\d)?)[-_.]?(?P<kind>{'|'.join(_KINDS)})\.csv(?:\.gz)?")

#: What makes the order of what is found, each once: parts of its name, its row in the file.
Key = tuple[tuple[str | int, ...], int]


class _CsvReader:
    """Reads one CSV event; which files it has tells the format."""

    def __init__(self, finder: SensorFinder) -> None:
        self.finder = finder

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        files = dict(entry.files)
        if "measurements" in files:
            return acts.read(entry, self.finder, truth, deposits)
        if "hits" not in files:
            raise BadInput(
                entry.source, "", f"only {', '.join(sorted(files))}: neither hits nor measurements; add them"
            )
        return trackml.read(entry, self.finder, truth, deposits)


class Search:
    """Collects the events of several inputs, each once; folders are listed once."""

    def __init__(self, finder: SensorFinder, columns: Map, keep_damaged: bool) -> None:
        self.finder, self.columns, self.keep_damaged = finder, columns, keep_damaged
        self.csv = _CsvReader(finder)
        self.found: dict[Key, tuple[Entry, Reader[Event]]] = {}
        self.jets: dict[Key, tuple[Entry, Reader[JetBlock]]] = {}
        self.foreign: list[Path] = []
        self._listed: dict[Path, dict[str, dict[str, Path]]] = {}

    def add(self, name: str | Path) -> None:
        path = located(name)
        if path.is_dir():
            self._add_folder(path)
        elif path.exists():
            self._add_file(path, named=True)
        else:
            magic = glob.has_magic(str(name))
            pattern = str(name) if magic else glob.escape(str(name)) + "*"
            if isinstance(path, RemoteFile):
                matches = sorted(map(str, path.parent.glob(path.name))) if "*" in path.name else []
            else:
                matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (absolute patterns)
            if not magic:
                matches = [match for match in matches if _is_of_event(Path(match), path.name)]
            if not matches:
                raise BadInput(path, "", "does not exist and matches nothing; check the path")
            for match in map(located, matches):
                # Of ROOT files only those are meant to hold events that were asked for as such.
                meant = len(matches) == 1 or str(name).endswith(".root")
                held = self._add_folder(match) if match.is_dir() else self._add_file(match, named=meant)
                if not held and magic and not self._beside_event(match):
                    self._add_foreign(match)

    def aside(self) -> list[Path]:
        """Files of globs and folders that hold no events, and that no event is read from."""
        found = [entry for entry, _ in (*self.found.values(), *self.jets.values())] if self.foreign else []
        read = {path for entry in found for _, path in entry.files}
        return [file for file in dict.fromkeys(self.foreign) if file not in read]

    def _beside_event(self, file: Path) -> bool:
        """Whether a file is one more table of a CSV event, as ACTS leaves many."""
        return any(prefix and file.name.startswith(prefix) for prefix in self._csv_events(file.parent))

    def _add_foreign(self, path: Path) -> None:
        """A file of a glob whose name tells nothing: its columns may; what holds no events is kept to be named."""
        try:
            if not path.is_file():
                raise BadInput(path, "", "is no file")
            self._add_table(path)
        except Unreachable:
            raise
        except BadInput:
            self.foreign.append(path)

    def _add_folder(self, folder: Path) -> bool:
        """All events of a folder; where it has none, those of its folder ``csv`` (as ACTS leaves them)."""
        if self.columns:
            tables = _named(folder, TABLES)
            held = [self._add_file(file, named=True) for file in tables]
            return any(held)
        for place in (folder, folder / "csv"):
            prefixes = self._csv_events(place)
            for prefix in prefixes:
                self._add_csv(place, prefix)
            several = {file: self._add_file(file, named=False) for file in self._several(place)}
            self.foreign += [
                file for file, holds in several.items() if not holds and TEXT not in file.suffixes
            ]
            if prefixes or any(several.values()):
                return True
        return False

    def _several(self, folder: Path) -> list[Path]:
        """Files of several events by their names, and files without an ending that begin as such do.

        Others that begin so, copies perhaps or packed, are kept to be named.
        """
        several = set(_named(folder, SEVERAL))
        if isinstance(folder, RemoteFile) or not folder.is_dir():
            return sorted(several)
        for file in sorted(set(folder.iterdir()) - several):
            table = {".csv", TEXT} & set(file.suffixes)
            if not table and not _is_hidden(file) and file.is_file() and begins_with(IN_PLACE, file):
                (self.foreign.append if file.suffix else several.add)(file)
        return sorted(several)

    def _add_file(self, file: Path, named: bool) -> bool:
        """The event or events of one file, if there are any; none is an error only if it was `named` itself."""
        if not file.is_file():
            if named:
                raise BadInput(file, "", "is a pipe or a device; name a file, a folder or a glob")
            return False
        try:
            return self._open_file(file, named)
        except Unreachable:
            raise
        except BadInput as error:
            if not self.keep_damaged:
                raise
            _keep(self.found, _entry(file.parent, file.name, {"damaged": file}), DamagedReader(error))
            return True

    def _open_file(self, file: Path, named: bool) -> bool:
        """The same, where a damaged file is an error."""
        if self.columns:
            self._add_events(MappedReader(file, self.columns, self.finder))
            return True
        match, head = CSV_NAME.fullmatch(file.name), first_bytes(file, in_place=IN_PLACE)
        if head.startswith(PARQUET_MAGIC) or file.suffix == ".parquet":
            self._add_parquet(file)
        elif head.startswith(ispy.MAGIC) or file.suffix == ".ig":
            self._add_events(IspyReader(file, self.finder))
        elif head.startswith(lcio.MAGIC) or file.suffix == ".slcio":
            self._add_events(LcioReader(file, self.finder))
        elif head.startswith(ROOT_MAGIC) or file.suffix == ".root":
            reader = known_root(file)
            if reader is None and not named:
                return False
            self._add_events((reader or HgcalNtupleReader)(file, self.finder))
        elif head.startswith(calochallenge.MAGIC) and (named or calochallenge.is_showers(file)):
            self._add_events(CaloChallengeReader(file, self.finder))
        elif head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") and (
            named or phoenix.MARK.search(head) or odd_display.MARK.search(head)
        ):
            display = OddDisplayReader if odd_display.MARK.search(head) else PhoenixReader
            self._add_events(display(file, self.finder))
        elif match:
            self._add_csv(file.parent, match["prefix"])
        elif named:
            self._add_table(file)
        else:
            return False
        return True

    def _add_parquet(self, file: Path) -> None:
        footer = footer_of(file)
        if is_jets(footer):
            _keep_all(self.jets, JetsReader(file))
        elif is_hits_table(footer):
            self._add_events(HitsTableReader(file, self.finder))
        else:
            self._add_events(ParquetReader(file, self.finder, footer))

    def _add_table(self, file: Path) -> None:
        entry = _entry(file.parent, file.name.split(".")[0], {_kind_by_content(file): file})
        _keep(self.found, entry, self.csv)

    def _add_csv(self, folder: Path, prefix: str) -> None:
        files = self._csv_events(folder).get(prefix)
        if files is None:
            why = "its machine does not list it, so the other tables of the event cannot be found; copy them all here"
            raise BadInput(folder / prefix, "", why)
        _keep(self.found, _entry(folder, prefix, files), self.csv)

    def _add_events(self, reader: FileReader[Event]) -> None:
        _keep_all(self.found, reader)

    def _csv_events(self, folder: Path) -> dict[str, dict[str, Path]]:
        """Files of each event of a folder: prefix -> kind -> path."""
        if folder not in self._listed:
            # What is no file is not opened: a pipe would be waited for.
            names = (
                sorted(p.name for p in folder.iterdir() if (p.is_file() or p.is_dir()) and not _is_hidden(p))
                if folder.is_dir()
                else []
            )
            self._listed[folder] = _group(folder, names)
        return self._listed[folder]


def _is_of_event(file: Path, prefix: str) -> bool:
    """Whether a file is a table of the event that a prefix names, or is called so but for its ending.

    ``run1`` is neither ``run10`` nor a folder ``run1_old``.
    """
    table = CSV_NAME.fullmatch(file.name)
    named = file.name.startswith(f"{prefix}.") or (table is not None and table["prefix"] == prefix)
    return named and not file.is_dir()


def _is_hidden(file: Path) -> bool:
    """Whether it is what a system or a program leaves for itself (``._run.root``, ``.nfs0001``)."""
    return file.name.startswith(".")


def _named(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Files of a folder that patterns match, in order, but for hidden ones."""
    return sorted(file for pattern in patterns for file in folder.glob(pattern) if not _is_hidden(file))


def _keep_all(found: dict[Key, tuple[Entry, Reader[One]]], reader: FileReader[One]) -> None:
    for entry in reader.entries():
        _keep(found, entry, reader)


def _keep(found: dict[Key, tuple[Entry, Reader[One]]], entry: Entry, reader: Reader[One]) -> None:
    source, parts = place_of(entry.source)
    if source != entry.source:
        entry = replace(entry, source=source)
    found.setdefault((parts, entry.row), (entry, reader))


def _group(folder: Path, names: Iterable[str]) -> dict[str, dict[str, Path]]:
    events: dict[str, dict[str, Path]] = {}
    for name in names:
        match = CSV_NAME.fullmatch(name)
        if match:
            files = events.setdefault(match["prefix"], {})
            if match["kind"] in files:
                other = files[match["kind"]].name
                raise BadInput(folder / name, "", f"the same table as {other} beside it; remove one of them")
            files[match["kind"]] = folder / name
    return events


def _entry(folder: Path, prefix: str, files: dict[str, Path]) -> Entry:
    digits = re.findall(r"\d+", prefix)
    number = int(digits[-1][-18:]) if digits else 0
    return Entry(number, str(folder / prefix) if prefix else str(folder), tuple(sorted(files.items())))


def _kind_by_content(file: Path) -> str:
    head = first_bytes(file, 64).lstrip()
    for magic, what in NOT_HITS.items():
        if head.startswith(magic):
            raise BadInput(file, "", what)
    names = set(header_of(file))
    if "geometry_id" in names and ("global_x" in names or "local0" in names):
        return "measurements"
    if {"hit_id", "x", "y", "z"} <= names:
        return "hits"
    raise BadInput(
        file,
        "line 1",
        "neither Parquet, an .ig archive, LCIO, JSON of an event display, ROOT, HDF5 of the CaloChallenge "
        "nor a table of hits (hit_id,x,y,z,...) or measurements (geometry_id,global_x,...); "
        "check that this is the right file, or name its columns with --map",
    )
