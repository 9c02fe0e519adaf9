"""The password rule: at least 8 characters, a lower-case and an upper-case letter, a digit and a symbol."""

from django.core.exceptions import ValidationError

from accounts.models import User

SHORTEST, LONGEST = 8, 128


class LengthValidator:
    """8 to 128 characters. The upper bound keeps hashing from becoming somebody's lever."""

    def validate(self, password: str, user: User | None = None) -> None:
        if not SHORTEST <= len(password) <= LONGEST:
            raise ValidationError(self.get_help_text(), code="password_length")

    def get_help_text(self) -> str:
        return f"A password has {SHORTEST} to {LONGEST} characters."


class CharacterClassesValidator:
    """One of each: lower case, upper case, digit, symbol (anything that is no letter, digit or blank)."""

    def validate(self, password: str, user: User | None = None) -> None:
        has = {
            "a lower-case letter": any(c.islower() for c in password),
            "an upper-case letter": any(c.isupper() for c in password),
            "a digit": any(c.isdigit() for c in password),
            "a symbol": any(not c.isalnum() and not c.isspace() for c in password),
        }
        if missing := [name for name, found in has.items() if not found]:
            raise ValidationError(f"The password needs {', '.join(missing)}.", code="password_classes")

    def get_help_text(self) -> str:
        return "A password has a lower-case and an upper-case letter, a digit and a symbol."
