"""Values that must never be written, of many kinds, each another one, in the sentence that betrays it."""

import random
import string
from dataclasses import dataclass

from benchmarks.sanitizing.texts import luhn_complete

_chance = random.SystemRandom()
LETTERS, DIGITS = string.ascii_lowercase, string.digits
MIXED = string.ascii_letters + DIGITS


@dataclass(frozen=True)
class Value:
    kind: str
    raw: str
    sentence: str


def some(alphabet, count):
    return "".join(_chance.choices(alphabet, k=count))


def iban():
    """A German one, with its check digits (ISO 13616)."""
    account = some(DIGITS, 18)
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def phone():
    return f"+49 30 {_chance.randrange(2, 9)}{some(DIGITS, 7)}"


def ssn():
    return f"{_chance.randrange(100, 665)}-{_chance.randrange(10, 99)}-{_chance.randrange(1000, 9999)}"


# Each with how it is written.
KINDS = {
    "email": (
        lambda: f"{some(LETTERS, 6)}.{some(LETTERS, 6)}@{some(LETTERS, 7)}.example.org",
        "Write to {}.",
    ),
    "card": (lambda: luhn_complete("4" + some(DIGITS, 14)), "The card is {}."),
    "iban": (iban, "Pay to {} please."),
    "ssn": (ssn, "Her social security number is {}."),
    "phone": (phone, "Call me at {} tonight."),
    "github": (lambda: "ghp_" + some(MIXED, 36), "The token is {}."),
    "aws": (lambda: "AKIA" + some("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), "aws_access_key_id = {}"),
    "stripe": (lambda: "sk_live_" + some(MIXED, 24), "STRIPE_KEY={}"),
    "slack": (lambda: f"xoxb-{some(DIGITS, 12)}-{some(DIGITS, 12)}-{some(MIXED, 24)}", "Slack: {}"),
    "password": (lambda: f"{some(LETTERS, 5)}{some(DIGITS, 4)}{some('XYZQ', 3)}", "password: {}"),
}


def fresh(kind):
    make, sentence = KINDS[kind]
    raw = make()
    return Value(kind, raw, sentence.format(raw))


class Bag:
    """Gives out texts, and remembers the raw values in them."""

    def __init__(self):
        self.values = []

    def text(self):
        """One value of each kind."""
        given = [fresh(kind) for kind in KINDS]
        self.values += given
        return " ".join(value.sentence for value in given)

    def one(self, kind="email"):
        """A raw value by itself."""
        value = fresh(kind)
        self.values.append(value)
        return value.raw

    @property
    def raw(self):
        return [value.raw for value in self.values]
