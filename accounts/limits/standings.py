"""Where somebody stands, for people: limits, what was used, when it is back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from accounts.limits import usage
from accounts.limits.ledger import Standing
from accounts.limits.limiter import limiter
from accounts.limits.quotas import Bound
from accounts.limits.usage import Used


def standings_of(bounds: Sequence[Bound]) -> list[dict[str, Any]]:
    """One for each subject. Two queries at most; raises LimitsUnavailable."""
    used = usage.in_month(usage.this_month(), [bound.subject for bound in bounds])
    counted = limiter().look(bounds)
    return [_shown(one, used[bound.subject]) for bound, one in zip(bounds, counted, strict=True)]


def _shown(standing: Standing, used: Used) -> dict[str, Any]:
    quota = standing.quota
    is_budgeted = bool(quota.monthly_tokens)
    month = max(standing.month, used.tokens) if is_budgeted else used.tokens
    return {
        "requestsPerMinute": {
            **_part(quota.requests_per_minute, standing.requests),
            "resetSeconds": standing.requests_reset_ms / 1000,
        },
        "tokensPerMinute": {
            **_part(quota.tokens_per_minute, standing.tokens),
            "resetSeconds": standing.tokens_reset_ms / 1000,
        },
        "streams": _part(quota.streams, standing.streams),
        "monthlyTokens": {
            **_part(quota.monthly_tokens, month),
            "used": used.tokens,
            "held": month - used.tokens,
            "requests": used.requests,
            "resetsAt": _next_month(),
        },
    }


def _part(limit: int | None, used: int) -> dict[str, Any]:
    return {"limit": limit or None, "used": used, "remaining": max(0, limit - used) if limit else None}


def _next_month() -> datetime:
    month = usage.this_month()
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
