"""What the commands of this room share."""

from django.core.management.base import CommandError

from accounts.models import User, UserManager


def account(email: str) -> User:
    """The account with this e-mail. Raises CommandError."""
    user = User.objects.filter(email=UserManager.normalize_email(email)).first()
    if user is None:
        raise CommandError("There is no account with this e-mail.", returncode=2)
    return user
