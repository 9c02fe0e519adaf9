"""
The audit trail: who did what to whom, when, from where. Rows are added and never changed, and a change shows.

    event 1 ◄── event 2 ◄── event 3 ◄── head        each digest covers the event and the digest before it

A digest is an HMAC under a key derived from SECRET_KEY: somebody who has the database alone can neither
change nor insert nor remove an event without `verify_audit` noticing. He can put an older state of the whole
trail back; note the head that the command prints somewhere else, and give it to `--expect`.

An address is personal data and may have to be erased, which a chain forbids. So the chain covers an HMAC of
the address, and the address itself stands beside it, where it can be emptied.

Only ids go in: never an e-mail, a name, a token. `accounts.actions` lists what is recorded.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import origin
from accounts.models import AuditEvent, AuditHead

BEGINNING = "0" * 64
BATCH = 1_000


def record(
    action: str, *, subject_id: UUID | None = None, actor_id: UUID | None = None, **details: Any
) -> None:
    """Adds an event, in the caller's transaction if there is one. `actor_id` is who is logged in, where it is
    not given."""
    here = origin.current()
    with transaction.atomic():
        head = AuditHead.objects.select_for_update().filter(id=1).first()
        if head is None:
            AuditHead.objects.get_or_create(id=1, defaults={"digest": BEGINNING})
            head = AuditHead.objects.select_for_update().get(id=1)
        event = AuditEvent(
            number=head.number + 1,
            at=timezone.now(),
            action=action,
            actor_id=actor_id or here.actor_id(),
            subject_id=subject_id,
            details=details,
            address=here.address,
            request_id=here.request_id,
        )
        event.address_digest = address_digest(event.number, event.address)
        event.digest = head.digest = chained(head.digest, event)
        head.number = event.number
        event.save(force_insert=True)
        head.save()


def chained(before: str, event: AuditEvent) -> str:
    """The digest of an event that follows on `before`."""
    said = [
        before,
        event.number,
        _instant(event.at),
        event.action,
        str(event.actor_id or ""),
        str(event.subject_id or ""),
        event.details,
        event.request_id,
        event.address_digest,
    ]
    return _mac(json.dumps(said, sort_keys=True, separators=(",", ":")))


def address_digest(number: int, address: str) -> str:
    """Stands for the address in the chain; the number keeps equal addresses from looking equal."""
    return _mac(f"address {number} {address}")


def erase_addresses(user_id: UUID) -> int:
    """Empties the addresses in what a user did and what failed in his name. The chain holds."""
    own = AuditEvent.objects.filter(actor_id=user_id) | AuditEvent.objects.filter(subject_id=user_id)
    return own.exclude(address="").update(address="")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look through the whole trail found. `wrong` are sentences."""

    events: int
    head: str
    wrong: tuple[str, ...]


def verify() -> Verified:
    """Looks through the whole trail."""
    wrong: list[str] = []
    number, digest = 0, BEGINNING
    for event in _events():
        if event.number != number + 1:
            wrong.append(f"Between {number} and {event.number} events are missing.")
        if event.digest != chained(digest, event):
            wrong.append(f"Event {event.number} was changed, or what stood before it.")
        elif event.address and event.address_digest != address_digest(event.number, event.address):
            wrong.append(f"The address of event {event.number} was changed.")
        number, digest = event.number, event.digest
    head = AuditHead.objects.filter(id=1).first()
    if (head.number, head.digest) != (number, digest) if head else number:
        wrong.append("The newest events are missing.")
    return Verified(number, f"{number}:{digest}", tuple(wrong))


def holds(expected: str) -> bool:
    """Whether the trail has, or had, this head: what `verify_audit` printed at another time."""
    number, _, digest = expected.partition(":")
    if number == "0":
        return digest == BEGINNING
    return number.isdigit() and AuditEvent.objects.filter(number=int(number), digest=digest).exists()


def _events() -> Iterator[AuditEvent]:
    last = 0
    while batch := list(AuditEvent.objects.filter(number__gt=last).order_by("number")[:BATCH]):
        yield from batch
        last = batch[-1].number


def _instant(at: datetime) -> str:
    return at.astimezone(timezone.get_fixed_timezone(0)).isoformat(timespec="microseconds")


def _mac(text: str) -> str:
    key = hashlib.sha256(b"accounts.audit:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
