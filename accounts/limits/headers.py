"""Where a caller stands, as OpenAI's headers say it."""

from collections.abc import Sequence

from accounts.limits.ledger import Standing


def rate_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """`x-ratelimit-…` for requests and tokens: of several limits the one with the least left. Nothing for
    what is not limited."""
    named: dict[str, str] = {}
    requests = [
        (one.quota.requests_per_minute, one.requests, one.requests_reset_ms)
        for one in standings
        if one.quota.requests_per_minute
    ]
    tokens = [
        (one.quota.tokens_per_minute, one.tokens, one.tokens_reset_ms)
        for one in standings
        if one.quota.tokens_per_minute
    ]
    for kind, found in (("requests", requests), ("tokens", tokens)):
        if found:
            limit, used, reset_ms = min(found, key=lambda one: one[0] - one[1])
            named[f"x-ratelimit-limit-{kind}"] = str(limit)
            named[f"x-ratelimit-remaining-{kind}"] = str(max(0, limit - used))
            named[f"x-ratelimit-reset-{kind}"] = duration(reset_ms)
    return named


def duration(ms: int) -> str:
    """As OpenAI writes it: 250ms, 59.5s, 1m0.5s."""
    if ms < 1000:
        return f"{ms}ms"
    minutes, rest = divmod(ms, 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
