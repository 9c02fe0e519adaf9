"""How a thread takes what others leave for it: all that is there at once."""

import queue
import time
from typing import TypeVar

Item = TypeVar("Item")


def gather(
    inbox: "queue.SimpleQueue[Item | None]",
    *,
    most: int,
    timeout_seconds: float | None,
    patience_seconds: float = 0.0,
) -> tuple[list[Item], bool]:
    """Waits for a first one, then takes what else is there or comes within `patience_seconds`, up to `most`.
    None among them asks the thread to end: then True."""
    items: list[Item] = []
    try:
        item = inbox.get(timeout=timeout_seconds)
        until = time.monotonic() + patience_seconds
        while item is not None:
            items.append(item)
            if len(items) == most:
                return items, False
            item = inbox.get(timeout=max(0.0, until - time.monotonic()))
    except queue.Empty:
        return items, False
    return items, True
