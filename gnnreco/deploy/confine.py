"""Started as a script, by itself: gives up memory, time, files and the network, then becomes the program that it is given.

``python -I -S confine.py SECONDS BYTES PROGRAM ARGUMENT...``. A process of its own, since limits that a parent sets between
fork and exec can hang where it has threads. ``PROGRAM`` ``-`` only says whether the network could be cut. It imports
nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # linux/sched.h
DEATH_OF_PARENT = 1  # linux/prctl.h
LARGEST_FILE = 4 << 30  # bytes
NOT_STARTED = 125  # exit status where the program is not one


def main(arguments: list[str]) -> None:
    """Limit this process and run the program in its place."""
    seconds, memory, program = int(arguments[0]), int(arguments[1]), arguments[2]
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_FSIZE: LARGEST_FILE,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS has not all of them
            resource.setrlimit(kind, (most, most))
    cut = cut_network()
    if program == "-":
        print("cut" if cut else "open")
        return
    end_with_parent()
    try:
        os.execvp(program, arguments[2:])
    except OSError as error:
        print(error.strerror)
        sys.exit(NOT_STARTED)


def end_with_parent() -> None:
    """Have the kernel end this process, also as another program, when the one that started it is gone (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, signal.SIGKILL)


def cut_network() -> bool:
    """Leave the network for an empty one (Linux); False where the system does not allow it."""
    user, group = os.getuid(), os.getgid()
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):
        return False
    if unshare(NEW_NETWORK) == 0:
        return True
    if unshare(NEW_USER | NEW_NETWORK) != 0:
        return False
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with contextlib.suppress(OSError):
            Path(f"/proc/self/{file}").write_text(text)
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
