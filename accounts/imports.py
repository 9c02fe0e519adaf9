"""
Users of the NestJS service: read from its export, checked, taken over with their bcrypt hashes.

A file is a JSON array, JSON lines, or CSV with a header. Fields: `email`, `firstName` and `lastName` (or
`first_name`, `last_name`), and the hash as `password`, `passwordHash` or `password_hash`.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.models import User, UserManager
from accounts.roles import USER

BATCH = 500
# The Modular Crypt Format of bcrypt: variant, cost, 22 characters of salt and 31 of hash.
BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}\Z")


class UnreadableFile(Exception):
    """The file as a whole cannot be read; the sentence says why."""


@dataclass
class Report:
    """What an import did. `wrong` are record numbers, from 1, with a reason that quotes nothing."""

    imported: int = 0
    existing: int = 0
    wrong: list[tuple[int, str]] = field(default_factory=list)


def read(path: Path) -> Iterator[Any]:
    """The records of a file, whichever of the three formats it has."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableFile("The file is not UTF-8.") from None
    first = text.lstrip()[:1]
    try:
        if first == "[":
            yield from json.loads(text)
        elif first == "{":
            yield from (json.loads(line) for line in text.splitlines() if line.strip())
        else:
            yield from csv.DictReader(text.splitlines())
    except (ValueError, csv.Error):
        raise UnreadableFile("The file is neither a JSON array, JSON lines nor CSV.") from None


def take(records: Iterable[Any], *, dry_run: bool) -> Report:
    """Imports what is right and new. Existing accounts are never changed."""
    report = Report()
    batch: dict[str, User] = {}
    for number, record in enumerate(records, 1):
        try:
            user = _user(record)
        except ValueError as error:
            report.wrong.append((number, str(error)))
            continue
        if user.email in batch:
            report.wrong.append((number, "the e-mail stands in the file twice"))
            continue
        batch[user.email] = user
        if len(batch) == BATCH:
            _save(batch, report, dry_run=dry_run)
            batch = {}
    _save(batch, report, dry_run=dry_run)
    return report


def _save(batch: Mapping[str, User], report: Report, *, dry_run: bool) -> None:
    known = set(User.objects.filter(email__in=batch).values_list("email", flat=True))
    fresh = [user for email, user in batch.items() if email not in known]
    if not dry_run:
        User.objects.bulk_create(fresh, ignore_conflicts=True)
        group, _ = Group.objects.get_or_create(name=USER)
        ids = User.objects.filter(email__in=[user.email for user in fresh]).values_list("id", flat=True)
        User.groups.through.objects.bulk_create(
            [User.groups.through(user_id=id, group_id=group.pk) for id in ids], ignore_conflicts=True
        )
    report.existing += len(known)
    report.imported += len(fresh)


def _user(record: Any) -> User:
    if not isinstance(record, Mapping):
        raise ValueError("not a record")
    email = UserManager.normalize_email(_text(record, "email", most=254))
    try:
        validate_email(email)
    except ValidationError:
        raise ValueError("the e-mail is not valid") from None
    hashed = _text(record, "password", "passwordHash", "password_hash", most=60)
    if not BCRYPT.match(hashed):
        raise ValueError("the password is no bcrypt hash")
    return User(
        email=email,
        first_name=_text(record, "firstName", "first_name", most=150),
        last_name=_text(record, "lastName", "last_name", most=150),
        password=f"bcrypt${hashed}",
    )


def _text(record: Mapping[str, Any], *names: str, most: int) -> str:
    value = next((record[name] for name in names if record.get(name) is not None), "")
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise ValueError(f"{names[0]} is not a text of at most {most} characters")
    return value.strip()
