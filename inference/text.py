"""
From tokens' bytes to text that may be shown: whole characters, and nothing of a stop string.
"""

import codecs
from collections.abc import Sequence


class Transcript:
    """Feed it bytes, take what can no longer change. `stopped` once a stop string has come."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = [text for text in stop if text]
        self._held = ""
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """What can be shown now: holds back a tail that may be the beginning of a stop string."""
        return self._release(self._decoder.decode(piece), is_last=False)

    def finish(self) -> str:
        """The rest. Bytes that never became a character are shown as U+FFFD."""
        return self._release(self._decoder.decode(b"", final=True), is_last=True)

    def _release(self, text: str, *, is_last: bool) -> str:
        if self.stopped:
            return ""
        self._held += text
        # The one that is complete first wins, as if the text came a character at a time: how it was cut
        # into pieces must not decide.
        found = [(at + len(stop), at) for stop in self._stop if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._held[: min(found)[1]]
        kept = 0 if is_last else max((_overlap(self._held, stop) for stop in self._stop), default=0)
        cut = len(self._held) - kept
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that begins `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
