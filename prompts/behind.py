"""What is done behind the prompts, by a thread of each process that writes the book."""

import logging
import threading
from collections.abc import Callable

from django.db import DatabaseError, connection

Work = Callable[[threading.Event], None]


class Behind:
    """Does its work every so many seconds, from `open()` to `close()`. The work gets an event that is set
    when it should end early; what it raises is logged, and the next time comes."""

    def __init__(self, name: str, *, every_seconds: float, work: Work, logger: logging.Logger) -> None:
        self._name = name
        self._every_seconds = every_seconds
        self._work = work
        self._logger = logger
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        self._is_closing.clear()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def close(self, timeout_seconds: float = 5) -> None:
        if self._thread is not None:
            self._is_closing.set()
            self._thread.join(timeout_seconds)
            self._thread = None

    def _run(self) -> None:
        while not self._is_closing.wait(self._every_seconds):
            try:
                self._work(self._is_closing)
            except DatabaseError as error:
                # Away, most likely, and the writer says so.
                self._logger.info("not done", extra={"kind": type(error).__name__})
                connection.close()
            except Exception:
                self._logger.exception("%s", self._name)
                connection.close()
        connection.close()
