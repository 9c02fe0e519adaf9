"""
Follows a grammar byte by byte: what may come next, whether the answer may end.

A state is the set of places in the grammar where the text so far may stand; a place is a linked stack of
positions to return to. States are found when they are needed and remembered, so that the usual token costs
a few look-ups. A grammar under which the text can be read in very many ways, or that nests without end, is
given up (FormatRefused) before it costs time or memory: callers write these.
"""

from inference.errors import FormatRefused
from inference.gbnf import Chars, Grammar

# Ways to read the same text; places looked at for one character, and in a whole answer; what is remembered.
MOST_PLACES = 2000
MOST_PLACES_SEEN = 20_000
MOST_WORK = 5_000_000
MOST_REMEMBERED = 200_000
_DONE = 0  # the empty stack: the grammar is at its end
DEAD = -1
_NOWHERE = (DEAD, (0, 0, 0))
TOO_MANY = "The grammar nests without end, or can be read in too many ways."

# By the high four bits of a first byte: how many more bytes its character has. By that: the least character.
_MORE = (0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, 1, 1, 2, 3)
_LEAST = (0, 0x80, 0x800, 0x10000)
_MOST = 0x10FFFF
_SURROGATES = 0xD800 >> 11  # halves of characters, none themselves


class Automaton:
    """The states of one grammar: `start` is the first, `step` leads on. `work` counts places looked at."""

    def __init__(self, grammar: Grammar) -> None:
        self._operations = grammar.operations
        self._starts = grammar.starts
        self._root = grammar.root
        self.work = 0
        self._forget()

    def _forget(self) -> None:
        self._stacks: list[tuple[int, int]] = [(-1, -1)]  # (position, the stack below); the first is empty
        self._numbers: dict[tuple[int, int], int] = {}
        self._states: list[tuple[int, ...]] = []
        self._known: dict[tuple[int, ...], int] = {}
        self._steps: dict[tuple[int, int], int] = {}
        self._firsts: dict[int, tuple[int, bool]] = {}
        self._remembered = 0

    def start(self) -> int:
        return self._state([self._stack(begin, _DONE) for begin in self._starts[self._root]])

    def step(self, state: int, code: int) -> int:
        """The state after a character; DEAD if it cannot come."""
        key = (state, code)
        known = self._steps.get(key)
        if known is not None:
            return known
        following = []
        self.work += len(self._states[state])
        for stack in self._states[state]:
            position, below = self._stacks[stack]
            if stack != _DONE:
                chars = self._operations[position]
                assert isinstance(chars, Chars)
                if chars.has(code):
                    following.append(self._stack(position + 1, below))
        found = self._steps[key] = self._state(following)
        return found

    def can_end(self, state: int) -> bool:
        return _DONE in self._states[state]

    def may_begin(self, state: int, low: int, high: int) -> bool:
        """Whether a character from `low` to `high` may come: its last bytes are not there yet."""
        return any(chars.has_any(low, high) for chars in self._chars(state))

    def firsts(self, state: int) -> tuple[int, bool]:
        """The ASCII characters that may come, a bit each, and whether others may."""
        if state not in self._firsts:
            bits, others = 0, False
            for chars in self._chars(state):
                bits |= chars.ascii
                others = others or chars.has_any(128, 0x10FFFF)
            self._firsts[state] = bits, others
        return self._firsts[state]

    def compacted(self, state: int) -> int:
        """The same state after everything else was forgotten, where too much is remembered."""
        if self._remembered + len(self._steps) < MOST_REMEMBERED:
            return state
        chains = [self._chain(stack) for stack in self._states[state]]
        self._forget()
        rebuilt = []
        for chain in chains:
            stack = _DONE
            for position in chain:
                stack = self._stack(position, stack)
            rebuilt.append(stack)
        return self._state(rebuilt)

    def _chain(self, stack: int) -> list[int]:
        positions = []
        while stack != _DONE:
            position, stack = self._stacks[stack]
            positions.append(position)
        return positions[::-1]

    def _chars(self, state: int) -> list[Chars]:
        found = (self._operations[self._stacks[stack][0]] for stack in self._states[state] if stack != _DONE)
        return [chars for chars in found if isinstance(chars, Chars)]

    def _stack(self, position: int, below: int) -> int:
        """The number of a stack. The end of an alternative is what lies below it."""
        while position >= 0 and self._operations[position] is None:
            if below == _DONE:
                return _DONE
            position, below = self._stacks[below]
        key = (position, below)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._stacks)
            self._stacks.append(key)
            self._remember(1)
        return number

    def _state(self, stacks: list[int]) -> int:
        """The state of these stacks, once every rule at their top is gone into."""
        places: list[int] = []
        seen = set(stacks)
        todo = list(seen)
        while todo:
            stack = todo.pop()
            symbol = self._operations[self._stacks[stack][0]] if stack != _DONE else None
            if not isinstance(symbol, int):
                places.append(stack)
                continue
            position, below = self._stacks[stack]
            back = self._stack(position + 1, below)
            for begin in self._starts[symbol]:
                inner = self._stack(begin, back)
                if inner not in seen:
                    seen.add(inner)
                    todo.append(inner)
            if len(seen) > MOST_PLACES_SEEN:
                raise FormatRefused(TOO_MANY)
        self.work += len(seen)
        if len(places) > MOST_PLACES or self.work > MOST_WORK:
            raise FormatRefused(TOO_MANY)
        if not places:
            return DEAD
        key = tuple(sorted(places))
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self._states)
            self._states.append(key)
            self._remember(len(key))
        return number

    def _remember(self, size: int) -> None:
        self._remembered += size
        if self._remembered > 2 * MOST_REMEMBERED:
            raise FormatRefused(TOO_MANY)


class Matcher:
    """Where one answer stands in its grammar. Raises FormatRefused where the grammar is beyond its limits."""

    def __init__(self, grammar: Grammar) -> None:
        self._automaton = Automaton(grammar)
        self._state = self._automaton.start()
        # Of a character whose last bytes are to come: its value so far, how many are missing, of how many.
        self._partial = (0, 0, 0)

    @property
    def work(self) -> int:
        """Grows with what following the grammar has cost."""
        return self._automaton.work

    @property
    def can_end(self) -> bool:
        return self._partial[1] == 0 and self._automaton.can_end(self._state)

    def allows(self, piece: bytes) -> bool:
        return self._after(piece)[0] != DEAD

    def accept(self, piece: bytes) -> None:
        """Raises FormatRefused if it is not allowed."""
        state, partial = self._after(piece)
        if state == DEAD:
            raise FormatRefused("The answer left its grammar.")
        self._state, self._partial = self._automaton.compacted(state), partial

    def first_bytes(self) -> tuple[int, bool, bool]:
        """What the next byte may be: ASCII as bits, a first byte of a longer character, one of its others.
        More than that is not known without asking `allows`."""
        if self._partial[1]:
            return 0, False, True
        bits, others = self._automaton.firsts(self._state)
        return bits, others, False

    def _after(self, piece: bytes) -> tuple[int, tuple[int, int, int]]:
        """State and partial character after `piece`; DEAD if it is not allowed."""
        automaton, state = self._automaton, self._state
        value, missing, more = self._partial
        if not piece:
            return _NOWHERE
        for byte in piece:
            if missing:
                if byte >> 6 != 2:
                    return _NOWHERE
                value, missing = value << 6 | byte & 0x3F, missing - 1
            else:
                missing = more = _MORE[byte >> 4]
                if more < 0:
                    return _NOWHERE
                value = byte & 0x7F >> more + 1 if more else byte
            if not missing:
                is_one = value >= _LEAST[more] and value >> 11 != _SURROGATES
                state = automaton.step(state, value) if is_one else DEAD
                if state == DEAD:
                    return _NOWHERE
        if missing and not self._may_become(state, value << 6 * missing, missing, more):
            return _NOWHERE
        return state, (value, missing, more)

    def _may_become(self, state: int, low: int, missing: int, more: int) -> bool:
        """Whether a character that begins so may come: from `low` on, where the missing bytes are zeros."""
        high = min(low | (1 << 6 * missing) - 1, _MOST)
        low = max(low, _LEAST[more])
        if low >> 11 == high >> 11 == _SURROGATES:
            return False
        return low <= high and self._automaton.may_begin(state, low, high)
