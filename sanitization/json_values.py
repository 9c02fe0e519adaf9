"""
Says where a value of JSON stands in a text that may hold JSON anywhere: as a whole, in a fenced block, in a
code span, in a sentence.

    The ids are `[4111111111111111, 12]` and {"a": [4111111111111111]}
                  ^                 ^                ^

An object or array is taken for JSON as long as there is nothing between its brackets that JSON does not have;
the order of what it has is not looked at. That costs one step for every bracket, and nothing for a text
without any. Keys are seen by `edges`, in code of any kind.
"""

import re

MAX_DEPTH = 500

# Not behind what is indexed or called, nor an image or the second half of a reference, and not empty. Most of
# those in prose have something behind them that JSON does not have there.
_OPENING = re.compile(r"(?<![\w)\]}!])[\[{](?![ \t]*[\]}])(?=[-+.0-9Ee,: \t\r\n\"\[{tfn]|\Z)")
_NESTED = re.compile(rf"[\[{{]{{0,{MAX_DEPTH}}}")
_IN_STRING = r'(?>(?:[^"\\\r\n]|\\[^\r\n])*)'
_STRING = f'"{_IN_STRING}"'
_INSIDE = re.compile(rf"(?>(?:[-+.0-9Ee,: \t\r\n]|true|false|null|{_STRING})*)")
_REST_OF_STRING = re.compile(_IN_STRING)
_BEGUN_WORD = re.compile(r"(?:t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?)\Z")
_CLOSING = {"]": b"[", "}": b"{"}
_BLANKS = " \t\r\n"


class JsonValues:
    """Follows one text. Where its pieces are cut makes no difference."""

    def __init__(self) -> None:
        self._stack = bytearray()  # brackets that are open
        self._in_string = False
        self._tail = "\n"  # the character before what comes next, or half of a word or of an escape
        self._held = False
        self._telling = ""  # the last character that was no blank, while a bracket is open

    @property
    def at_element(self) -> bool:
        """Whether an element of an array begins here."""
        begins = self._stack.endswith(b"[") and self._telling in ("[", ",")
        return begins and not (self._in_string or self._held)

    def feed(self, text: str) -> None:
        """Takes more of the text."""
        if not text:
            return
        if not self._stack and "[" not in text and "{" not in text:
            self._tail = text[-1]
            return
        at = 0 if self._held else 1
        text, self._held = self._tail + text, False
        while at < len(text) and not self._held:
            at = self._step(text, at)
        self._tail = text[at:] if self._held else text[-1]
        if self._stack:
            self._telling = text.rstrip(_BLANKS)[-1:] or self._telling

    def _step(self, text: str, at: int) -> int:
        """Goes on from `at`; says where it came to."""
        if not self._stack:
            return self._open(text, at)
        if self._in_string:
            return self._string(text, at)
        at = _INSIDE.match(text, at).end()  # type: ignore[union-attr]  # matches anywhere
        nested = _NESTED.match(text, at)[0][: MAX_DEPTH - len(self._stack)]  # type: ignore[index]
        if nested:
            self._stack += nested.encode()
            return at + len(nested)
        char = text[at : at + 1]
        if char in _CLOSING and self._stack.endswith(_CLOSING[char]):
            self._stack.pop()
        elif char == '"':
            self._in_string = True
        elif char and _BEGUN_WORD.match(text, at):
            self._held = True
            return at
        elif char:
            self._stack.clear()
            return at
        return at + len(char)

    def _open(self, text: str, at: int) -> int:
        opening = _OPENING.search(text, at)
        if opening is None:
            return len(text)
        self._stack += opening[0].encode()
        return opening.end()

    def _string(self, text: str, at: int) -> int:
        at = _REST_OF_STRING.match(text, at).end()  # type: ignore[union-attr]  # matches anywhere
        if text[at : at + 1] == '"':
            self._in_string = False
            return at + 1
        if text[at:] == "\\":
            self._held = True
        elif at < len(text):
            self._in_string = False
            self._stack.clear()
        return at
