"""
accounts.E001   ADMIN_EMAIL is no e-mail address
accounts.E002   ADMIN_EMAIL without a password
accounts.E003   the administrator's password breaks the rule
accounts.W001   e-mails of a public service go to its own output
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

CONSOLE = ".console.EmailBackend"


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


@register(Tags.security, deploy=True)
def mail_leaves(**kwargs: Any) -> list[CheckMessage]:
    """In public, a link that nobody gets keeps its owner out, and lets in whoever reads the log."""
    if settings.DEBUG or not settings.HTTPS or not settings.EMAIL_BACKEND.endswith(CONSOLE):
        return []
    what = "new addresses cannot be confirmed, and " if settings.EMAIL_CONFIRMATION else ""
    return [
        Warning(
            f"E-mails go to the server's output: {what}links for lost passwords stand in the log.",
            hint="Set EMAIL_URL (smtp+tls://user:password@host:587).",
            id="accounts.W001",
        )
    ]
