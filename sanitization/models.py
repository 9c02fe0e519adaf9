"""
Policies in the database: what was written is never changed, so what was in force when can always be told.

    Policy ──► active: one PolicyRevision       PolicyActivation: which became active when, by whom
       └── PolicyRevision 1, 2, 3 …             PolicyAssignment: whose policy it is
                                                PolicyGeneration: tells those who keep copies of a change

`sanitization.services` writes what is in force. Authors are ids without a foreign key: this app does not know
who the users are, and evidence outlives them.
"""

from typing import Any, NoReturn
from uuid import uuid4

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"


class AppendOnly(TypeError):
    """Somebody tried to change or delete what is only ever added."""


class EvidenceQuerySet(models.QuerySet[Any]):
    """Adds and reads."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly(f"{self.model.__name__} is never changed")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly(f"{self.model.__name__} is never changed")

    def delete(self) -> NoReturn:
        raise AppendOnly(f"{self.model.__name__} is never deleted")

    def bulk_create(self, objs: Any, *args: Any, update_conflicts: bool = False, **kwargs: Any) -> Any:
        if update_conflicts:
            raise AppendOnly(f"{self.model.__name__} is never changed")
        return super().bulk_create(objs, *args, **kwargs)


class Evidence(models.Model):
    """A row that is only ever added."""

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly(f"{type(self).__name__} is never changed")
        super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly(f"{type(self).__name__} is never deleted")


class Policy(models.Model):
    """A name under which revisions follow each other. Never deleted; an archived one is in force nowhere."""

    slug = models.CharField(
        max_length=63,
        unique=True,
        validators=[RegexValidator(SLUG, "1 to 63 of a-z, 0-9 and -, not beginning with -.")],
    )
    title = models.CharField(max_length=200, blank=True)
    active = models.ForeignKey(
        "PolicyRevision", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["slug"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.slug


class PolicyRevision(Evidence):
    """What a policy says, for good. `revision` is the hash of its content, as in journal and cache keys."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    document = models.JSONField()
    revision = models.CharField(max_length=16)
    note = models.CharField(max_length=500, blank=True)
    author_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["policy", "-number"]
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="revisions_number_unique")]
        permissions = [("activate_policy", "Can put policies into force, archive and assign them")]

    def __str__(self) -> str:
        return f"revision {self.number}"


class PolicyActivation(Evidence):
    """A revision became the active one of its policy."""

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="activations")
    revision = models.ForeignKey(PolicyRevision, on_delete=models.PROTECT, related_name="activations")
    actor_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"activation {self.pk}"


class PolicyAssignment(models.Model):
    """The policy of an API key or of everybody with a role; without one, `default` it is."""

    class Kind(models.TextChoices):
        KEY = "key", "API key"
        ROLE = "role", "role"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    subject = models.CharField(max_length=150, help_text="The id of a key, or the name of a role.")
    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="assignments")
    rank = models.PositiveSmallIntegerField(
        default=100, help_text="Where somebody has several roles, the lowest rank counts."
    )

    class Meta:
        ordering = ["kind", "rank", "subject"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="assignments_subject_unique"),
            models.CheckConstraint(
                condition=models.Q(kind__in=["key", "role"]), name="assignments_kind_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class PolicyGeneration(models.Model):
    """One row, with another token after every change to what is in force."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    token = models.UUIDField(default=uuid4)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="generation_is_one_row")]

    def __str__(self) -> str:
        return str(self.token)
