"""The verb `deploy`: a bundle for something that is not gnnreco, and whether what was written is still sound."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnnreco.cli_table import show as print_table
from gnnreco.errors import BadConfig, BadInput

Row = dict[str, Any]


def add_options(parser: ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument(
        "words",
        nargs="+",
        metavar="BUNDLE",
        help="shipped name or folder; or `verify` and an exported FOLDER",
    )
    parser.add_argument(
        "--target", choices=["onnx", "hls", "rtl"], default="onnx", help="what to write (default: onnx)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="the folder to write")
    parser.add_argument("--int8", action="store_true", help="onnx: keep the weights in eight bits")


def deploy(args: Namespace) -> int:
    """An export, or with `verify FOLDER` the checks of one; status 1 if a check fails."""
    if args.words[0] == "verify" and len(args.words) == 2:
        return _verify(Path(args.words[1]), args)
    if len(args.words) > 1:
        raise BadConfig(f"one BUNDLE at a time, or `verify FOLDER`; not {' '.join(args.words)}")
    if args.output is None:
        raise BadConfig("name the folder to write with -o FOLDER")
    if args.target not in EXPORTS:
        raise BadConfig(f"--target {args.target}: this version writes {', '.join(EXPORTS)}")
    row = EXPORTS[args.target](args.words[0], args)
    print_table([row], args.json)
    return 0


def _verify(folder: Path, args: Namespace) -> int:
    target = _target(folder)
    if target not in CHECKS:
        raise BadInput(
            folder, "manifest.json", f"is of target {target!r}; this version checks {', '.join(CHECKS)}"
        )
    rows = CHECKS[target](folder)
    print_table(rows, args.json)
    return 0 if all(row["passed"] for row in rows) else 1


def _target(folder: Path) -> Any:
    """What an exported folder says it was written for."""
    try:
        return dict(json.loads((folder / "manifest.json").read_text())).get("target")
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            folder, "manifest.json", f"cannot be read ({error}); name what `deploy -o` wrote"
        ) from error


def _onnx(name: str, args: Namespace) -> Row:
    from gnnreco.bundle import load_bundle
    from gnnreco.deploy.onnx_export import export_onnx

    manifest = export_onnx(load_bundle(name), args.output, args.int8)
    return {
        "folder": str(args.output),
        "bundle": manifest["bundle"]["name"],
        "bytes": manifest["files"]["model.onnx"]["bytes"],
        "weights": manifest["model"]["weights"],
        "difference_to_torch": manifest["parity"]["max_difference"],
        "relative": manifest["parity"]["relative"],
    }


def _verify_onnx(folder: Path) -> list[Row]:
    from gnnreco.deploy.onnx_verify import verify_onnx

    return verify_onnx(folder)


#: What writes and what checks the folder of each target.
EXPORTS: dict[str, Callable[[str, Namespace], Row]] = {"onnx": _onnx}
CHECKS: dict[str, Callable[[Path], list[Row]]] = {"onnx": _verify_onnx}
