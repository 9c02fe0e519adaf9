"""What headers say of an answer, at every address."""

from prompts.events import Begun


def cache_headers(begun: Begun) -> dict[str, str]:
    """Where it came from, and what became of the caller's Idempotency-Key, if there was one."""
    named: dict[str, str] = {"x-gateway-cache": begun.cache}
    if begun.idempotency:
        named["x-gateway-idempotency"] = begun.idempotency
    if begun.idempotency == "replayed":
        named["idempotent-replayed"] = "true"
    return named
