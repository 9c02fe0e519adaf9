"""
Calls of tools in a server's answer, put in order: whole names, one call behind the other.

    delta.tool_calls ──► by index ──► the oldest that is not over leaves while it comes, the others wait

OpenAI sends calls one after another, the name with the first piece of each. Others mix them, cut names, send
arguments before the name, leave ids or indexes out, give every call the same index, or repeat name and id
with each piece. What cannot be told apart is `Malformed`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from inference.backends import CallPiece
from inference.errors import CallUnfit
from inference.remote.characters import Characters
from inference.remote.sse import Malformed
from inference.tools.parser import MOST_CALLS, ObjectEnd

MOST_WAITING_CHARS = 1 << 20  # of arguments that come before it is their turn


@dataclass(slots=True)
class OneCall:
    """A call as far as it has come. `is_told`: it has left under its name. `is_whole`: its arguments are an
    object that has ended."""

    number: int
    id: str = ""
    name: str = ""
    is_told: bool = False
    is_over: bool = False
    is_whole: bool = False
    waiting: list[str] = field(default_factory=list)
    characters: Characters = field(default_factory=Characters)
    _end: ObjectEnd = field(default_factory=ObjectEnd)

    def add(self, arguments: str) -> None:
        if self.is_whole:
            self.is_whole = not arguments.strip()
        else:
            size, is_end = self._end.find(arguments)
            self.is_whole = is_end and not arguments[size:].strip()
        self.waiting.append(arguments)


class Calls:
    """The calls of one choice. `names` are the tools that were offered. Without `is_parallel`, calls behind
    the first are dropped. `count` is how many have left."""

    def __init__(self, names: Collection[str], *, choice: int = 0, is_parallel: bool = True) -> None:
        self._names = frozenset(names)
        self._choice = choice
        self._most = MOST_CALLS if is_parallel else 1
        self._calls: list[OneCall] = []
        self._by_index: dict[int, OneCall] = {}
        self._current = 0
        self._waiting_chars = 0
        self.count = 0

    def feed(self, given: Any) -> list[CallPiece]:
        """What can leave now that these `tool_calls` came. Raises Malformed, and CallUnfit for a tool that
        was not offered."""
        if not given:
            return []
        if not isinstance(given, list):
            raise Malformed("calls")
        for one in given:
            self._take(one)
        return list(self._pass_on(last=False))

    def finish(self) -> list[CallPiece]:
        """The rest. Raises as `feed`."""
        return list(self._pass_on(last=True))

    # -- what comes --

    def _take(self, one: Any) -> None:
        if not isinstance(one, dict) or one.get("type") not in (None, "", "function"):
            raise Malformed("call")
        function = one.get("function") or {}
        if not isinstance(function, dict):
            raise Malformed("function of a call")
        name, arguments = _text(function, "name"), _text(function, "arguments")
        call = self._call(one.get("index"), _text(one, "id"), is_named=bool(name))
        if name:
            self._name(call, name)
        if not arguments:
            return
        if call.is_over and arguments.strip():
            raise Malformed("arguments behind a call")
        if call.number < self._most:
            call.add(call.characters.whole(arguments))
            self._waiting_chars += len(arguments)
            if self._waiting_chars > MOST_WAITING_CHARS:
                raise Malformed("calls too long")

    def _call(self, index: Any, id: str, *, is_named: bool) -> OneCall:
        """The one that a piece belongs to: the newest where it has no index."""
        if index is not None and (type(index) is not int or index < 0):
            raise Malformed("index of a call")
        newest = self._calls[-1] if self._calls else None
        known = newest if index is None else self._by_index.get(index)
        is_another = known is not None and (
            id != known.id if id and known.id else is_named and known.is_whole and known.name in self._names
        )
        if known is None or is_another:
            if len(self._calls) == MOST_CALLS:
                raise Malformed("too many calls")
            known = OneCall(len(self._calls))
            self._calls.append(known)
        if index is not None:
            self._by_index[index] = known
        known.id = known.id or id
        return known

    def _name(self, call: OneCall, name: str) -> None:
        """More of a name, or the same once more."""
        if call.name == name and name in self._names:
            return
        if call.is_told:
            raise Malformed("name of a call")
        call.name += name
        if not any(offered.startswith(call.name) for offered in self._names):
            raise CallUnfit

    # -- what leaves --

    def _pass_on(self, *, last: bool) -> Iterator[CallPiece]:
        while self._current < min(len(self._calls), self._most):
            call = self._calls[self._current]
            is_followed = last or self._current + 1 < len(self._calls)
            if not call.is_told:
                if not self._is_named(call, is_followed=is_followed):
                    if last:
                        raise CallUnfit if call.name else Malformed("a call without a name")
                    return
                call.is_told = True
                self.count += 1
                yield CallPiece(call.number, call.name, choice=self._choice)
            if call.waiting:
                arguments = "".join(call.waiting)
                call.waiting.clear()
                self._waiting_chars -= len(arguments)
                yield CallPiece(call.number, "", arguments, self._choice)
            if not (last or (call.is_whole and is_followed)):
                return
            call.is_over = True
            self._current += 1

    def _is_named(self, call: OneCall, *, is_followed: bool) -> bool:
        """Whether its name has come whole: it is that of a tool, and will not become another's."""
        if call.name not in self._names:
            return False
        may_grow = any(offered.startswith(call.name) for offered in self._names - {call.name})
        return bool(call.waiting) or is_followed or not may_grow


def _text(given: dict[str, Any], name: str) -> str:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"{name} of a call")
    return value or ""
