"""Takes values out of a TOML table, and collects sentences about those that are wrong or unknown."""

from typing import Any


class Reader:
    """`where` begins every sentence. What was not taken when it is closed, is unknown."""

    def __init__(self, given: Any, where: str, problems: list[str] | None = None) -> None:
        self.where = where
        self.problems: list[str] = [] if problems is None else problems
        self._left: dict[str, Any] = {}
        if isinstance(given, dict):
            self._left = dict(given)
        else:
            self.complain("this must be a table")

    def complain(self, sentence: str) -> None:
        self.problems.append(f"{self.where}: {sentence}.")

    def has(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str) -> Any:
        return self._left.pop(name, None)

    def close(self, what: str = "") -> None:
        """Complains about all that was not taken."""
        for name in self._left:
            self.complain(f"{name} is not known" + (f" for {what}" if what else ""))

    def tables(self, name: str) -> dict[str, Any]:
        value = self.take(name)
        if value is None or isinstance(value, dict):
            return value or {}
        self.complain(f"{name} must be tables, like [{name}.something]")
        return {}

    def items(self, name: str) -> list[Any]:
        value = self.take(name)
        if value is None or isinstance(value, list):
            return value or []
        self.complain(f"{name} must be an array")
        return []

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.complain(f"{name} must be a text")
        return None

    def texts(self, name: str) -> list[str] | None:
        value = self.take(name)
        if value is None or (isinstance(value, list) and all(isinstance(one, str) and one for one in value)):
            return value
        self.complain(f"{name} must be an array of texts")
        return None

    def choice(self, name: str, allowed: tuple[str, ...], *, default: str = "") -> str:
        value = self.take(name)
        if value is None and default:
            return default
        if value in allowed:
            return str(value)
        self.complain(f"{name} must be one of {', '.join(allowed)}")
        return default

    def flag(self, name: str, default: bool) -> bool:
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.complain(f"{name} must be true or false")
        return default

    def whole(self, name: str, *, least: int) -> int | None:
        value = self.take(name)
        if value is None or (type(value) is int and value >= least):
            return value
        self.complain(f"{name} must be a whole number of {least} or more")
        return None

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        value = self.take(name)
        if value is None:
            return default
        if type(value) in (int, float) and least <= value <= most:
            return float(value)
        self.complain(f"{name} must be a number from {least:g} to {most:g}")
        return default
