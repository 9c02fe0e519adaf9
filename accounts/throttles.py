"""
Guessing is made slow: per account and per address, with delays that grow.

    attempt ──► in its pause? TooManyAttempts ──► else counted as a failure, before the password is looked at
    success ──► forgotten

An attempt counts before it is decided, so a thousand at once get no more guesses than one after the other. A
subject is stored as a keyed hash; one that nobody knows is counted like one that somebody owns. After the
free attempts (`Pace.free`) each next one is followed by a pause of 1 s, 2 s, 4 s … up to `LONGEST_SECONDS`;
after `FORGET_HOURS` without an attempt it begins anew.

The owner of an account that is being guessed at is not locked out: from an address where he has had a session
in the last 90 days, the account's pause does not count, only the address's own.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import origin
from accounts.errors import TooManyAttempts
from accounts.models import Attempt, Session, UserManager

FORGET_HOURS = 24
KNOWN_DAYS = 90


@dataclass(frozen=True, slots=True)
class Pace:
    """How many attempts are free, and how long the pauses grow."""

    free: int
    longest_seconds: int


ACCOUNT = Pace(free=5, longest_seconds=900)
ADDRESS = Pace(free=30, longest_seconds=300)
REGISTRATION = Pace(free=100, longest_seconds=300)


def guess_at(email: str) -> None:
    """Somebody is about to try a password, a code or a token for this e-mail. Raises TooManyAttempts.

    From an address that the owner is known by, his account's pause does not count.
    """
    with transaction.atomic():
        guess_from_here()
        if not _is_known_here(email):
            _attempt(_account(email), ACCOUNT)


def guess_from_here() -> None:
    """Somebody is about to try something that can be guessed. Raises TooManyAttempts."""
    if network := _network(origin.current().address):
        _attempt(f"address:{network}", ADDRESS)


def register_from_here() -> None:
    """Somebody asks for an account or for an e-mail, which costs us work. Raises TooManyAttempts."""
    if network := _network(origin.current().address):
        _attempt(f"registration:{network}", REGISTRATION)


def succeed(email: str) -> None:
    """The guess was right: the account begins anew. The address only gets this attempt back: otherwise a
    log-in to an account of one's own would buy thirty guesses at others."""
    with transaction.atomic():
        Attempt.objects.filter(subject=_hashed(_account(email))).delete()
        _give_back(f"address:{_network(origin.current().address)}")


def take_back(email: str) -> None:
    """It came to no guess: only the second factor is missing."""
    _give_back(_account(email))
    _give_back(f"address:{_network(origin.current().address)}")


def unlock(email: str) -> bool:
    """Forgets what was tried at an account. Whether anything was."""
    return bool(Attempt.objects.filter(subject=_hashed(_account(email))).delete()[0])


def of_account(email: str) -> str:
    """Under what attempts at an account are counted."""
    return _hashed(_account(email))


def _attempt(subject: str, pace: Pace) -> None:
    now = timezone.now()
    with transaction.atomic():
        row, _ = Attempt.objects.select_for_update().get_or_create(
            subject=_hashed(subject), defaults={"last_at": now, "free_at": now}
        )
        if now < row.free_at:
            raise TooManyAttempts(int((row.free_at - now).total_seconds()) + 1)
        if now - row.last_at > timedelta(hours=FORGET_HOURS):
            row.count = 0
        row.count += 1
        over = row.count - pace.free
        # Beyond 2 to the 20th the pause is at its longest anyway.
        pause = min(pace.longest_seconds, 2 ** min(over - 1, 20)) if over > 0 else 0
        row.last_at, row.free_at = now, now + timedelta(seconds=pause)
        row.save()


def give_back_here() -> None:
    """It was no guess: the address gets the attempt back."""
    _give_back(f"address:{_network(origin.current().address)}")


def _give_back(subject: str) -> None:
    row = Attempt.objects.filter(subject=_hashed(subject), count__gt=0)
    row.update(count=F("count") - 1, free_at=timezone.now())


def _is_known_here(email: str) -> bool:
    address = origin.current().address
    if not address:
        return False
    since = timezone.now() - timedelta(days=KNOWN_DAYS)
    known = Session.objects.filter(user__email=UserManager.normalize_email(email), address=address)
    return known.filter(last_used_at__gt=since).exists()


def _account(email: str) -> str:
    return f"account:{UserManager.normalize_email(email)}"


def _network(address: str) -> str:
    """What one caller can be expected to own: an IPv4 address, or a /64 of IPv6."""
    if not address:
        return ""
    bits = 32 if ip_address(address).version == 4 else 64
    return str(ip_network(f"{address}/{bits}", strict=False))


def _hashed(subject: str) -> str:
    key = hashlib.sha256(b"accounts.throttles:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, subject.encode(), hashlib.sha256).hexdigest()
