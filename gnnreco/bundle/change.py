"""Settings of a trained bundle that need no training: budgets, thresholds, limits of a decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gnnreco.errors import BadConfig, CannotWrite
from gnnreco.files.json_types import JsonDict, JsonMapping, JsonObject
from gnnreco.schema import build, nearest, parse_settings
from gnnreco.tasks.registry import find_task

from .bundle import check_bundle, load_bundle, save_bundle


def change_settings(
    name: str | Path, words: Sequence[str], output: str | Path, overwrite: bool = False
) -> JsonObject:
    """Write a bundle with other settings; what it learned stays the same bytes.

    Parameters
    ----------
    name : str or path
        A name of `list_bundles` or a folder.
    words : sequence of str
        Settings as ``key=value``, those that `gnnreco bundle info B --json F` lists under ``config``.
    output : path
        Folder of the new bundle.
    overwrite : bool
        Replace a bundle that is there.

    Returns
    -------
    dict
        ``bundle``, and for each setting its value before and now.

    Raises
    ------
    BadConfig
        A setting that the bundle does not have, or a value of the wrong kind.
    BadBundle
        What was learned does not fit the new settings.
    CannotWrite
        The folder holds something.

    Examples
    --------
    >>> from gnnreco.bundle import change_settings
    >>> change_settings("showers-hgcal", ["graph.max_edges=120000000"], "large")["graph.max_edges"]
    '60000000 -> 120000000'
    """
    output = Path(output)
    if not words:
        raise BadConfig("no setting to change; name some as key=value")
    if output.exists() and any(output.iterdir()) and not overwrite:
        raise CannotWrite(output, "holds something; name another folder, or replace it with --overwrite")
    bundle, new = load_bundle(name), parse_settings(words)
    told: JsonObject = {"bundle": str(output)}
    config = _changed(bundle.config, new, "", told)
    build(find_task(bundle.task).load()[1], config)
    check_bundle(replace(bundle, config=config))
    training = bundle.manifest["training"]
    done = {"settings": list(words), "of": bundle.manifest["sha256"]}
    training = training | {"changed": [*training.get("changed", []), done]}
    save_bundle(
        output,
        bundle.task,
        config,
        bundle.state,
        bundle.manifest["detector"],
        training,
        bundle.manifest["metrics"],
    )
    return told


def _changed(old: JsonMapping, new: JsonMapping, prefix: str, told: JsonObject) -> JsonDict:
    """Old values with new ones in their place; the names of these are those of old ones."""
    out = dict(old)
    for key, value in new.items():
        name = f"{prefix}{key}"
        if key not in old:
            raise BadConfig(f"unknown setting '{name}'{nearest(key, old)}")
        if isinstance(value, Mapping) and isinstance(old[key], Mapping):
            out[key] = _changed(old[key], value, f"{name}.", told)
        else:
            out[key] = value
            told[name] = f"{old[key]} -> {value}"
    return out
