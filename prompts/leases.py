"""
Which rows in progress belong to a living process, and which were left behind.

Each process that writes the journal renews one lease, on the database's clock. A row in progress whose
process has no valid lease is marked as interrupted. A process that is killed is noticed sooner by those on
the same machine: it held a lock on a file, which the kernel lets go with the process.
"""

import fcntl
import logging
import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, Value
from django.db.models.functions import Now

from prompts.finals import interrupt
from prompts.ids import uuid7
from prompts.models import Instance, Prompt

logger = logging.getLogger("prompts.leases")

LEASE_SECONDS = 10
RENEW_SECONDS = 2


class Lease:
    """This process's claim on its rows. `directory` is where lock files lie; None does without."""

    def __init__(self, directory: Path | None) -> None:
        self.id: UUID = uuid7()
        self._directory = directory
        self._lock: int | None = None
        self._steady_since = time.monotonic()

    def open(self) -> None:
        """Takes the lock file. A directory that cannot be written costs only speed of notice."""
        if self._directory is None:
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._path(self.id), os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            logger.warning("no lock file", extra={"errno": error.errno})

    def renew(self) -> None:
        """Extends the lease; makes it, or makes it again if another process took us for dead."""
        until = ExpressionWrapper(
            Now() + Value(timedelta(seconds=LEASE_SECONDS)), output_field=DateTimeField()
        )
        if not Instance.objects.filter(id=self.id).update(lease_expires_at=until):
            Instance.objects.create(id=self.id, lease_expires_at=until)

    def unsteady(self) -> None:
        """The database was away. Other processes could not renew either, so their leases prove nothing
        until one lease time has passed."""
        self._steady_since = time.monotonic()

    def sweep(self) -> int:
        """Marks the rows of processes that are gone; how many rows."""
        others = Instance.objects.exclude(id=self.id)
        gone = {id for id in others.values_list("id", flat=True) if self._died_here(id)}
        if time.monotonic() - self._steady_since >= LEASE_SECONDS:
            gone |= set(others.filter(lease_expires_at__lt=Now()).values_list("id", flat=True))
        return sum(self._bury(id) for id in gone)

    def release(self) -> None:
        """Gives the lease back at the end of the process."""
        self._bury(self.id)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _bury(self, id: UUID) -> int:
        with transaction.atomic():
            count = interrupt(Prompt.objects.filter(instance_id=id))
            Instance.objects.filter(id=id).delete()
        if self._directory is not None:
            self._path(id).unlink(missing_ok=True)
        if count:
            logger.warning("interrupted prompts", extra={"instance": str(id), "rows": count})
        return count

    def _died_here(self, id: UUID) -> bool:
        if self._directory is None:
            return False
        try:
            lock = os.open(self._path(id), os.O_RDWR)
        except OSError:
            return False  # of another machine, or already buried
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False  # held: that process lives
        else:
            return True
        finally:
            os.close(lock)

    def _path(self, id: UUID) -> Path:
        assert self._directory is not None
        return self._directory / f"{id}.lock"
