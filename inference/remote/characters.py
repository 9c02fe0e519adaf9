"""Whole characters: JSON can spell half ones, and servers cut texts anywhere."""


class Characters:
    """One text that comes in pieces."""

    def __init__(self) -> None:
        self._half = ""  # the first half of a surrogate pair that was cut in two

    def whole(self, text: str) -> str:
        """`text` without half characters: a pair in two pieces is put together, a half without its other half
        becomes U+FFFD."""
        if not self._half and text.isascii():
            return text
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text
