"""The shapes of accounts on the wire. The names come from the service that this one succeeds."""

import unicodedata
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from rest_framework import serializers

from accounts.models import User
from accounts.strict import StrictCharField, StrictSerializer
from accounts.validators import LONGEST, SHORTEST


class StrictEmailField(StrictCharField, serializers.EmailField):
    """A JSON string that is an e-mail address."""


def one_line(value: str) -> None:
    """A name is one line without control characters. Joiners, which many scripts need, are none."""
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in value):
        raise serializers.ValidationError("Control characters are not allowed.")


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
        help_text="At least 8 characters with a lower-case and an upper-case letter, a digit and a symbol.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        likeness = User(**{name: attrs[name] for name in ("email", "first_name", "last_name")})
        try:
            validate_password(attrs["password"], likeness)
        except ValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from None
        return attrs


class LoginSerializer(StrictSerializer):
    """What `POST /auth/login` takes. Nothing here tells which of the two was wrong."""

    email = StrictCharField(max_length=254, trim_whitespace=False)
    password = StrictCharField(max_length=LONGEST, trim_whitespace=False)


class RefreshSerializer(StrictSerializer):
    """What `POST /auth/refresh` and `POST /auth/logout` take."""

    refresh_token = StrictCharField(max_length=4096, trim_whitespace=False)


class UserSerializer(serializers.Serializer[User]):
    """A user, for himself."""

    id = serializers.UUIDField()
    email = serializers.CharField()
    firstName = serializers.CharField(source="first_name")
    lastName = serializers.CharField(source="last_name")


class RegisteredSerializer(UserSerializer):
    """A new user, and the sentence that the older service answered."""

    message = serializers.SerializerMethodField()

    def get_message(self, user: User) -> str:
        return f"User {user.email} has been created"


class PairSerializer(serializers.Serializer[Any]):
    """Tokens. `expires_in` is in seconds and the access token's."""

    access_token = serializers.CharField(source="access")
    refresh_token = serializers.CharField(source="refresh")
    token_type = serializers.CharField(default="Bearer", read_only=True)
    expires_in = serializers.IntegerField(source="expires_in_seconds")
    userId = serializers.UUIDField(source="user_id")
