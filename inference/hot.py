"""
Beginnings that many prompts share, system prompts above all: which they are, and their files between two
lives of a process. Off unless LLM_PREFIX_DIR names a folder.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

logger = logging.getLogger("inference.hot")

# Shared so often, by prompts that agree up to the same token, it is no accident.
HOT_USES = 3
SHORTEST_TOKENS = 64
REMEMBERED = 64
KEPT_FILES = 4
SUFFIX = ".prefix"


class HotPrefixes:
    """Counts shared beginnings, the recently used ones."""

    def __init__(self) -> None:
        self._uses: OrderedDict[int, tuple[int, list[int]]] = OrderedDict()

    def note(self, tokens: Sequence[int], count: int) -> None:
        """A prompt began with `count` tokens that were there already."""
        if count < SHORTEST_TOKENS:
            return
        beginning = list(tokens[:count])
        key = hash(tuple(beginning))
        uses, _ = self._uses.pop(key, (0, beginning))
        self._uses[key] = (uses + 1, beginning)
        if len(self._uses) > REMEMBERED:
            self._uses.popitem(last=False)

    def adopt(self, tokens: list[int]) -> None:
        """A beginning that was hot in an earlier life still is, until others are hotter."""
        self._uses[hash(tuple(tokens))] = (HOT_USES, tokens)

    def top(self) -> list[list[int]]:
        """The hottest, at most KEPT_FILES of them."""
        hot = sorted((each for each in self._uses.values() if each[0] >= HOT_USES), reverse=True)
        return [tokens for _, tokens in hot[:KEPT_FILES]]


def file_of(folder: Path, tokens: Sequence[int]) -> Path:
    """Where a beginning is kept: a name that tells nothing of it."""
    return folder / (hashlib.sha256(repr(list(tokens)).encode()).hexdigest()[:32] + SUFFIX)


def files(folder: Path) -> Iterator[Path]:
    """What is kept, newest first."""
    try:
        found = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return
    yield from found[:KEPT_FILES]


def forget_others(folder: Path, kept: Sequence[Path]) -> None:
    """Removes the files that are not among `kept`."""
    for path in folder.glob(f"*{SUFFIX}"):
        if path not in kept:
            path.unlink(missing_ok=True)
