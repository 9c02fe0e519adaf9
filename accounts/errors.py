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
    ├── LinkWrong            the link of an e-mail is used, expired or no link of ours
    ├── LimitReached         a limit of the user or of his key
    │   ├── TooManyRequests      in this minute
    │   ├── TooManyTokens        in this minute
    │   ├── TooManyTokensAtOnce  more than any minute may have
    │   ├── TooManyStreams       answers in progress
    │   └── BudgetSpent          in this month
    └── LimitsUnavailable    nobody can say where the caller stands
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.limits.ledger import Standing


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


class LimitReached(AccountsError):
    """The request was not counted. `retry_after_seconds` None: waiting does not help. `tokens` is how many
    the request may have taken; `standings` says where its user and its key stand."""

    def __init__(
        self,
        *,
        limit: int,
        tokens: int = 0,
        retry_after_seconds: int | None = 1,
        standings: "tuple[Standing, ...]" = (),
    ) -> None:
        super().__init__(limit)
        self.limit = limit
        self.tokens = tokens
        self.retry_after_seconds = retry_after_seconds
        self.standings = standings


class TooManyRequests(LimitReached):
    """As many as a minute may have came in the last one."""


class TooManyTokens(LimitReached):
    """What the request may take does not fit into this minute."""


class TooManyTokensAtOnce(LimitReached):
    """What the request may take fits into no minute."""


class TooManyStreams(LimitReached):
    """As many answers as may be in progress are."""


class BudgetSpent(LimitReached):
    """What the request may take is more than what is left of the month's tokens."""


class LimitsUnavailable(AccountsError):
    """Redis is away, and LIMITS_WITHOUT_REDIS says that then nobody is let in who has limits."""

    retry_after_seconds = 5
