"""The files of a folder that `gnnreco reconstruct` wrote, as its manifest lists them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict, JsonMapping

MANIFEST = "manifest.json"
#: Why there is none in a folder that a job has begun to fill.
NOT_ENDED = (
    "missing, since its job has not ended: go on with --resume, or run the parts (--shard) that are missing"
)
WHOSE = "give the folder that `gnnreco reconstruct -o` wrote"
AGAIN = "reconstruct it again with resume=True"


def output_files(path: str | Path) -> list[Path]:
    """Return the files `read_output` reads: one that is named, or those that the manifest of a folder lists.

    Raises
    ------
    BadInput
        If a file is missing or differs from the sum that the manifest holds of it, or the folder is that of several tasks.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise BadInput(path, "", "does not exist; give what `gnnreco reconstruct -o` wrote")
        return [path]
    return [_listed(path, shard) for shard in _shards(path)]


def begun(folder: Path) -> bool:
    """Whether `reconstruct` wrote into a folder, though its job, or some parts of it, may not have ended."""
    return any(file for name in ("manifest", "report") for file in folder.glob(f"{name}*.json"))


def _shards(folder: Path) -> list[JsonDict]:
    """What the manifest of an output says of its files."""
    try:
        content = json.loads((folder / MANIFEST).read_text())
        if "tasks" in content:
            places = ", ".join(str(folder / task) for task in content["tasks"])
            raise BadInput(folder, "", f"holds several tasks; give the folder of one ({places})")
        return [dict(shard, file=str(shard["file"])) for shard in content["shards"]]
    except FileNotFoundError as error:
        unfinished = any(folder.glob("journal*.jsonl")) or any(folder.glob("manifest-*.json"))
        why = "is not finished; go on with resume=True" if unfinished else WHOSE
        raise BadInput(folder, MANIFEST, f"missing: {why}") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BadInput(folder, MANIFEST, f"cannot be read ({error}); {WHOSE}") from error


def _listed(folder: Path, shard: JsonMapping) -> Path:
    """A file of the manifest, checked."""
    file = folder / shard["file"]
    if file.parent != folder or not file.is_file():
        raise BadInput(file, "", f"{MANIFEST} lists it, but it is missing; {AGAIN}")
    with file.open("rb") as stream:
        if shard.get("sha256") not in (None, hashlib.file_digest(stream, "sha256").hexdigest()):
            raise BadInput(file, "", f"damaged: it is not what {MANIFEST} says (its sha256 differs); {AGAIN}")
    return file
