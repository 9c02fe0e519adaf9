"""
Whose word counts about where a request comes from.

A caller can write anything into `X-Forwarded-For` and `X-Forwarded-Proto`. They are believed where the
connection comes from a proxy that TRUSTED_PROXIES names, and taken away otherwise.
"""

from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Network = IPv4Network | IPv6Network
FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_FORWARDED",
)


def believe(meta: MutableMapping[str, Any], trusted: Sequence[Network]) -> str:
    """The caller's address: the nearest one that is no proxy of ours. Empty where there is none.

    Takes the forwarding headers of everybody who is no trusted proxy out of `meta`.
    """
    peer = _peer(str(meta.get("REMOTE_ADDR") or ""))
    if peer is None or not any(peer in network for network in trusted):
        for header in FORWARDED:
            meta.pop(header, None)
        return str(peer or "")
    nearest = peer
    for hop in reversed(str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
        address = parsed(hop.strip())
        if address is None:
            break
        nearest = address
        if not any(address in network for network in trusted):
            break
    return str(nearest)


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """An address; an IPv4 one that is written as IPv6 counts as the IPv4 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


# Of a connection, whose address mostly was here before. What a header says can be anything, and as long.
_peer = lru_cache(maxsize=1024)(parsed)
