"""
How the text of a variable becomes a value. Each raises a ValueError that says what to write instead; which
variable it was, `env` adds.
"""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import unquote


def flag(raw: str) -> bool:
    """Strict on purpose: django-environ reads `ture` and `enabled` as False without a word."""
    known = {"true": True, "1": True, "false": False, "0": False}
    if raw.lower() not in known:
        raise ValueError("write true or false")
    return known[raw.lower()]


def flag_or_auto(raw: str) -> bool | str:
    """True, false, or "auto" for what is best here."""
    try:
        return "auto" if raw.lower() == "auto" else flag(raw)
    except ValueError:
        raise ValueError("write auto, true or false") from None


def positive(raw: str) -> int:
    number = int(raw)
    if number < 1:
        raise ValueError("write a whole number of 1 or more")
    return number


def number(raw: str) -> int:
    value = int(raw)
    if value < 0:
        raise ValueError("write a whole number of 0 or more")
    return value


def temperature(raw: str) -> float:
    value = float(raw)
    if not 0 <= value <= 2:
        raise ValueError("write a number from 0 to 2")
    return value


def share(raw: str) -> float:
    value = float(raw)
    if not 0 <= value <= 1:
        raise ValueError("write a number from 0 to 1")
    return value


def layers(raw: str) -> int:
    value = int(raw)
    if value < -1:
        raise ValueError("write a whole number, or -1 for all")
    return value


def choice(*allowed: str) -> Callable[[str], str]:
    """One of these words."""

    def read(raw: str) -> str:
        if raw not in allowed:
            raise ValueError(f"write {' or '.join(allowed)}")
        return raw

    return read


def pairs(raw: str) -> tuple[tuple[str, str], ...]:
    """`name=value`, comma-separated; values may be percent-encoded (W3C Baggage, as OpenTelemetry has it)."""
    found = []
    for part in names(raw):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ValueError("write name=value, comma-separated")
        found.append((name.strip(), unquote(value.strip())))
    return tuple(found)


def names(raw: str) -> tuple[str, ...]:
    """A comma-separated list; blanks around the names and empty places do not count."""
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def lowered_names(raw: str) -> tuple[str, ...]:
    return names(raw.lower())


def days_by_name(raw: str) -> tuple[tuple[str, int], ...]:
    """A comma-separated list of names, each with a number of days."""
    found = []
    for part in names(raw):
        name, mark, days = part.partition("=")
        if not mark:
            raise ValueError("write name=days, comma-separated")
        found.append((name.strip(), number(days)))
    return tuple(found)


def networks(raw: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """A comma-separated list of addresses and networks (10.0.0.0/8)."""
    return tuple(ip_network(part) for part in names(raw))
