"""The served house, for the tests of who may ask in it."""

import pytest

from accounts import feed, redis_line


@pytest.fixture(autouse=True)
def patience_with_a_busy_redis(monkeypatch):
    """It answers late where many tests run at once, and is not away for that."""
    for module in (feed, redis_line):
        monkeypatch.setattr(module, "SOCKET_SECONDS", 10.0)
