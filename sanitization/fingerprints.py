"""
Keyed hashes of values: equal for equal values, and nothing to anybody without the key.

They let operators count how often the same value turns up (`Finding.fingerprint`), and let a policy replace a
value by something that stays the same in every text (`Action.HASH`).
"""

from hashlib import blake2b

from sanitization.normalize import fold

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


class Fingerprints:
    """BLAKE2b (RFC 7693) with a key of any length. Values are compared as they read: folded, without case."""

    def __init__(self, key: bytes) -> None:
        own = blake2b(key, digest_size=32, person=b"fingerprint").digest()
        self._hash = blake2b(key=own, digest_size=8)
        self._begun: dict[str, blake2b] = {}  # by rule, which each hash begins with

    def __repr__(self) -> str:
        return "<fingerprints>"

    def of(self, rule: str, value: str) -> str:
        """16 hexadecimal digits."""
        begun = self._begun.get(rule)
        if begun is None:
            begun = self._hash.copy()
            begun.update(f"{rule}\0".encode())
            self._begun[rule] = begun
        hash = begun.copy()
        if value.isascii() and value.isprintable():
            hash.update(value.lower().encode())
        else:
            hash.update(fold(value)[0].casefold().encode("utf-8", "surrogatepass"))
        return hash.hexdigest()

    def name(self, rule: str, value: str) -> str:
        """What takes the place of a hashed value, such as `[EMAIL#kbdmaocfjhgd]`: letters alone, so that no
        rule for numbers finds anything in it."""
        return f"[{rule.upper()}#{self.of(rule, value)[:12].translate(_LETTERS)}]"
