"""Where a server may listen and write: only where no other user can put something in, or take its place."""

from __future__ import annotations

import os
import socket
import stat
import struct
from pathlib import Path

from gnnreco.errors import BadInput

#: Bytes that the path of a socket may have, on every system that has such sockets.
PATH_BYTES = 103


def own_folder(folder: Path, make: bool = False) -> Path:
    """`folder` as an absolute path, if it is this user's and nobody else may write in it.

    Raises
    ------
    BadInput
        If it is not, or there is none; with `make` it is made.
    """
    folder = folder.absolute()
    try:
        if make:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise BadInput(folder, "", f"{error.strerror or error}; name a folder of your own") from error
    if not stat.S_ISDIR(found.st_mode):
        raise BadInput(folder, "", "is no folder; name one of your own")
    if found.st_uid != os.geteuid():
        raise BadInput(folder, "", f"belongs to user {found.st_uid}; name a folder of your own")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        why = f"others may write in it (mode {stat.S_IMODE(found.st_mode):04o}); chmod go-w, or name another one"
        raise BadInput(folder, "", why)
    return folder


def listening(path: Path) -> socket.socket:
    """A socket at `path` that only this user can reach.

    What a server left that was killed is replaced.

    Raises
    ------
    BadInput
        If another server answers there, something else has the name, or others may write in its folder.
    """
    path = path.absolute()
    if len(os.fsencode(path)) > PATH_BYTES:
        raise BadInput(path, "", f"is longer than the {PATH_BYTES} bytes that a socket's path may have")
    own_folder(path.parent)
    if os.path.lexists(path):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise BadInput(path, "", "is there and is no socket; name another path")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink()
            else:
                raise BadInput(path, "", "another server listens there; stop it, or name another path")
    server = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)  # there is no moment at which others could connect
    try:
        server.bind(str(path))
        server.listen()  # who comes while the model is loaded waits
    except OSError as error:
        server.close()
        raise BadInput(path, "", f"no socket can be made there ({error.strerror})") from error
    finally:
        os.umask(before)
    return server


def is_trusted(connection: socket.socket) -> bool:
    """Whether the process at the other end is this user's, or root's; systems that do not say have the socket's mode."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return user in (0, os.geteuid())
