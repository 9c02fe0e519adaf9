"""
Refuses requests before Django is asked, with a problem document or OpenAI's envelope.

Under overload even that is late: a request that has to be parsed, and to become a task of the event loop,
waits at each step for all who are being answered. So prompts that nobody has room for are refused from the
bytes that came (`whole`, `as_bytes`), as far as one look tells what they are. The others take the usual way
and hear the same.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, NamedTuple

from gateway.problems import MEDIA_TYPE, Row, document, envelope, is_openai

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# A header, as RFC 9110 has it and nothing else: no line that goes on with the next, no other end of a line.
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)")
# With one of these a request is framed or answered in a way of its own.
SPECIAL = {b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"}


class Refusal(NamedTuple):
    """What a caller is told."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def as_bytes(self) -> bytes:
        """As HTTP/1.1 writes it."""
        headers = [*self.headers, (b"date", formatdate(usegmt=True).encode())]
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}".encode()]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join([*lines, b"", self.body])


def refusal(row: Row, path: str, *, retry_after_seconds: int | None = None, closes: bool = False) -> Refusal:
    """`closes` the connection, because something of the body may be left in it."""
    status, content, media_type = row.status, document(row), MEDIA_TYPE
    if is_openai(path):
        (status, content), media_type = envelope(row), "application/json"
    body = json.dumps(content).encode()
    headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    if closes:
        headers.append((b"connection", b"close"))
    if retry_after_seconds is not None:
        headers.append((b"retry-after", str(retry_after_seconds).encode()))
    return Refusal(status, headers, body)


async def refuse(
    send: Send, row: Row, path: str, *, retry_after_seconds: int | None = None, closes: bool = True
) -> None:
    """Sends one."""
    status, headers, body = refusal(row, path, retry_after_seconds=retry_after_seconds, closes=closes)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def whole(data: bytes) -> tuple[str, str] | None:
    """Method and path of the request that `data` is: from its first byte to its last, and on a connection
    that goes on. None for anything that is less, more or in doubt; that needs a parser."""
    head, gap, body = data.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    start = line.split(b" ")
    if not gap or len(start) != 3 or start[2] != b"HTTP/1.1":
        return None
    values: dict[bytes, bytes] = {}
    for field in fields:
        if (found := FIELD.fullmatch(field)) is None:
            return None
        values[found[1].lower()] = found[2].rstrip(b" \t")
    if len(values) != len(fields) or not SPECIAL.isdisjoint(values):
        return None
    if values.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    if values.get(b"content-length") != str(len(body)).encode():
        return None
    return start[0].decode("latin-1"), start[1].partition(b"?")[0].decode("latin-1")
