"""The other end of the socket."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict

from .request import request_of

if TYPE_CHECKING:
    from gnnreco.columns import Event


class Client:
    """Asks a server of `gnnreco serve`; loads nothing of what reconstructs.

    Parameters
    ----------
    path : path
        The socket.
    timeout : float, optional
        Seconds to wait for an answer; None for ever.

    Raises
    ------
    BadInput
        If no server of this user listens there, or it leaves before it answers.

    Examples
    --------
    >>> with Client("/run/user/1000/gnnreco.sock") as server:  # doctest: +SKIP
    ...     answer = server.ask(input="/data/events.parquet")
    ...     tracks = answer["events"][0]["tracking"]
    """

    def __init__(self, path: str | Path, timeout: float | None = None) -> None:
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            if Path(self.path).stat().st_uid not in (0, os.geteuid()):
                raise BadInput(self.path, "", "is the socket of another user; name that of your own server")
            self._socket.connect(self.path)
        except OSError as error:
            self._socket.close()
            why = f"no server answers ({error.strerror or error}); start one with `gnnreco serve --socket`"
            raise BadInput(self.path, "", why) from error
        self._answers = self._socket.makefile("rb")

    def ask(self, **request: Any) -> JsonDict:
        """Send one request and wait for its answer; what may be in both, docs/how_to/serve.md tells."""
        self.send(request)
        return self.receive()

    def reconstruct(self, event: Event) -> JsonDict:
        """The answer to the hits of an event; their cells stay behind: write a file where a bundle reads these."""
        return self.ask(**request_of(event))

    def health(self) -> JsonDict:
        """What the server is, how long its requests took, how many wait."""
        return self.ask(health=True)

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request and do not wait; waits while the server has no room."""
        try:
            self._socket.sendall(json.dumps(request, allow_nan=False).encode() + b"\n")
        except OSError as error:
            raise BadInput(self.path, "", f"the server is gone ({error.strerror or error})") from error

    def receive(self) -> JsonDict:
        """The next answer: they come in the order of the requests."""
        try:
            line = self._answers.readline()
        except OSError as error:
            raise BadInput(self.path, "", f"no answer came ({error.strerror or error})") from error
        if not line.endswith(b"\n"):
            raise BadInput(self.path, "", "the server left before it answered; ask again once it runs")
        answer: JsonDict = json.loads(line)
        return answer

    def close(self) -> None:
        """Leave."""
        self._answers.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
