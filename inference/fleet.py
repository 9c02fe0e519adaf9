"""
What answers in this process, from the settings: the models of this process alone, or, where BACKENDS_FILE
names a file, a router over all that stands in it.

    InferenceConfig.ready ─► start     loads local models, if the file uses them
    the server's first moment ─► open_fleet     probes, and SIGHUP reads the file again
    prompts.composition ─► backend
"""

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from inference import composition
from inference.backends import Status
from inference.local import LocalBackend
from inference.remote.backend import RemoteBackend
from inference.remote.client import Client
from inference.routing import file
from inference.routing.live import Answers
from inference.routing.probes import Probes
from inference.routing.router import Router
from inference.routing.table import Server, Table
from inference.served import served

logger = logging.getLogger("inference.routing")

_client = Client()
_router: Router | None = None
_probes: Probes | None = None


def backend() -> LocalBackend | Router:
    """The backend of this process. Raises TableInvalid."""
    return router() if settings.BACKENDS_FILE else composition.backend()


def router() -> Router:
    """Over the file's table, made once. Raises TableInvalid."""
    global _router
    if _router is None:
        _router = Router(
            table(),
            answers,
            places=settings.LLM_QUEUE,
            queue_seconds=settings.LLM_QUEUE_SECONDS,
            local=local_status,
        )
    return _router


def table() -> Table:
    """What BACKENDS_FILE says now. Raises TableInvalid."""
    cards = {}
    for model in served():
        card = model.card()
        for name in (*model.aliases, model.name):
            cards[name.lower()] = card
    return file.load(
        Path(settings.BACKENDS_FILE),
        secret=settings.NAMED_SECRET,
        local=cards,
        total_seconds=settings.LLM_TIMEOUT_SECONDS,
    )


def uses_local() -> bool:
    """Whether this process loads models."""
    return not settings.BACKENDS_FILE or file.uses_local(Path(settings.BACKENDS_FILE))


def answers(server: Server) -> Answers:
    """What stands behind a server of the table."""
    if server.remote is None:
        return composition.backend()
    return RemoteBackend(server.name, server.remote, _client)


def local_status(name: str) -> Status:
    local = composition.backend()
    card = local.choose(name)
    return {each.name: status for each, status in local.models()}[card.name]


def needed_names() -> tuple[str, ...]:
    """The models without which the service is not ready: the default one; of a process that has only its own
    models, the pinned ones too."""
    if settings.BACKENDS_FILE:
        return (router().table.models[0].name,)
    return composition.needed_names()


# -- a server's life --


def start() -> None:
    """Begins to load the local models, if there are any; returns at once."""
    if uses_local():
        composition.start()


def open_fleet() -> None:
    """On the server's event loop, before its first request. Raises TableInvalid."""
    global _probes
    if not settings.BACKENDS_FILE:
        return
    _probes = Probes(changed=router().look_again)
    _probes.watch(router().lives())
    with suppress(NotImplementedError, ValueError):  # not in the main thread, as in tests
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


def reload() -> bool:
    """Reads the file again, without touching an answer in progress. A file that cannot be used changes
    nothing, and the log says why."""
    try:
        found = table()
        if found.uses_local and not router().table.uses_local:
            raise file.TableInvalid(("This process has loaded no model: restart it to use a local one.",))
        router().use(found)
    except file.TableInvalid as error:
        for problem in error.problems:
            logger.error("backends not reloaded", extra={"problem": problem})
        return False
    if _probes is not None:
        _probes.watch(router().lives())
    logger.info("backends reloaded", extra={"backends": len(router().lives())})
    return True


async def close_fleet() -> None:
    """After the last answer."""
    global _router, _probes
    probes, _probes, _router = _probes, None, None
    if probes is not None:
        with suppress(NotImplementedError, ValueError):
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        await probes.aclose()
    await _client.aclose()
