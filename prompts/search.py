"""
Full-text search over the sanitized texts of the book, on PostgreSQL: the newest first, within a time limit.

    now ◄── an hour ── half a day ── six days ── 72 days ── the beginning      each a query of its own

A rare word is found in all partitions by their indexes (`prompts_by_words`), whatever their age. A common one
fills the page from the newest windows. What is in between, or not indexed yet, may meet the limit: then the
answer says how far it looked, and where to go on. `prompts.posting` says when rows come into the index.

Words are letters and digits, in any language that puts spaces between them; nothing is stemmed. Of a row the
first 20,000 characters are searched: the answer, the question, then the other messages, the newest first.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import BooleanField, CharField, F, Func, QuerySet, TextField, Value
from django.db.models.functions import Cast
from psycopg.errors import QueryCanceled

from prompts.ids import floor, instant
from prompts.journal import Outcome
from prompts.models import Prompt

SECONDS = 1.0
MAX_CHARS = 500
FIRST_WINDOW, LAST_WINDOW, GROWTH = timedelta(hours=1), timedelta(days=100), 12
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = UUID(int=(1 << 128) - 1)
TEXTS = ("prompt", "system", "parts", "response", "choices")
# The same order as by the id, but none that the primary key has: PostgreSQL does not know how rare a word is,
# and would rather read all rows backwards than sort the few that the index finds.
SORTED = Cast("id", CharField()).desc()
_MARKS = re.compile(r"[&+\-./:<@_~]+")  # as `prompts_words` leaves them out (migration 0013)
_PIECE = re.compile(r'-?"[^"]*"?|[^\s"]+')


class SearchUnavailable(Exception):
    """The database is not PostgreSQL."""


class SearchUnreadable(Exception):
    """Nothing in it is a word, or it is too long."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows, the newest first. All ids from `looked_to` on were looked at; None is the whole book. It
    `is_complete` unless the time ran out before the page was full."""

    rows: list[Prompt]
    looked_to: UUID | None
    is_complete: bool

    @property
    def since(self) -> datetime | None:
        """The time of `looked_to`."""
        now = datetime.now(UTC)
        if self.looked_to is None:
            return None
        return now if self.looked_to > floor(now) else instant(self.looked_to)


def search(
    rows: QuerySet[Prompt], words: str, *, limit: int, before: UUID | None = None, seconds: float = SECONDS
) -> Found:
    """The newest `limit` of these rows, older than the id `before`, in which these words occur: "a phrase",
    or, -not, as `websearch_to_tsquery` reads them. Raises SearchUnavailable and SearchUnreadable."""
    matching = rows.filter(has(words))
    # Apart, so that each goes by its own index; together, all texts that the first finds would be read again.
    indexed = matching.filter(is_searchable=True)
    fresh = matching.filter(is_searchable=False).exclude(outcome=Outcome.ACCEPTED)
    found: list[Prompt] = []
    until, deadline = before or END, time.monotonic() + seconds
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0")
            for since in windows(until):
                wanted = limit - len(found)
                kinds = [
                    kind.filter(id__gte=since, id__lt=until).order_by(SORTED)[:wanted]
                    for kind in (indexed, fresh)
                ]
                left_ms = round((deadline - time.monotonic()) * 1000)
                cursor.execute(f"SET LOCAL statement_timeout = {max(1, left_ms)}")
                found += kinds[0].union(kinds[1], all=True).order_by("-id")[:wanted]
                if len(found) == limit:
                    break
                until = since
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")  # for a transaction around this
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        return Found(found, until, is_complete=False)
    return Found(found, found[-1].id if len(found) == limit else None, is_complete=True)


def has(words: str) -> Func:
    """Whether a row has the words, as a condition. Raises SearchUnavailable and SearchUnreadable."""
    if connection.vendor != "postgresql":
        raise SearchUnavailable
    if len(words) > MAX_CHARS:
        raise SearchUnreadable(f"At most {MAX_CHARS} characters.")
    asked = readable(words)
    with connection.cursor() as cursor:
        cursor.execute("SELECT numnode(websearch_to_tsquery('pg_catalog.simple', %s))", [asked])
        if cursor.fetchone() == (0,):
            raise SearchUnreadable("There is no word in it.")
    return Func(
        Func(*map(F, TEXTS), function="prompts_words", output_field=TextField()),
        Func(Value(asked), template="websearch_to_tsquery('pg_catalog.simple', %(expressions)s)"),
        template="(%(expressions)s)",
        arg_joiner=" @@ ",
        output_field=BooleanField(),
    )


def readable(words: str) -> str:
    """The query with its words as the index has them: what is joined by marks ("a-b", "a_b@c.org") is a
    phrase."""
    pieces = []
    for piece in _PIECE.findall(words):
        sign, body = ("-", piece[1:]) if piece.startswith("-") else ("", piece)
        parts = _MARKS.sub(" ", body.strip('"')).split()
        is_phrase = body.startswith('"') or len(parts) > 1
        if parts:
            pieces.append(sign + (f'"{" ".join(parts)}"' if is_phrase else parts[0]))
    return " ".join(pieces)


def windows(until: UUID) -> Iterator[UUID]:
    """Where the windows before an id begin, each longer than the one before it."""
    now = datetime.now(UTC)
    at = min(instant(until), now) if until < floor(now + timedelta(days=1)) else now
    length = FIRST_WINDOW
    while at - BEGINNING > length and length < LAST_WINDOW:
        at -= length
        yield floor(at)
        length *= GROWTH
    yield UUID(int=0)
