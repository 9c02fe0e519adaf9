"""
The connection of a line: both statements of a group, prepared, over libpq, which never waits.

    group ──► INSERT, UPDATE, sync ──────► one transaction, which the sync commits
              ◄── rows, rows, "in sync" ──

A partition is named in the statements where a whole group belongs into one that was there when the connection
was opened: PostgreSQL opens each partition of a table that it changes, and all indexes of each, whatever the
ids say. Where a partition has gone since, the statement fails, or inserts less than it should; then the
writer's thread does it again.
"""

import itertools
import re
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection
from django.utils import timezone
from psycopg.pq import DiagnosticField, ExecStatus, Format

from prompts import grouped, partitions
from prompts.changes import COLUMNS, Change, values_of
from prompts.ids import floor
from prompts.journal import Result
from prompts.line import Unsendable
from prompts.packing import Packed, UnpackableError
from prompts.partitions import Partition
from prompts.statements import BOOK

MOST_PARTITIONS = 2  # this month's, and the next one's
FINE = ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK


class Group(NamedTuple):
    """What was sent: how many rows begin, and the ids of those that end."""

    begun: int
    ended: Collection[UUID]


class WireError(Exception):
    """PostgreSQL said something else than that all is well. The state it said it with is all that is told."""


class PostgresWire:
    """`prompts.line.Wire`. `open` is called in a thread, the rest in an event loop."""

    def __init__(self, line: psycopg.Connection[Any], instance_id: UUID, places: Sequence[Partition]) -> None:
        self._line, self._pg = line, line.pgconn
        self._instance_id = instance_id
        self._places = places
        self._sent: deque[Group] = deque()
        self._heard: list[Any] = []  # results of the group that is being answered

    @classmethod
    def open(cls, instance_id: UUID) -> "PostgresWire":
        """Raises what Django raises."""
        own = connection.copy()
        own.settings_dict["OPTIONS"].pop("pool", None)
        own.connect()
        line: psycopg.Connection[Any] = own.connection
        try:
            with connection.wrap_database_errors:
                grouped.set_up(line)
                places = [one for one in partitions.partitions() if one.until > floor(timezone.now())]
                made = cls(line, instance_id, places[:MOST_PARTITIONS])
                made._prepare()
        except BaseException:
            line.close()
            raise
        return made

    def _prepare(self) -> None:
        for number, table in enumerate([BOOK, *(place.table for place in self._places)]):
            for kind, statement in (
                (b"begin", grouped.beginning(COLUMNS, table)),
                (b"end", grouped.ending(table)),
            ):
                result = self._pg.prepare(b"%s%d" % (kind, number), _numbered(statement))
                if result.status not in FINE:
                    raise psycopg.OperationalError("not prepared")
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()

    def fileno(self) -> int:
        return self._pg.socket

    def send(self, group: Sequence[Change]) -> None:
        begun = [values_of(one.entry, self._instance_id) for one in group if one.entry is not None]
        ended: dict[UUID, Result] = {}
        for one in group:
            if one.result is not None:
                ended.setdefault(one.id, one.result)  # what came first
        place = self._place(begun, ended)
        try:
            inserted = grouped.begun_values(COLUMNS, begun) if begun else None
            changed = grouped.ended_values(ended, is_of_the_book=not place) if ended else None
        except UnpackableError as error:
            raise Unsendable from error
        if inserted:
            self._send(b"begin%d" % place, inserted)
        if changed:
            self._send(b"end%d" % place, changed)
        self._pg.pipeline_sync()
        self._sent.append(Group(len(begun), ended.keys()))

    def _send(self, statement: bytes, values: Sequence[str | Packed | None]) -> None:
        self._pg.send_query_prepared(
            statement,
            [value.encode() if isinstance(value, str) else value for value in values],
            [Format.BINARY if isinstance(value, Packed) else Format.TEXT for value in values],
        )

    def _place(self, begun: Sequence[Sequence[Any]], ended: Collection[UUID]) -> int:
        """0 is the whole book."""
        first, last = grouped.ends_of([*(row[0] for row in begun), *ended])
        for number, one in enumerate(self._places, start=1):
            if (one.since is None or one.since <= first) and last < one.until:
                return number
        return 0

    def flush(self) -> bool:
        return self._pg.flush() == 0

    def receive(self) -> list[Collection[UUID]]:
        self._pg.consume_input()
        committed: list[Collection[UUID]] = []
        silences = 0
        while self._sent and silences < 2 and not self._pg.is_busy():
            result = self._pg.get_result()
            if result is None:
                silences += 1
            elif result.status == ExecStatus.PIPELINE_SYNC:
                committed.append(self._unwritten(self._sent.popleft()))
                self._heard = []
                silences = 0
            elif result.status in FINE:
                self._heard.append(result)
                silences = 0
            else:
                raise WireError(_state(result))
        if silences > 1:
            raise WireError("no answer")
        return committed

    def _unwritten(self, group: Group) -> Collection[UUID]:
        """The ends that were not written."""
        heard = iter(self._heard)
        if group.begun and next(heard).command_tuples != group.begun:
            raise WireError("rows were there, or their partition was not")
        if not group.ended:
            return ()
        result = next(heard)
        if result.ntuples == len(group.ended):
            return ()
        written = {UUID(result.get_value(row, 0).decode()) for row in range(result.ntuples)}
        return set(group.ended) - written

    def close(self) -> None:
        self._line.close()


def _numbered(statement: str) -> bytes:
    """With PostgreSQL's own marks for values; there is no other `%` in our statements."""
    numbers = itertools.count(1)
    return re.sub("%s", lambda mark: f"${next(numbers)}", statement).encode()


def _state(result: Any) -> str:
    return (result.error_field(DiagnosticField.SQLSTATE) or b"").decode() or str(result.status)
