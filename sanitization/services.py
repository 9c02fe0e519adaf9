"""
Everything that changes policies. Raises `sanitization.errors`; knows no HTTP.

Each change to what is in force gives the generation another token in the same transaction. Every process sees
that within half a second, this one at once (`sanitization.store`).
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.db.models.functions import Now

from sanitization import policies
from sanitization.composition import chain
from sanitization.documents import read
from sanitization.errors import PolicyConflict
from sanitization.models import (
    Policy,
    PolicyActivation,
    PolicyAssignment,
    PolicyGeneration,
    PolicyRevision,
)
from sanitization.store import store

# Who is told what has changed, in the same transaction; the composition adds the audit trail.
listeners: list[Callable[..., None]] = []


def create_policy(*, slug: str, title: str = "") -> Policy:
    """A policy without revisions, in force nowhere. The slug has been validated. Raises PolicyConflict."""
    try:
        with transaction.atomic():
            return Policy.objects.create(slug=slug, title=title)
    except IntegrityError:
        raise PolicyConflict(f"There is a policy {slug} already.") from None


def add_revision(
    policy: Policy, *, document: object, note: str = "", author_id: UUID | None = None
) -> PolicyRevision:
    """The next revision, which is not in force yet. Raises PolicyInvalid."""
    content = validated(document, slug=policy.slug)
    with transaction.atomic():
        Policy.objects.select_for_update().get(pk=policy.pk)  # numbers are given one at a time
        last = PolicyRevision.objects.filter(policy=policy).aggregate(last=Max("number"))["last"] or 0
        return PolicyRevision.objects.create(
            policy=policy,
            number=last + 1,
            document=content.as_document(),
            revision=content.revision,
            note=note,
            author_id=author_id,
        )


def activate(revision: PolicyRevision, *, actor_id: UUID | None = None) -> Policy:
    """Puts a revision into force. One that is already stays so, and nothing is logged.

    Raises PolicyInvalid if it cannot be used by the rules that there are now, PolicyConflict if the policy
    is archived.
    """
    validated(revision.document, slug=revision.policy.slug)
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=revision.policy_id)
        if policy.archived_at is not None:
            raise PolicyConflict("This policy is archived.")
        if policy.active_id == revision.pk:
            return policy
        policy.active = revision
        policy.save(update_fields=["active"])
        PolicyActivation.objects.create(policy=policy, revision=revision, actor_id=actor_id)
        _changed("policy.activated", policy=policy.slug, revision=revision.number)
    return policy


def rename(policy: Policy, *, title: str) -> Policy:
    """Gives it another title."""
    policy.title = title
    policy.save(update_fields=["title"])
    return policy


def archive(policy: Policy, *, archived: bool) -> Policy:
    """Takes a policy out of force, or back. Raises PolicyConflict while it is assigned to somebody."""
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        if archived and policy.assignments.exists():
            raise PolicyConflict("This policy is assigned to keys or roles. Give them another one first.")
        if archived is (policy.archived_at is None):
            Policy.objects.filter(pk=policy.pk).update(archived_at=Now() if archived else None)
            policy.refresh_from_db()
            _changed("policy.archived" if archived else "policy.taken-back", policy=policy.slug)
    return policy


def assign(*, kind: str, subject: str, policy: Policy, rank: int = 100) -> PolicyAssignment:
    """Makes it the policy of a key or a role, instead of the one before.

    Raises PolicyConflict if it has no revision in force.
    """
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        if policy.archived_at is not None or policy.active_id is None:
            raise PolicyConflict("Only a policy in force can be assigned: activate one of its revisions.")
        made, _ = PolicyAssignment.objects.update_or_create(
            kind=kind, subject=subject, defaults={"policy": policy, "rank": rank}
        )
        _changed("policy.assigned", policy=policy.slug, kind=kind, subject=subject)
    return made


def unassign(assignment: PolicyAssignment) -> None:
    """Leaves the key or role to what else there is for it."""
    with transaction.atomic():
        assignment.delete()
        _changed("policy.unassigned", kind=assignment.kind, subject=assignment.subject)


def validated(document: Any, *, slug: str) -> policies.Policy:
    """The policy that a document describes, by the rules that there are now. Raises PolicyInvalid."""
    return read(document, slug=slug, known=chain().rules)


def _changed(action: str, **details: object) -> None:
    for listener in listeners:
        listener(action, **details)
    PolicyGeneration.objects.update_or_create(id=1, defaults={"token": uuid4()})
    transaction.on_commit(store.expire)
