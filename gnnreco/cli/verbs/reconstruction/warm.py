"""The verb `warm`: compile kernels now."""

from __future__ import annotations

from argparse import Namespace

from gnnreco.cli.options import DETECTOR_HELP, Verbs
from gnnreco.cli.progress import Progress
from gnnreco.cli.table import show as print_table


def add(verbs: Verbs) -> None:
    """Declare it."""
    parser = verbs.add(
        "warm", "compile kernels now, by tiny events through the whole chain", "--detector odd", warm
    )
    parser.add_argument(
        "--detector",
        action="append",
        default=[],
        metavar="DETECTOR",
        help=f"{DETECTOR_HELP}; may be repeated (default: all that are installed, and trainings)",
    )


def warm(args: Namespace) -> int:
    """What each step took and compiled; status 1 where machine code can be kept nowhere."""
    from gnnreco.kernels.cache import kernel_folder
    from gnnreco.warm import kept
    from gnnreco.warm import warm as warmed

    folder = kernel_folder()
    with Progress("step") as progress:
        rows = warmed(args.detector, progress.named)
    print_table(rows, args.json, {"steps": rows, "folder": str(folder or ""), "kept": kept()})
    if folder is None:
        print("no folder can be written: every process compiles its kernels anew; set NUMBA_CACHE_DIR")
        return 1
    print(f"{kept():,} codes are kept in {folder}")
    return 0
