r"""
Recognizes placeholders in what a model wrote, also where it did not copy them to the letter.

    exact       [EMAIL_1]                                       wherever it stands
    bracketed   [email_1]  [ EMAIL 1 ]  \[EMAIL\_1\]  {Email-1}  <EMAIL_1>  ［EMAIL_1］
                any case; blanks, `_`, `-`, `*` and backslashes anywhere but inside the number; the brackets
                belong to it. Not before a word character or `(`: that is something longer, or a link
    bare        EMAIL_1  **EMAIL\_1**  (EMAIL_1)  `EMAIL_1`     the exact letters as a whole word, and no part
                of a path, a variable or a call

A variant counts only if one label of this request reads so: with A_BC and AB_C neither has variants. Hashed
names (`[EMAIL#1f…]`) are nothing of this kind. Whatever is recognized here, `Placeholders` sees too when it
skips the numbers of look-alikes that the caller typed.
"""

import re
from collections.abc import Iterable

from sanitization.normalize import fold

# What a bracketed variant is made of: letters, digits, and what may stand between and around them.
_INNER = r"[A-Za-z0-9 _\\*\-\u00a0\u2010\u2011\u3000\uff0d\uff10-\uff19\uff21-\uff3a\uff3f\uff41-\uff5a]"
_NO_TEMPLATE = r"(?<![$%#{\\])"
_WORD = r"A-Za-z0-9_\u00c0-\u04ff"
_BARE_BEHIND = rf"(?<![{_WORD}\\$%#&@./=?+~{{<-])"
BRACKETED = rf"(?:\\?\[|{_NO_TEMPLATE}\{{|[<［【]){_INNER}{{2,200}}[\]}}>］】]"
BARE = (
    rf"{_BARE_BEHIND}[A-Z][A-Z0-9]*+(?>(?:\\?_[A-Z0-9]++)+)"
    rf"(?![{_WORD}@=/(+~%$#\[-]|\\_|\.[{_WORD}])"
)
# Where one of them may begin. Each `\` and `[` on its own: one may be the beginning where the other is not.
OPENING = re.compile(rf"\\(?=\[)|[\[{{<［【]|{_BARE_BEHIND}[A-Z]")

_PAIRS = {"[": "]", "{": "}", "<": ">", "［": "］", "【": "】"}
_TAIL = re.compile(
    rf"(?P<open>\\?[\[{{<［【])(?P<inner>{_INNER}{{0,200}})(?P<close>[\]}}>］】])?"
    r"|(?P<bare>[A-Z][A-Z0-9_\\]*)(?P<stop>\.?)"
)
_READ = re.compile(r"(.*[^0-9])([0-9]{1,9})", re.DOTALL)
_GLUED = re.compile(rf"[{_WORD}(]")
_BETWEEN = re.compile(r"[^a-z0-9]+")
_SLACK = 8  # how much longer than the exact name a variant may be


class Names:
    """The placeholders of one request, all of the form `[LABEL_7]`, and the ways to write them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = frozenset(names)
        self._variants: dict[tuple[str, str], str] = {}
        labels: dict[str, set[str]] = {}
        read = []
        for name in self._exact:
            label, _, number = name[1:-1].rpartition("_")
            read.append((name, _squeezed(label), number))
            labels.setdefault(read[-1][1], set()).add(label)
        for name, squeezed, number in read:
            if len(labels[squeezed]) == 1:
                self._variants[squeezed, number] = name
        whole = [squeezed + number for _, squeezed, number in read]
        self._beginnings = {"", *(one[:size] for one in whole for size in range(1, len(one) + 1))}
        bare = [name[1:-1] for name in self._exact]
        self._bare_beginnings = {one[:size] for one in bare for size in range(1, len(one) + 1)}
        self._longest = max(map(len, bare), default=0) + _SLACK

    @property
    def reach(self) -> int:
        """The most characters of a tail that more text could make a placeholder."""
        return self._longest + 4

    def bracketed(self, found: str, *, following: str) -> str | None:
        """The placeholder that a match of BRACKETED is a variant of; `following` is what stands behind it."""
        if found in self._exact:
            return found
        is_escaped = found[0] == "\\"
        opening, inner, closing = found[is_escaped], found[1 + is_escaped : -1], found[-1]
        if _PAIRS[opening] != closing or inner.endswith("\\") != is_escaped or len(inner) > self._longest:
            return None
        if _GLUED.match(following):
            return None
        read = _READ.fullmatch(fold(inner)[0].strip(" *\\"))
        return self._variants.get((_squeezed(read[1]), read[2])) if read else None

    def bare(self, found: str) -> str | None:
        """The placeholder that a match of BARE names."""
        name = f"[{found.replace(chr(92), '')}]"
        return name if name in self._exact else None

    def may_become(self, tail: str) -> bool:
        """Whether more text could make this tail a placeholder, or decide that it is none after all."""
        parts = _TAIL.fullmatch(tail)
        if parts is None:
            return False
        if parts["bare"]:
            name = parts["bare"].replace("\\_", "_").removesuffix("\\")
            return name in self._bare_beginnings
        if parts["close"]:
            return tail not in self._exact and self.bracketed(tail, following="") is not None
        return len(parts["inner"]) <= self._longest and _squeezed(fold(parts["inner"])[0]) in self._beginnings


def _squeezed(text: str) -> str:
    return _BETWEEN.sub("", text.lower())
