"""Builds the chain and the policy that the settings describe. The edges ask here; the core is handed both."""

from django.conf import settings

from sanitization.chain import Chain
from sanitization.policies import Policy

ENVIRONMENT = "default"


def chain() -> Chain:
    """A chain of SANITIZATION_FILTERS. Compiling its patterns takes a while: make one and keep it."""
    return Chain.from_paths(settings.SANITIZATION_FILTERS, key=settings.SECRET_KEY.encode())


def environment_policy() -> Policy:
    """The policy that the variables POLICY_… describe."""
    return Policy.build(
        slug=ENVIRONMENT,
        off=settings.POLICY_OFF,
        flag=settings.POLICY_FLAG,
        mask=settings.POLICY_MASK,
        hash=settings.POLICY_HASH,
        block=settings.POLICY_BLOCK,
        html=settings.POLICY_HTML,
    )


def named_policy(name: str | None) -> Policy | None:
    """The policy of this name; None where there is none."""
    return environment_policy() if name in (None, ENVIRONMENT) else None
