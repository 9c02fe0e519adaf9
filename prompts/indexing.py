"""
Brings rows that have ended into the search index, behind the prompts: on PostgreSQL, in a thread of each
process that writes the book.

    prompt ends ──► committed, not searchable ──► BATCH rows, a transaction ──► searchable

To index a row of 160 words costs PostgreSQL as much as to write it as accepted and as finished, so nobody
waits for it. The index holds the rows with `is_searchable` alone; the others, some seconds' worth, are
searched without one. One process at a time does this, and under load it falls behind the prompts, not they
behind it.
"""

import logging
import threading

from django.db import connection, transaction

from prompts.behind import Behind
from prompts.models import Prompt

logger = logging.getLogger("prompts.indexing")

BATCH = 200
EVERY_SECONDS = 2.0
LOCK = 0x70726F6D707473  # "prompts", for PostgreSQL's advisory locks
TABLE = Prompt._meta.db_table
# A row that is erased meanwhile is waited for, and indexed as it is then.
STEP = f"""
UPDATE {TABLE} SET is_searchable = true WHERE id = ANY (ARRAY(
    SELECT id FROM {TABLE} WHERE NOT is_searchable AND outcome <> 'accepted' ORDER BY id LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED))
"""  # noqa: S608  # nosec B608


class Indexer(Behind):
    """`open()` starts the thread, where there is something for it to do."""

    def __init__(self) -> None:
        super().__init__("journal-indexer", every_seconds=EVERY_SECONDS, work=catch_up, logger=logger)

    def open(self) -> None:
        if connection.vendor == "postgresql":
            super().open()


def catch_up(is_closing: threading.Event) -> None:
    """Makes everything searchable that has ended."""
    while step() == BATCH and not is_closing.is_set():
        pass


def step() -> int:
    """Makes the next `BATCH` rows searchable; how many. 0 while another process is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() != (True,):
            return 0
        cursor.execute(STEP, [BATCH])
        return int(cursor.rowcount)
