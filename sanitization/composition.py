"""Builds the chain and the policy that the settings describe. The edges ask here; the core is handed both."""

from functools import lru_cache
from typing import Any

from django.conf import settings

from sanitization.chain import Chain
from sanitization.errors import PolicyMissing
from sanitization.policies import Policy

ENVIRONMENT = "default"


def chain() -> Chain:
    """The chain of SANITIZATION_FILTERS. Compiling its patterns takes a while, so there is one."""
    return _chain(tuple(settings.SANITIZATION_FILTERS), settings.SECRET_KEY.encode())


@lru_cache(maxsize=4)
def _chain(paths: tuple[str, ...], key: bytes) -> Chain:
    return Chain.from_paths(paths, key=key)


def environment_policy() -> Policy:
    """The policy that the variables POLICY_… describe."""
    names = ("off", "flag", "mask", "hash", "block")
    return _environment(
        tuple((name, tuple(getattr(settings, f"POLICY_{name.upper()}"))) for name in names),
        settings.POLICY_HTML,
    )


@lru_cache(maxsize=4)
def _environment(lists: tuple[tuple[str, tuple[str, ...]], ...], html: Any) -> Policy:
    named: Any = dict(lists)
    return Policy.build(slug=ENVIRONMENT, html=html, **named)


def named_policy(name: str | None) -> Policy | None:
    """The policy of this name that is in force, without one the default; None where there is none.

    Raises PoliciesUnavailable.
    """
    from sanitization.store import store  # the database's side, which the chain does not need

    try:
        return store.current_now().named(name or ENVIRONMENT)
    except PolicyMissing:
        return None
