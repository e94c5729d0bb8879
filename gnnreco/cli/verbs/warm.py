"""The verb `warm`: compile every kernel now."""

from __future__ import annotations

from argparse import Namespace

from gnnreco.cli.options import Verbs
from gnnreco.cli.progress import Progress
from gnnreco.cli.table import show as print_table


def add(verbs: Verbs) -> None:
    """Declare it."""
    verbs.add("warm", "compile every kernel now, by tiny events through each path", "", warm)


def warm(args: Namespace) -> int:
    """Seconds of each path; how many kernels are compiled; status 1 where their code can be kept nowhere."""
    from gnnreco.kernels.cache import kernel_folder
    from gnnreco.warm import kernels
    from gnnreco.warm import warm as warmed

    with Progress("path") as progress:
        rows = warmed(None if progress is None else progress.named)
    kept, folder = kernels(), kernel_folder()
    cold = [name for name, there in kept.items() if not there]
    content = {"paths": rows, "folder": str(folder or ""), "kernels": len(kept), "not_compiled": cold}
    print_table(rows, args.json, content)
    if folder is None:
        print("no folder can be written: every process compiles its kernels anew; set NUMBA_CACHE_DIR")
        return 1
    print(f"{len(kept) - len(cold)} of {len(kept)} kernels are compiled, in {folder}")
    if cold:
        print(f"when they are first used: {', '.join(cold)}")
    return 0
