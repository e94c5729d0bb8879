"""What a request may be: one line of JSON, with a file of events or the hits of one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from gnnreco.errors import BadInput
from gnnreco.files.json_file import parse_json
from gnnreco.files.json_types import JsonDict

if TYPE_CHECKING:
    from gnnreco.columns import Event

#: How errors call it, where those of files name the file.
REQUEST = "request"
KEYS = {"id", "input", "output", "event", "hits"}
REAL = ("x", "y", "z", "var_u", "var_v", "time", "energy")
WHOLE = ("hit_id", "sensor")
#: What a client may call a request.
IDS = (str, int, type(None))
ID_LETTERS = 200


def reason_of(error: Exception) -> JsonDict:
    """What an error is called, and what it says."""
    return {"error": type(error).__name__, "reason": str(error)}


def parsed(raw: bytes) -> JsonDict:
    """A request whose keys and kinds are right.

    Raises
    ------
    BadInput
        If it is anything else.
    """
    request = parse_json(raw, REQUEST)
    if not isinstance(request, dict) or not ({"input", "hits"} & request.keys()):
        why = 'is no object with "input" (a file) or "hits" (columns); see docs/how_to/serve.md'
        raise BadInput(REQUEST, "", why)
    strange = [key for key in request if key not in KEYS]
    if strange:
        why = f"is not known; there are {', '.join(sorted(KEYS))}"
        raise BadInput(REQUEST, str(strange[0])[:ID_LETTERS], why)
    name = request.get("id")
    if type(name) not in IDS or len(str(name)) > ID_LETTERS:
        raise BadInput(REQUEST, "id", f"is no whole number, nor a text of at most {ID_LETTERS} letters")
    if "input" in request:
        if "hits" in request or "event" in request:
            raise BadInput(REQUEST, "", 'holds both "input" and an event; send two requests')
        for key in ("input", "output"):
            path = request.get(key)
            if (path is not None or key == "input") and not _is_path(path):
                raise BadInput(REQUEST, key, "is no absolute path")
        return request
    if "output" in request:
        raise BadInput(REQUEST, "output", "is only for files; what is found in hits comes with the answer")
    number, hits = request.get("event", 0), request["hits"]
    if type(number) is not int or not 0 <= number < 2**63:
        raise BadInput(REQUEST, "event", "is no whole number from 0 to 2^63 - 1")
    if not isinstance(hits, dict) or not {"x", "y", "z"} <= hits.keys() <= {*REAL, *WHOLE}:
        known = ", ".join((*REAL[:3], *REAL[3:], *WHOLE))
        raise BadInput(REQUEST, "hits", f"are no columns x, y, z and perhaps others of {known}")
    return request


def _is_path(path: object) -> bool:
    return isinstance(path, str) and path.startswith("/") and not re.search(r"[*?\[\0]", path)


def request_of(event: Event) -> JsonDict:
    """The request for what is in an event; its sensors are to be found by position, and channels under hits stay behind."""
    given = {name: getattr(event.hits, name) for name in ("hit_id", *REAL)}
    hits = {name: column.tolist() for name, column in given.items() if column is not None}
    return {"event": event.number, "hits": hits}


def failed(error: Exception) -> JsonDict:
    """The answer to a request of which nothing came."""
    return {"ok": False, "events": [], "failures": [], **reason_of(error)}


def refusal(raw: bytes, error: Exception) -> bytes:
    """The same as a line, where the process that works on requests cannot say it."""
    try:
        name = parsed(raw).get("id")
    except BadInput:
        name = None
    return json.dumps({"id": name, **failed(error), "seconds": 0.0}).encode()


def asks_for_health(raw: bytes) -> bool:
    """Whether a request is the one for the health of the server."""
    if len(raw) > ID_LETTERS:
        return False
    try:
        return bool(parse_json(raw, REQUEST) == {"health": True})
    except BadInput:
        return False
