"""
accounts.E001   ADMIN_EMAIL is no e-mail address
accounts.E002   ADMIN_EMAIL without a password
accounts.E003   the administrator's password breaks the rule
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email


@register(Tags.security)
def first_admin(**kwargs: Any) -> list[CheckMessage]:
    """What `manage.py ensure_admin` would choke on."""
    if not settings.ADMIN_EMAIL:
        return []
    try:
        validate_email(settings.ADMIN_EMAIL)
    except ValidationError:
        return [
            Error("ADMIN_EMAIL is no e-mail address.", hint="Correct it or unset it.", id="accounts.E001")
        ]
    if not settings.ADMIN_PASSWORD:
        hint = "Set ADMIN_PASSWORD_FILE to a file that holds it."
        return [Error("ADMIN_EMAIL is set and ADMIN_PASSWORD is not.", hint=hint, id="accounts.E002")]
    try:
        validate_password(settings.ADMIN_PASSWORD)
    except ValidationError as error:
        hint = " ".join(error.messages)
        return [Error("ADMIN_PASSWORD breaks the password rule.", hint=hint, id="accounts.E003")]
    return []
