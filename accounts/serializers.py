"""The shapes of accounts on the wire. The names come from the service that this one succeeds."""

import unicodedata
from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from rest_framework import serializers

from accounts.access import Scope
from accounts.keys import LONGEST_OVERLAP
from accounts.limits.serializers import KeyLimitsSerializer
from accounts.models import ApiKey, Session, User
from accounts.registration import owner_of_reset
from accounts.strict import StrictBooleanField, StrictCharField, StrictIntegerField, StrictSerializer
from accounts.validators import LONGEST, SHORTEST

# A code of the authenticator has six; one for recovery eleven, and people add blanks.
CODE_CHARS = 20
RULE = "At least 8 characters with a lower-case and an upper-case letter, a digit and a symbol."


class StrictEmailField(StrictCharField, serializers.EmailField):
    """A JSON string that is an e-mail address."""


def one_line(value: str) -> None:
    """A name is one line without control characters. Joiners, which many scripts need, are none."""
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in value):
        raise serializers.ValidationError("Control characters are not allowed.")


def check_password_rule(field: str, password: str, user: User) -> None:
    """Raises DRF's ValidationError for this field."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise serializers.ValidationError({field: error.messages}) from None


class RegisterSerializer(StrictSerializer):
    """What `POST /user/register` takes."""

    email = StrictEmailField(max_length=254)
    firstName = StrictCharField(source="first_name", max_length=150, validators=[one_line])
    lastName = StrictCharField(source="last_name", max_length=150, validators=[one_line])
    password = StrictCharField(
        min_length=SHORTEST,
        max_length=LONGEST,
        trim_whitespace=False,
        write_only=True,
        help_text=RULE,
    )
    invitation = StrictCharField(max_length=100, required=False, allow_blank=True, write_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        likeness = User(**{name: attrs[name] for name in ("email", "first_name", "last_name")})
        check_password_rule("password", attrs["password"], likeness)
        return attrs


class LoginSerializer(StrictSerializer):
    """What `POST /auth/login` takes. Nothing here tells which of the two was wrong."""

    email = StrictCharField(max_length=254, trim_whitespace=False)
    password = StrictCharField(max_length=LONGEST, trim_whitespace=False)
    code = StrictCharField(
        max_length=CODE_CHARS,
        required=False,
        allow_blank=True,
        help_text="Of the authenticator, or a recovery code, where that is on.",
    )


class PasswordSerializer(StrictSerializer):
    """What `POST /auth/password` takes. The context's `user` is whose it is."""

    current = StrictCharField(max_length=LONGEST, trim_whitespace=False, write_only=True)
    new = StrictCharField(
        min_length=SHORTEST,
        max_length=LONGEST,
        trim_whitespace=False,
        write_only=True,
        help_text=RULE,
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_password_rule("new", attrs["new"], self.context["user"])
        return attrs


class RefreshSerializer(StrictSerializer):
    """What `POST /auth/refresh` and `POST /auth/logout` take."""

    refresh_token = StrictCharField(max_length=4096, trim_whitespace=False)


class UserSerializer(serializers.Serializer[Any]):
    """A user, for himself."""

    id = serializers.UUIDField()
    email = serializers.CharField()
    firstName = serializers.CharField(source="first_name")
    lastName = serializers.CharField(source="last_name")


class RegisteredSerializer(UserSerializer):
    """A new user, and the sentence that the older service answered."""

    message = serializers.SerializerMethodField()

    def get_message(self, user: User) -> str:
        waits = " and waits for an administrator" if user.awaits_approval else ""
        return f"User {user.email} has been created{waits}"


class PairSerializer(serializers.Serializer[Any]):
    """Tokens. `expires_in` is in seconds and the access token's."""

    access_token = serializers.CharField(source="access")
    refresh_token = serializers.CharField(source="refresh")
    token_type = serializers.CharField(default="Bearer", read_only=True)
    expires_in = serializers.IntegerField(source="expires_in_seconds")
    userId = serializers.UUIDField(source="user_id")


class SessionSerializer(serializers.Serializer[Any]):
    """A log-in that stands. `current` is the one that asks."""

    id = serializers.UUIDField()
    device = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    lastUsedAt = serializers.DateTimeField(source="last_used_at")
    expiresAt = serializers.DateTimeField(source="expires_at")
    current = serializers.SerializerMethodField()

    def get_current(self, session: Session) -> bool:
        return session.pk == self.context.get("session_id")


class NewKeySerializer(StrictSerializer):
    """What `POST /api/keys` takes."""

    name = StrictCharField(max_length=100, validators=[one_line])
    scopes = serializers.ListField(
        child=serializers.ChoiceField([scope.value for scope in Scope]), min_length=1, max_length=len(Scope)
    )
    models = serializers.ListField(
        source="model_names",
        child=StrictCharField(max_length=200),
        required=False,
        max_length=100,
        help_text="The models that it may ask; none means all.",
    )
    expiresAt = serializers.DateTimeField(source="expires_at", required=False, allow_null=True)
    limits = KeyLimitsSerializer(source="quota", required=False)

    def validate_expiresAt(  # noqa: N802  (DRF finds it by the field's name)
        self, when: datetime | None
    ) -> datetime | None:
        if when is not None and when <= timezone.now():
            raise serializers.ValidationError("That is past.")
        return when


class KeyChangeSerializer(StrictSerializer):
    """What `PATCH /api/keys/{id}` takes."""

    limits = KeyLimitsSerializer(source="quota", required=False)


class RotateSerializer(StrictSerializer):
    """What `POST /api/keys/{id}/rotate` takes."""

    overlapSeconds = StrictIntegerField(
        source="overlap_seconds",
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()),
        required=False,
        default=24 * 3600,
        help_text="How long the older secret is still good.",
    )


class SecretSerializer(serializers.Serializer[Any]):
    """A secret, by what is visible of it."""

    prefix = serializers.CharField()
    createdAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)


class KeySerializer(serializers.Serializer[Any]):
    """An API key, without its secret."""

    id = serializers.UUIDField()
    userId = serializers.UUIDField(source="user_id")
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    models = serializers.ListField(source="model_names", child=serializers.CharField())
    createdAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)
    lastUsedAt = serializers.DateTimeField(source="last_used_at", allow_null=True)
    limits = KeyLimitsSerializer(source="quota")
    secrets = SecretSerializer(many=True, source="secrets.all")


class MadeKeySerializer(KeySerializer):
    """An API key with its secret: the only time that it is shown."""

    secret = serializers.SerializerMethodField()

    def get_secret(self, key: ApiKey) -> str:
        return str(self.context["secret"])


class AccountSerializer(UserSerializer):
    """A user, for administrators."""

    roles = serializers.SerializerMethodField()
    isActive = serializers.BooleanField(source="is_active")
    isSuperuser = serializers.BooleanField(source="is_superuser")
    dateJoined = serializers.DateTimeField(source="date_joined")
    lastLogin = serializers.DateTimeField(source="last_login", allow_null=True)

    def get_roles(self, user: User) -> list[str]:
        return sorted(group.name for group in user.groups.all())


class AccountChangeSerializer(StrictSerializer):
    """What `PATCH /api/users/{id}` takes."""

    roles = serializers.ListField(child=StrictCharField(max_length=150), required=False, max_length=50)
    isActive = StrictBooleanField(source="is_active", required=False)


class RoleSerializer(serializers.Serializer[Any]):
    """A role and the permissions that it gives."""

    name = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())


class MessageSerializer(serializers.Serializer[Any]):
    """A sentence."""

    message = serializers.CharField()


class EmailSerializer(StrictSerializer):
    """What `POST /auth/password-reset` takes."""

    email = StrictCharField(max_length=254)


class TokenSerializer(StrictSerializer):
    """What `POST /auth/confirm` takes."""

    token = StrictCharField(max_length=200)


class ResetSerializer(TokenSerializer):
    """What `POST /auth/password-reset/confirm` takes. Raises LinkWrong before it says anything about a
    password."""

    password = StrictCharField(
        min_length=SHORTEST, max_length=LONGEST, trim_whitespace=False, write_only=True, help_text=RULE
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_password_rule("password", attrs["password"], owner_of_reset(attrs["token"]))
        return attrs


class CodeSerializer(StrictSerializer):
    """A code of the authenticator."""

    code = StrictCharField(max_length=10)


class WithPasswordSerializer(StrictSerializer):
    """Whoever holds the token also knows the password."""

    password = StrictCharField(max_length=LONGEST, trim_whitespace=False, write_only=True)


class WithCodeSerializer(WithPasswordSerializer):
    """Password and code, of the authenticator or for recovery."""

    code = StrictCharField(max_length=CODE_CHARS)


class RecoveryCodesSerializer(serializers.Serializer[Any]):
    """Each is good once instead of a code of the authenticator: the only time that they are shown."""

    recoveryCodes = serializers.ListField(child=serializers.CharField())


class SecondFactorSerializer(serializers.Serializer[Any]):
    """Whether log-ins need a code, and how many recovery codes are still good."""

    on = serializers.BooleanField()
    recoveryCodesLeft = serializers.IntegerField()


class TotpSerializer(serializers.Serializer[Any]):
    """For the authenticator: the secret to type, or the address that a QR code holds."""

    secret = serializers.CharField()
    uri = serializers.CharField()


class EraseSerializer(StrictSerializer):
    """What `POST /api/users/{id}/erase` takes."""

    dryRun = StrictBooleanField(source="dry_run", default=False)


class ErasureSerializer(WithPasswordSerializer, EraseSerializer):
    """What `POST /auth/erase` takes."""


class ErasedSerializer(serializers.Serializer[Any]):
    """How many rows of what were touched, or would be."""

    counts = serializers.DictField(child=serializers.IntegerField())
    dryRun = serializers.BooleanField()


class InviteSerializer(StrictSerializer):
    """What `POST /api/invitations` takes."""

    email = StrictEmailField(max_length=254, required=False, allow_blank=True)
    roles = serializers.ListField(child=StrictCharField(max_length=150), required=False, max_length=20)
    days = StrictIntegerField(min_value=1, max_value=90, default=7)


class InvitationSerializer(serializers.Serializer[Any]):
    """An invitation, without its code."""

    id = serializers.UUIDField()
    email = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    createdAt = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at")
    usedAt = serializers.DateTimeField(source="used_at", allow_null=True)


class MadeInvitationSerializer(InvitationSerializer):
    """An invitation with its code: the only time that it is shown."""

    code = serializers.SerializerMethodField()

    def get_code(self, invitation: Any) -> str:
        return str(self.context["code"])
