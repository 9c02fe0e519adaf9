"""
Several models, one set of cores: their steps take turns.

llama.cpp's threads spin. Two models that compute at once with all cores each do not share them: on machines
with more threads than cores both become many times slower. So one step of one model runs at a time, in the
order in which they were asked for, and each has all the cores while it does.
"""

import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from inference.backends import Format, Message, Sampling, TokenLogprob, Tool, ToolUse
from inference.runner import Row, Runner, Sampler


class Turns:
    """A lock that is handed to whoever has waited for longest. Python's own mostly goes back to the thread
    that has just let it go, and the other model would wait for as long as this one has something to do."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_taken = False

    def __enter__(self) -> None:
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # until somebody hands it over

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


class TurnTaking:
    """A runner whose steps wait for their turn. Its step times include the waiting."""

    def __init__(self, runner: Runner, turns: Turns) -> None:
        self._runner = runner
        self._turns = turns
        self.slots = runner.slots
        self.context_tokens = runner.context_tokens
        self.kv_tokens = runner.kv_tokens
        self.step_tokens = runner.step_tokens
        self.can_cut = runner.can_cut
        self.copy_seconds = runner.copy_seconds
        self.look_tokens = runner.look_tokens
        self.embedding_size = runner.embedding_size
        self.notation = runner.notation

    def step(self, rows: Sequence[Row]) -> None:
        with self._turns:
            self._runner.step(rows)

    def embed(self, texts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        with self._turns:
            return self._runner.embed(texts)

    # -- what costs next to nothing --

    def tokens_of(
        self,
        messages: Sequence[Message[str]],
        tools: Sequence[Tool[str]] = (),
        use: ToolUse[str] | None = None,
    ) -> list[int]:
        return self._runner.tokens_of(messages, tools, use)

    def tokens_of_text(self, text: str) -> list[int]:
        return self._runner.tokens_of_text(text)

    def cut(self, slot: int, count: int) -> int:
        return self._runner.cut(slot, count)

    def copy(self, source: int, target: int, count: int) -> int:
        return self._runner.copy(source, target, count)

    def compile(self, format: Format[str]) -> str:
        return self._runner.compile(format)

    def sampler(self, sampling: Sampling, grammar: str, prompt: Sequence[int]) -> Sampler:
        return self._runner.sampler(sampling, grammar, prompt)

    def logprobs(self, output: int, token: int, *, top: int) -> TokenLogprob:
        return self._runner.logprobs(output, token, top=top)

    def is_end(self, token: int) -> bool:
        return self._runner.is_end(token)

    def piece(self, token: int) -> bytes:
        return self._runner.piece(token)

    def save(self, slot: int, path: Path, tokens: Sequence[int]) -> None:
        self._runner.save(slot, path, tokens)

    def restore(self, slot: int, path: Path) -> list[int]:
        return self._runner.restore(slot, path)

    def close(self) -> None:
        self._runner.close()
