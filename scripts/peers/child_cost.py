"""Runs a program on one core and writes what it took: python -I -S child_cost.py FIGURES PROGRAM [ARGUMENT ...]

FIGURES gets one line: exit status (negative: the signal that ended it), CPU seconds, seconds, peak memory in MiB; of the
program and all processes that it waited for. The kernel counts the memory of a child from the size of the process that
started it, so this file imports nothing that is large: it is the floor of what can be measured, some 10 MiB.
"""

from __future__ import annotations

import os
import sys
import time

#: Of `ru_maxrss`: kilobytes everywhere but on a Mac.
MIB = 2**20 if sys.platform == "darwin" else 2**10


def main() -> None:
    figures, *command = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):  # a program that starts a thread for each core then starts one
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    begin = time.perf_counter()
    try:
        child = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        sys.exit(f"cannot be started ({error.strerror})")
    _, status, used = os.wait4(child, 0)
    seconds, cpu = time.perf_counter() - begin, used.ru_utime + used.ru_stime
    with open(figures, "w") as file:  # noqa: PTH123 (pathlib would be half of this process)
        file.write(f"{os.waitstatus_to_exitcode(status)} {cpu} {seconds} {used.ru_maxrss / MIB}\n")


if __name__ == "__main__":
    main()
