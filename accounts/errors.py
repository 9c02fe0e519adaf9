"""
What can go wrong with an account. No HTTP here; `gateway.problems` gives each a status.

    AccountsError
    ├── NotAuthenticated     no, wrong, expired or revoked token; vanished or disabled user: one wording
    ├── WrongCredentials     log-in failed; unknown and known accounts alike
    ├── EmailTaken           somebody has an account with this e-mail
    └── Busy                 too many passwords are being checked at this moment
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
