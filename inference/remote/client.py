"""
The one pool of HTTP connections of this process.

Belongs to the event loop that first uses it. Follows no redirect, keeps no cookie, takes no proxy and no
credential from the environment, and asks for answers as they are, not compressed.
"""

import asyncio

import aiohttp

# Shorter than any server keeps an idle connection (uvicorn: 5 s), so that none is used as it is being closed.
KEEP_SECONDS = 4
BUFFER_BYTES = 64 << 10  # of an answer that nobody has read yet; beyond, the server has to wait


class Client:
    """`session()` is made when it is first asked for, on the running loop; `aclose` ends its connections."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._session, self._loop = self._open(), loop
        return self._session

    @staticmethod
    def _open() -> aiohttp.ClientSession:
        # How many at once is the router's business.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "llm-gateway", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=BUFFER_BYTES,
        )

    @property
    def connections(self) -> int:
        """Open ones that are in use."""
        connector = self._session.connector if self._session is not None else None
        return 0 if connector is None else len(connector._acquired)

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None and self._loop is asyncio.get_running_loop():
            await session.close()
