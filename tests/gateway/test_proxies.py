"""Whose word counts about where a request comes from."""

from ipaddress import ip_network

import pytest
from django.test import Client, override_settings

from gateway.proxies import believe

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),  # no proxy of ours: anybody can write that
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # what the client itself put in front
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.2.3.4", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "198.51.100.1", ""),
        ("unix:", "198.51.100.1", ""),
    ],
)
def test_the_address_is_the_nearest_that_is_no_proxy_of_ours(peer, forwarded, address):
    assert believe({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}, TRUSTED) == address


def test_forwarding_headers_of_strangers_are_taken_away():
    meta = {
        "REMOTE_ADDR": "203.0.113.5",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_FOR": "1.1.1.1",
    }
    believe(meta, TRUSTED)
    assert list(meta) == ["REMOTE_ADDR"]


@override_settings(SECURE_SSL_REDIRECT=True, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))
def test_a_stranger_cannot_pass_plain_http_off_as_https():
    pretending = {"X-Forwarded-Proto": "https"}
    assert Client(REMOTE_ADDR="203.0.113.5").get("/problems", headers=pretending).status_code == 301
    assert Client(REMOTE_ADDR="127.0.0.1").get("/problems", headers=pretending).status_code == 200
