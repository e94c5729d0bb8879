"""Files made wrong on purpose, the same for the same seed: what readers must refuse, or read, but never fall over.

``mutant(content, seed)`` damages one file once or a few times: bytes flipped, the file cut, lines doubled, lost or
swapped, a word replaced by a hostile one, and in JSON any value by one of another type. Tests draw seeds by hypothesis,
`scripts/fuzz.py` counts them up.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

HUGE = "9" * 400
#: Words that stand where a number or a name should.
WORDS = (
    "", "0", "-1", "1", "-0.0", "1e400", "-1e308", "1e-320", "nan", "inf", "-Infinity", "2000000000", HUGE,
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", "0x10", "1_0", "1.0", "005", "1,2", "word",
    "true", "null", "[]", "{}", '""', "'", "\x00", "\u00e9", "\u0663", "&amp;", "<a/>", "../x", "10**10**10", "m[1,2]",
)  # fmt: skip
#: Values of all types for trees.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, float("nan"), float("inf"), 10**400, 2**63, 2**64, -(2**63) - 1, "", "word",
    "12", [], {}, [[]], [None], {"": None}, [1, 2, 3], [float("nan")] * 3, {"entries": []}, {"value": 1},
)  # fmt: skip
TOKEN = re.compile(rb"[-+.\w\x80-\xff]+")


def mutant(content: bytes, seed: int) -> bytes:
    """`content` damaged in one to three ways that the seed chooses."""
    rng = random.Random(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(_ways(content))(content, rng)
    return content


def _ways(content: bytes) -> list[Callable[[bytes, random.Random], bytes]]:
    text = [_word, _word, _lines, _swap, _cut, _flip, _foreign]
    return [*text, _tree, _tree, _tree, _tree] if content.lstrip()[:1] in (b"{", b"[") else text


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return b"\xff"
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    first = rng.randrange(len(content) + 1)
    kind = rng.randrange(3)
    if kind == 0:
        return content[:first]
    last = min(len(content), first + rng.choice((1, 3, 30, 300)))
    return content[:first] + (content[last:] if kind == 1 else content[first:last] + content[first:])


def _foreign(content: bytes, rng: random.Random) -> bytes:
    """Bytes that are no UTF-8, a byte order mark, or the whole file in another encoding."""
    kind = rng.randrange(4)
    if kind == 0:
        return b"\xef\xbb\xbf" + content
    if kind == 1:
        return content.decode("latin-1").encode(rng.choice(("utf-16", "utf-32", "utf-7")))
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.choice((b"\xff", b"\xe9", b"\xc0\x80", b"\x00")) + content[place:]


def _lines(content: bytes, rng: random.Random) -> bytes:
    """A line (or, of a file of one line, an element) doubled, lost, or moved."""
    end = b"\n" if content.count(b"\n") > 2 else rng.choice((b">", b",", b"\n"))
    lines = content.split(end)
    here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        lines.insert(there, lines[here])
    elif kind == 1:
        del lines[here]
    elif kind == 2:
        lines[here], lines[there] = lines[there], lines[here]
    else:
        lines.insert(here, b"")
    return end.join(lines)


def _tokens(content: bytes, rng: random.Random, count: int) -> list[re.Match[bytes]]:
    """`count` words of the file, in their order; the head of a file is as likely as all the rest."""
    found = list(TOKEN.finditer(content))
    some = found[:40] if rng.random() < 0.5 else found
    return sorted(rng.sample(some, count), key=lambda match: match.start()) if len(some) >= count else []


def _word(content: bytes, rng: random.Random) -> bytes:
    chosen = _tokens(content, rng, 1)
    if not chosen:
        return _flip(content, rng)
    (token,) = chosen
    return content[: token.start()] + rng.choice(WORDS).encode() + content[token.end() :]


def _swap(content: bytes, rng: random.Random) -> bytes:
    chosen = _tokens(content, rng, 2)
    if not chosen:
        return _flip(content, rng)
    a, b = chosen
    return content[: a.start()] + b[0] + content[a.end() : b.start()] + a[0] + content[b.end() :]


def _tree(content: bytes, rng: random.Random) -> bytes:
    """JSON with one value of another type, one key lost, or one entry doubled."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return _flip(content, rng)
    places = list(_places(tree))
    if not places:
        return json.dumps(rng.choice(VALUES)).encode()
    # The depth first, so that the few keys at the top are met as often as the many values below.
    depth = rng.choice(sorted({depth for depth, *_ in places}))
    _, parent, key = rng.choice([place for place in places if place[0] == depth])
    kind = rng.randrange(4)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif kind == 1:
        parent[rng.choice((f"{key}x", key.upper(), ""))] = parent.pop(key)
    else:
        parent[key] = rng.choice(VALUES)
    return _dumped(tree)


def _places(tree: Any, depth: int = 0) -> Any:
    """Depth, container and key of every value."""
    if depth > 50:
        return
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield depth, tree, key
        yield from _places(tree[key], depth + 1)


def _dumped(tree: Any) -> bytes:
    try:
        return json.dumps(tree).encode()
    except ValueError:  # a whole number with more digits than Python writes
        return b"[" * 3
