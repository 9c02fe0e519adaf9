"""
When sessions and keys were last used, written now and then instead of with each request.

A request only notes itself in memory. Every `EVERY_SECONDS` a thread writes down what came together, so that
no request waits for a database that is busy with other writes.
"""

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.access import Caller
from accounts.models import ApiKey, Session

logger = logging.getLogger("accounts.uses")

EVERY_SECONDS = 15.0
_thread = ThreadPoolExecutor(1, thread_name_prefix="uses")


class Uses:
    """What this process has seen since it last wrote."""

    def __init__(self) -> None:
        self._sessions: dict[UUID, datetime] = {}
        self._keys: dict[UUID, datetime] = {}
        self._written_at = time.monotonic()
        self._lock = threading.Lock()

    def note(self, caller: Caller) -> None:
        """This caller is here now."""
        if caller.key is not None:
            self._keys[caller.key.id] = timezone.now()
        elif caller.session_id is not None:
            self._sessions[caller.session_id] = timezone.now()

    def write_if_due(self) -> Future[None] | None:
        """Has what is noted written, if it is time."""
        with self._lock:
            if time.monotonic() - self._written_at < EVERY_SECONDS:
                return None
            self._written_at = time.monotonic()
        return _thread.submit(self._write_and_leave)

    def write(self) -> None:
        """Writes what is noted: two queries. Raises DatabaseError, and the notes are lost then."""
        sessions, self._sessions = self._sessions, {}
        keys, self._keys = self._keys, {}
        if sessions:
            Session.objects.filter(id__in=sessions).update(last_used_at=max(sessions.values()))
        if keys:
            ApiKey.objects.filter(id__in=keys).update(last_used_at=max(keys.values()))

    def put_off(self) -> None:
        """Not before another `EVERY_SECONDS`."""
        self._written_at = time.monotonic()

    def _write_and_leave(self) -> None:
        try:
            self.write()
        except DatabaseError as error:
            logger.warning("uses not written", extra={"kind": type(error).__name__})
        finally:
            connection.close()  # this thread is not a request's, nothing else would
