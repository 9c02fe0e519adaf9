"""
When sessions and keys were last used, written now and then instead of with each request.

A request only notes itself in memory. Whoever asks the database what has changed anyway, off the event loop,
also writes down what came together, every `EVERY_SECONDS`.
"""

import time
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from accounts.access import Caller
from accounts.models import ApiKey, Session

EVERY_SECONDS = 15.0


class Uses:
    """What this process has seen since it last wrote."""

    def __init__(self) -> None:
        self._sessions: dict[UUID, datetime] = {}
        self._keys: dict[UUID, datetime] = {}
        self._written_at = time.monotonic()

    def note(self, caller: Caller) -> None:
        """This caller is here now."""
        if caller.key is not None:
            self._keys[caller.key.id] = timezone.now()
        elif caller.session_id is not None:
            self._sessions[caller.session_id] = timezone.now()

    def write(self, *, now: bool = False) -> None:
        """Writes what is noted, if it is time: two queries. Raises DatabaseError, keeping the notes."""
        if not now and time.monotonic() - self._written_at < EVERY_SECONDS:
            return
        self._written_at = time.monotonic()
        for model, noted in ((Session, self._sessions), (ApiKey, self._keys)):
            ids = list(noted)
            if ids:
                latest = max(noted[one] for one in ids)
                model._default_manager.filter(id__in=ids).update(last_used_at=latest)
                for one in ids:
                    noted.pop(one, None)
