"""
What can go wrong with an account. No HTTP here; `gateway.problems` gives each a status.

    AccountsError
    ├── NotAuthenticated     no, wrong, expired or revoked token; vanished or disabled user: one wording
    ├── WrongCredentials     log-in failed; unknown and known accounts alike
    ├── EmailTaken           somebody has an account with this e-mail
    ├── Busy                 too many passwords are being checked at this moment
    ├── AccessUnavailable    nobody could be asked for 2 s who may come in
    ├── OutOfScope           an API key does not reach this far
    ├── MayNotAsk            the user has no role that may ask the model
    ├── ModelNotAllowed      an API key's list of models does not name this one
    ├── UnknownRole          no such role
    ├── TooManyAttempts      an account or an address is in a pause, because somebody guesses
    ├── SecondFactorNeeded   the password is right, and a code is missing
    ├── SecondFactorWrong    this is not the code, or there is nothing to confirm or to begin
    ├── RegistrationClosed   administrators make accounts here
    ├── EmailRefused         accounts are for addresses of other domains
    ├── InvitationWrong      no such code, or used, expired, or for somebody else
    └── LinkWrong            the link of an e-mail is used, expired or no link of ours
"""


class AccountsError(Exception):
    """The root of this tree."""


class NotAuthenticated(AccountsError):
    """Nobody we know, or nobody any more."""


class WrongCredentials(AccountsError):
    """E-mail and password do not belong together, or the account is disabled."""


class EmailTaken(AccountsError):
    """An account with this e-mail exists."""


class Busy(AccountsError):
    """Hashing is bounded, so that a burst of log-ins cannot take the machine."""

    retry_after_seconds = 2


class AccessUnavailable(AccountsError):
    """Neither the database nor Redis could say for 2 s who may come in. Guessing is no answer."""

    retry_after_seconds = 2


class OutOfScope(AccountsError):
    """An API key does not have the scope that this takes, or no key has it."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class MayNotAsk(AccountsError):
    """The user holds no role that may ask the model."""


class ModelNotAllowed(AccountsError):
    """An API key with a list of models asks for another."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(allowed)
        self.allowed = allowed


class UnknownRole(AccountsError):
    """There is no role of this name."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self.names = names


class TooManyAttempts(AccountsError):
    """Somebody guesses: this account, or this address, is in a pause."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


class SecondFactorNeeded(AccountsError):
    """The password is right, and the account also wants a code."""


class SecondFactorWrong(AccountsError):
    """Not the code of this half minute; or a second factor that is on already, or was never begun."""


class RegistrationClosed(AccountsError):
    """Nobody registers by himself here."""


class EmailRefused(AccountsError):
    """The domain of this address is not among those that may register."""


class InvitationWrong(AccountsError):
    """No such code, or it is used, expired, or for somebody else."""


class LinkWrong(AccountsError):
    """The link of an e-mail is used, expired, or none of ours."""
