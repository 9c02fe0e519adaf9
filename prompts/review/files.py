"""
Rows of the book as files: CSV (RFC 4180) for spreadsheets, JSON lines for programs.

    pages of the book ──► in a thread each ──► lines, as the reader takes them

A file has no end that memory would know of: a page is read when the one before it has left.
"""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import QuerySet
from rest_framework.utils.encoders import JSONEncoder

from prompts.models import Prompt
from prompts.review.serializers import JournalRowSerializer

PAGE = 500
COLUMNS = (
    *("id", "created_at", "user", "key_id", "outcome", "model", "policy", "rules", "findings"),
    *("prompt_tokens", "completion_tokens", "cached", "queue_ms", "first_token_ms", "total_ms"),
    "request_id",
)
TEXT_COLUMNS = ("prompt", "system", "response")


async def lines(
    rows: QuerySet[Prompt], lines_of: Callable[[Sequence[Prompt]], Iterable[str]], *, head: str = ""
) -> AsyncIterator[bytes]:
    """All of these rows, newest first. Rows that are written meanwhile are not among them."""
    if head:
        yield head.encode()
    newest: Any = None
    while True:
        page, body = await sync_to_async(_page, thread_sensitive=False)(rows, newest, lines_of)
        if body:
            yield body
        if len(page) < PAGE:
            return
        newest = page[-1].pk


def _page(
    rows: QuerySet[Prompt], newest: Any, lines_of: Callable[[Sequence[Prompt]], Iterable[str]]
) -> tuple[list[Prompt], bytes]:
    try:
        older = rows if newest is None else rows.filter(id__lt=newest)
        page = list(older.order_by("-id")[:PAGE])
        return page, "".join(lines_of(page)).encode()
    finally:
        connection.close()  # this thread is not a request's, nothing else would


# -- JSON lines --


def json_lines(rows: Sequence[Prompt], *, with_text: bool) -> Iterator[str]:
    """A line for each row, in the shape of `/api/journal`."""
    for row in JournalRowSerializer(rows, many=True, context={"with_text": with_text}).data:
        yield json.dumps(row, cls=JSONEncoder, separators=(",", ":")) + "\n"


# -- CSV --


class Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line


def csv_head(*, with_text: bool) -> str:
    return _csv(COLUMNS + (TEXT_COLUMNS if with_text else ()))


def csv_lines(rows: Iterable[Prompt], *, with_text: bool) -> Iterator[str]:
    """A line for each row; cells cannot turn into formulas."""
    names = COLUMNS + (TEXT_COLUMNS if with_text else ())
    for row in rows:
        cells = {"rules": " ".join(row.rules), "findings": json.dumps(row.findings)}
        yield _csv([inert(str(cells.get(name, getattr(row, name)))) for name in names])


def _csv(cells: Sequence[str]) -> str:
    line: str = csv.writer(Echo()).writerow(cells)
    return line


def inert(cell: str) -> str:
    """A cell that a spreadsheet takes as text (OWASP: CSV injection)."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
