"""A web server on this machine that gives parts of files, stalls, breaks off, or refuses, as a test tells it to."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Web:
    """What the server does, and what it was asked.

    Attributes
    ----------
    folder : Path
    address : str
        Of the folder.
    ranges : bool
        Whether it gives parts of files.
    faults : list of {"stall", "die", "cut", int}
        What happens at the next requests for content, one after the other; a number is a status.
    always : same as one of `faults`
        What happens at all later ones.
    sent : list of (path, bytes)
    """

    folder: Path
    address: str = ""
    ranges: bool = True
    faults: list[str | int] = field(default_factory=list)
    always: str | int | None = None
    sent: list[tuple[str, int]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def bytes(self) -> int:
        """That were sent in all."""
        return sum(count for _, count in self.sent)


@contextmanager
def serving(folder: Path) -> Iterator[Web]:
    """Serve a folder until the end of the block."""
    web = Web(folder)

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            file = Path(self.translate_path(self.path))
            if not file.is_file():
                super().do_GET()
                return
            fault = web.faults.pop(0) if web.faults else web.always
            if isinstance(fault, int):
                self.send_error(fault)
                return
            if fault == "stall":
                web.over.wait(60)
                self.close_connection = True
                return
            if fault == "die":
                self.connection.close()
                self.close_connection = True
                return
            data = file.read_bytes()
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if web.ranges else None
            part = data[int(asked[1]) : int(asked[2]) + 1] if asked else data
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {asked[1]}-{asked[2]}/{len(data)}")
            self.send_header("Content-Length", str(len(part)))
            self.send_header("ETag", f'"{file.stat().st_mtime_ns:x}-{len(data):x}"')
            self.end_headers()
            cut = part[: len(part) // 2] if fault == "cut" else part
            web.sent.append((self.path, len(cut)))  # before whoever asked can look
            self.wfile.write(cut)
            self.close_connection = fault == "cut"

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that went away is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    web.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
