"""One sample of each workload, of ours and of the bare way. Both write into the same table."""

import asyncio
import statistics
import time
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async

from benchmarks.booking.rows import INSERT, UPDATE, Asked, Client, asked
from benchmarks.relaying.texts import Letters
from benchmarks.serving.traffic import Sample
from prompts import posting
from prompts.models import Prompt
from prompts.writer import DatabaseJournal

CLIENTS = 64
BARE_SHARE = 8  # of the crowd's prompts: one by one they take several times as long
Values = tuple[tuple[Any, ...], tuple[Any, ...]]


class Bare:
    """One connection, a commit with each statement."""

    def __init__(self, connection: Any) -> None:
        self._cursor, self._instance = connection.cursor(), uuid4()

    def prepared(self, prompts: Iterable[Asked]) -> list[Values]:
        """What is sent, made before it is measured."""
        return [(one.inserted(self._instance), one.updated()) for one in prompts]

    def write(self, values: Values) -> None:
        inserted, updated = values
        self._cursor.execute(INSERT, inserted)
        self._cursor.execute(UPDATE, updated)


class Groups:
    """The sizes of our transactions since they were asked for last: a `prompts.watch.Watch`."""

    def __init__(self) -> None:
        self._rows: list[int] = []

    def committed(self, rows: int, *, took_seconds: float, waited_seconds: float) -> None:
        self._rows.append(rows)

    def troubled(self, trouble: str, *, rows: int) -> None:
        raise AssertionError(f"{rows} rows {trouble}: this database is not fit to measure on")

    def taken(self) -> list[int]:
        taken, self._rows = self._rows, []
        return taken


async def write(journal: DatabaseJournal, prompt: Asked) -> None:
    """As a prompt does it; returns when the final row is committed."""
    await journal.accept(prompt.entry)
    await journal.finish(prompt.entry.id, prompt.result)


async def alone(journal: DatabaseJournal, bare: Bare, letters: Letters, *, prompts: int) -> dict[str, Sample]:
    """One client of each, taking turns; who begins changes from prompt to prompt."""
    client = Client.new()
    ours = [asked(client, letters) for _ in range(prompts)]
    values = bare.prepared(asked(client, letters) for _ in range(prompts))
    took: dict[str, list[float]] = {"ours": [], "bare": []}
    for number, (prompt, value) in enumerate(zip(ours, values, strict=True)):
        for name in ("ours", "bare") if number % 2 else ("bare", "ours"):
            before = time.perf_counter()
            if name == "ours":
                await write(journal, prompt)
            else:
                bare.write(value)
            took[name].append((time.perf_counter() - before) * 1000)
    found = {name: {"ms": statistics.median(all_), "p99_ms": p99(all_)} for name, all_ in took.items()}
    differences = [mine - theirs for mine, theirs in zip(took["ours"], took["bare"], strict=True)]
    found["ours"]["added_ms"] = statistics.median(differences)
    return found


async def crowd(
    journal: DatabaseJournal, bare: Bare, letters: Letters, *, prompts: int, groups: Groups
) -> dict[str, Sample]:
    """`CLIENTS` at once; beside one that does it bare. `groups` watches the journal."""
    clients = [Client.new() for _ in range(CLIENTS)]
    values = bare.prepared(asked(clients[n % CLIENTS], letters) for n in range(prompts // BARE_SHARE))
    own = [[asked(client, letters) for _ in range(prompts // CLIENTS)] for client in clients]

    async def one_after_another(mine: Sequence[Asked]) -> None:
        for prompt in mine:
            await write(journal, prompt)

    await sync_to_async(posting.catch_up)()  # what others have written
    before, cpu = time.perf_counter(), time.process_time()
    for value in values:
        bare.write(value)
    theirs = _rate(len(values), before, cpu)
    groups.taken()
    before, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(one_after_another, own))
    ours = _rate(sum(map(len, own)), before, cpu)
    ours["group_rows"] = statistics.mean(groups.taken())
    ours["missing"] = await sync_to_async(missing)([one.entry.id for mine in own for one in mine])
    before = time.perf_counter()
    await sync_to_async(posting.catch_up)()
    ours["behind_us"] = (time.perf_counter() - before) / (len(values) + prompts) * 1e6
    ours["gain"] = ours["rows_per_s"] / theirs["rows_per_s"]
    return {"ours": ours, "bare": theirs}


def _rate(prompts: int, before: float, cpu: float) -> Sample:
    took = time.perf_counter() - before
    return {"rows_per_s": prompts / took, "cpu_us": (time.process_time() - cpu) / prompts * 1e6}


def p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]


def missing(written: Iterable[UUID]) -> int:
    """How many of these the book does not have with their end."""
    ids = list(written)
    return len(ids) - Prompt.objects.filter(id__in=ids, outcome="answered").count()
