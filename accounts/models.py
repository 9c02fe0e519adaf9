"""
Who may come in, and by what.

    User ─┬─ Session      one log-in: a device, a refresh token that is spent with each use
          └─ ApiKey ── ApiKeySecret      a program; two secrets while one replaces the other

    AccessHead, AccessChange     what has changed, by number (`accounts.changes`)
    Limit, Usage                 what a role, a user or a key may use, and what was used (`accounts.limits`)

No row holds anything that opens a door: of secrets there are keyed hashes, of tokens their ids.
"""

from typing import Any
from uuid import uuid4

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, Group, PermissionsMixin
from django.core.validators import MaxValueValidator
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.limits.quotas import NAMES, Quota
from accounts.roles import USER

MOST_OF_A_LIMIT = 10**12


class UserManager(BaseUserManager["User"]):
    """Makes users. E-mails are kept in lower case, so that Ann@ and ann@ are one account."""

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Saves a user with the role `user`; None as password makes one that cannot log in by password."""
        if not (normal := self.normalize_email(email)):
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=normal, **fields)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            user.groups.add(Group.objects.get_or_create(name=USER)[0])
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True} | fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=self.normalize_email(username))


class User(AbstractBaseUser, PermissionsMixin):
    """Someone who may come in."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    email = models.EmailField("e-mail", max_length=254)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True, help_text="Unset this instead of deleting an account.")
    is_staff = models.BooleanField(default=False, help_text="May log in to the admin.")
    awaits_email = models.BooleanField("awaits confirmation", default=False, editable=False)
    awaits_approval = models.BooleanField(default=False, editable=False)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    objects = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="users_email_unique_ci"),
            models.UniqueConstraint(fields=["email"], name="users_email_unique"),  # what log-in looks up
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = UserManager.normalize_email(self.email)

    @property
    def quota(self) -> Quota:
        """His own limits, not those of his roles. No query where `limit` was selected with him."""
        limit: Limit | None = getattr(self, "limit", None)
        return Quota() if limit is None else limit.quota

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Session(models.Model):
    """One log-in and everything that came of it. Access tokens name it; ending it ends them."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    device = models.CharField(max_length=200, blank=True, help_text="What it called itself (User-Agent).")
    address = models.GenericIPAddressField(null=True)
    refresh_id = models.UUIDField(
        help_text="The refresh token that is good now. An older one ends the session."
    )
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "-created_at"], name="sessions_by_user")]

    def __str__(self) -> str:
        return str(self.id)


class ApiKey(models.Model):
    """What a program may do in its owner's name. Its secrets come and go; policies are assigned to its id."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    scopes = models.JSONField(help_text="What it may be used for: prompt, models, read.")
    model_names = models.JSONField(
        default=list, blank=True, help_text="The models it may ask; none means all."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        indexes = [models.Index(fields=["user", "-created_at"], name="api_keys_by_user")]

    def __str__(self) -> str:
        return self.name

    @property
    def quota(self) -> Quota:
        """Its own limits. No query where `limit` was selected with it."""
        limit: Limit | None = getattr(self, "limit", None)
        return Quota() if limit is None else limit.quota


class ApiKeySecret(models.Model):
    """What a program sends, as a keyed hash. While one secret replaces another, a key has two."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="secrets")
    prefix = models.CharField(max_length=16, help_text="The beginning, to tell secrets apart by.")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.prefix}…"


class AccessHead(models.Model):
    """One row: the number of the newest change. Its lock puts changes in order."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="access_head_is_one_row")]

    def __str__(self) -> str:
        return str(self.number)


class AccessChange(models.Model):
    """A session, a key or a user is no longer what it was."""

    number = models.PositiveBigIntegerField(primary_key=True)
    subject = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.number}: {self.subject}"


class Invitation(models.Model):
    """Lets one person register. Its code is kept as a keyed hash."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    email = models.EmailField(
        "for", max_length=254, blank=True, help_text="Empty: for anybody with the code."
    )
    roles = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    used_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return str(self.id)


class Attempt(models.Model):
    """What was tried at an account or from an address. Nobody can read from it whose."""

    subject = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    free_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.subject[:12]


class TotpDevice(models.Model):
    """A second factor. It counts once it is confirmed."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="totp_device")
    sealed = models.CharField(max_length=255)
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.pk)


class RecoveryCode(models.Model):
    """Good once, instead of a code of the second factor. Kept as a keyed hash."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "digest"], name="recovery_codes_unique")]

    def __str__(self) -> str:
        return str(self.pk)


class AuditHead(models.Model):
    """One row: the newest event. Its lock puts events in order."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="audit_head_is_one_row")]

    def __str__(self) -> str:
        return str(self.number)


class AuditEvent(models.Model):
    """Something that was done. Users are ids without a foreign key: the trail outlives them."""

    number = models.PositiveBigIntegerField(primary_key=True)
    at = models.DateTimeField()
    action = models.CharField(max_length=64)
    actor_id = models.UUIDField(null=True)
    subject_id = models.UUIDField(null=True)
    details = models.JSONField(default=dict)
    address = models.CharField(max_length=45, blank=True)
    address_digest = models.CharField(max_length=64)
    request_id = models.CharField(max_length=36, blank=True)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["actor_id", "-number"], name="audit_by_actor"),
            models.Index(fields=["subject_id", "-number"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action}"


def _limit(help_text: str) -> Any:
    """Empty says nothing, 0 is no limit."""
    most = MaxValueValidator(MOST_OF_A_LIMIT)
    return models.PositiveBigIntegerField(null=True, blank=True, validators=[most], help_text=help_text)


class Limit(models.Model):
    """What one role, one user or one key may use. A user's own decides before his roles', those before the
    settings; a key's counts besides."""

    role = models.OneToOneField(
        Group, models.CASCADE, null=True, blank=True, related_name="limit", help_text="Everybody who has it."
    )
    user = models.OneToOneField(User, models.CASCADE, null=True, blank=True, related_name="limit")
    key = models.OneToOneField(
        ApiKey, models.CASCADE, null=True, blank=True, related_name="limit", verbose_name="API key"
    )
    requests_per_minute = _limit("Empty: what stands behind it decides. 0: no limit.")
    tokens_per_minute = _limit("Of prompts and answers together.")
    streams = _limit("Answers in progress at once, streamed or not.")
    monthly_tokens = _limit("In a calendar month, UTC.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(
                    models.Q(role__isnull=False, user=None, key=None)
                    | models.Q(role=None, user__isnull=False, key=None)
                    | models.Q(role=None, user=None, key__isnull=False)
                ),
                name="limit_is_of_one",
                violation_error_message="Choose a role, a user or a key: exactly one of them.",
            )
        ]

    def __str__(self) -> str:
        return str(self.role or self.user or self.key)

    @property
    def quota(self) -> Quota:
        return Quota(*(getattr(self, name) for name in NAMES))


class Usage(models.Model):
    """What a user, or a key, used in a month. `subject` is an id without a foreign key: a prompt that ends
    after its user was erased must still get its row."""

    subject = models.UUIDField()
    month = models.DateField(help_text="Its first day.")
    requests = models.PositiveBigIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "month"], name="usage_by_month")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.subject}"
