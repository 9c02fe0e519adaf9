"""
What each slot holds. No slot is ever left with a hole that its next token would attend to: where the model
cannot keep what was asked for, the slot is emptied.

    each slot its own memory    copying takes the whole slot (a memcpy, done before the next step), then the
                                tail is cut; a partial copy would abort the process
    one memory for all          a copy marks the same cells for another slot: free, and partial
    sliding window              positions that have left the window are gone: no way back before them
    recurrent, hybrid           one state for all positions: everything or nothing
"""

from typing import Any

import llama_cpp as C  # noqa: N812

from inference.llama.library import memory_seq_cp, memory_seq_pos_min, memory_seq_rm

_TO_THE_END = -1


class Slots:
    """`held[slot]` counts the tokens of each. `window` is how far back a token attends, 0 for everywhere."""

    def __init__(self, memory: Any, *, count: int, window: int, is_shared: bool, can_cut: bool) -> None:
        self._memory = memory  # a pointer of the C library
        self._window = window
        self._is_shared = is_shared
        self._can_cut = can_cut
        self.held = [0] * count
        self.is_copying = False  # whether the next step has a copy to carry out

    def cut(self, slot: int, count: int) -> int:
        """How many of the first `count` tokens stay."""
        if count >= self.held[slot]:
            return self.held[slot]
        if count > 0 and self._can_go_back(slot, count):
            self.held[slot] = count
            if memory_seq_rm(self._memory, slot, count, _TO_THE_END):
                return count
        self.empty(slot)
        return 0

    def copy(self, source: int, target: int, count: int) -> int:
        """How many of the first `count` tokens of `source` the target holds after it."""
        if source == target:
            return self.cut(source, count)
        self.empty(target)
        held = self.held[source]
        count = min(count, held)
        if count <= 0 or (count < held and not self._can_go_back(source, count)):
            return 0
        if self._is_shared:
            memory_seq_cp(self._memory, source, target, 0, count if count < held else _TO_THE_END)
        else:
            memory_seq_cp(self._memory, source, target, -1, _TO_THE_END)
            self.is_copying = True
        self.held[target] = count if self._is_shared else held
        return self.cut(target, count)

    def filled(self, slot: int, tokens: list[int]) -> list[int]:
        """The tokens that `slot` holds after a state was loaded: these, or none if it is another's."""
        self.held[slot] = len(tokens)
        if int(C.llama_memory_seq_pos_max(self._memory, slot)) == len(tokens) - 1:
            return tokens
        self.empty(slot)
        return []

    def empty(self, slot: int) -> None:
        memory_seq_rm(self._memory, slot, -1, _TO_THE_END)
        self.held[slot] = 0

    def empty_all(self) -> None:
        C.llama_memory_clear(self._memory, False)
        self.held = [0] * len(self.held)

    def _can_go_back(self, slot: int, count: int) -> bool:
        """Whether everything that a token at position `count` attends to is still there."""
        if not self._can_cut:
            return False
        if not self._window:
            return True
        oldest = int(memory_seq_pos_min(self._memory, slot))
        return 0 <= oldest <= max(0, count - self._window)
