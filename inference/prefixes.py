"""
Which slot holds the beginning of a prompt: a radix tree over the tokens of all slots.

    root ─ "You are helpful." ─┬─ " Hi"      ─ …      an edge is a run of tokens; a node knows the slots whose
                               └─ " Summari" ─ …      tokens run through it

Holds the planned tokens of busy slots too, so that of two prompts which arrive together the second finds what
the first is about to compute. One tree for each scope: scopes never see each other's. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Node:
    """`tokens` lead here from `parent`."""

    tokens: list[int]
    parent: "Node | None"
    children: dict[int, "Node"] = field(default_factory=dict)
    slots: set[int] = field(default_factory=set)


class Prefixes:
    """Slots by what they begin with."""

    def __init__(self) -> None:
        self._roots: dict[str, Node] = {}
        self._ends: dict[int, tuple[str, Node, int]] = {}  # slot -> scope, its last node, its length
        self.tokens = 0  # that all slots have together, shared ones counted once

    def set(self, slot: int, tokens: Sequence[int], *, scope: str = "") -> None:
        """`slot` has these tokens now, instead of what it had."""
        self.drop(slot)
        if tokens:
            root = self._roots.setdefault(scope, Node([], None))
            self._ends[slot] = (scope, self._descend(root, slot, list(tokens)), len(tokens))

    def append(self, slot: int, token: int) -> None:
        """`slot`, which has some tokens, has one more."""
        scope, node, length = self._ends[slot]
        if not node.children and len(node.slots) == 1 and node.parent is not None:
            node.tokens.append(token)
            self.tokens += 1
        else:
            node = self._descend(node, slot, [token])
        self._ends[slot] = (scope, node, length + 1)

    def cut(self, slot: int, count: int) -> None:
        """`slot` keeps its first `count` tokens."""
        if slot not in self._ends or count >= self._ends[slot][2]:
            return
        scope, node, length = self._ends[slot]
        while length - len(node.tokens) >= count and node.parent is not None:
            length -= len(node.tokens)
            node = self._leave(node, slot)
        if count < length:
            inner = self._split(node, len(node.tokens) - (length - count))
            self._leave(node, slot)
            node = inner
        if count:
            self._ends[slot] = (scope, node, count)
        else:
            del self._ends[slot]
            self._forget_root(scope)

    def drop(self, slot: int) -> None:
        """`slot` has nothing."""
        self.cut(slot, 0)

    def match(self, tokens: Sequence[int], *, scope: str = "") -> dict[int, int]:
        """How many of these tokens each slot begins with; slots that share none are left out."""
        found: dict[int, int] = {}
        node = self._roots.get(scope)
        at = 0
        while node is not None and at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None:
                break
            same = common(child.tokens, tokens, at)
            at += same
            for slot in child.slots:
                found[slot] = at
            node = child if same == len(child.tokens) else None
        return found

    def _descend(self, node: Node, slot: int, tokens: list[int]) -> Node:
        """Leads `slot` from `node` on along `tokens`, making and splitting nodes: its last one."""
        at = 0
        while at < len(tokens):
            child = node.children.get(tokens[at])
            if child is None:
                child = Node(tokens[at:], node)
                node.children[tokens[at]] = child
                self.tokens += len(child.tokens)
            else:
                same = common(child.tokens, tokens, at)
                if same < len(child.tokens):
                    child = self._split(child, same)
            child.slots.add(slot)
            at += len(child.tokens)
            node = child
        return node

    def _split(self, node: Node, count: int) -> Node:
        """Puts a node after the first `count` tokens that lead to `node`, and returns it. Slots that end at
        `node` still do."""
        assert node.parent is not None
        inner = Node(node.tokens[:count], node.parent, {}, set(node.slots))
        node.parent.children[inner.tokens[0]] = inner
        node.tokens, node.parent = node.tokens[count:], inner
        inner.children[node.tokens[0]] = node
        return inner

    def _leave(self, node: Node, slot: int) -> Node:
        """Takes `slot` out of `node`: the parent. A node without slots goes."""
        assert node.parent is not None
        node.slots.discard(slot)
        if not node.slots:
            del node.parent.children[node.tokens[0]]
            self.tokens -= len(node.tokens)
        return node.parent

    def _forget_root(self, scope: str) -> None:
        if not self._roots[scope].children:
            del self._roots[scope]


def common(edge: list[int], tokens: Sequence[int], at: int) -> int:
    """How many tokens of `edge` are those of `tokens` from `at` on."""
    part = tokens[at : at + len(edge)]
    if edge == part:
        return len(edge)
    return next(
        (i for i, (a, b) in enumerate(zip(edge, part, strict=False)) if a != b), min(len(edge), len(part))
    )
