"""`manage.py backends [--json]`: the model servers of BACKENDS_FILE, asked now whether they are alive."""

import asyncio
import json
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from inference import fleet
from inference.backends import DEFAULT
from inference.errors import InferenceError
from inference.remote.backend import RemoteBackend
from inference.routing.file import TableInvalid
from inference.routing.live import Live
from inference.routing.probes import probe
from inference.routing.router import Router


@dataclass(frozen=True, slots=True)
class Line:
    """One server. `health`: alive, dead, draining, or local for the models of the process itself, which only
    the server that runs knows. `lacks` are models that the file leads there and the server does not list."""

    name: str
    kind: str
    health: str
    probe_ms: float | None
    local: bool
    max_concurrent: int | None
    models: tuple[str, ...]
    lacks: tuple[str, ...]


class Command(BaseCommand):
    help = "Lists the model servers of BACKENDS_FILE: alive? which models? how many prompts at once?"
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        if not settings.BACKENDS_FILE:
            self.stdout.write("BACKENDS_FILE is not set: the local models answer (manage.py models).")
            return
        try:
            router = fleet.router()
        except TableInvalid as error:
            raise CommandError("\n".join(error.problems), returncode=2) from None
        lines = asyncio.run(self._ask(router))
        if json:
            self._print_json(lines, router)
        else:
            self._print_table(lines, router)
        if any(line.health == "dead" for line in lines):
            raise CommandError("Not every backend is alive.", returncode=3)

    async def _ask(self, router: Router) -> list[Line]:
        try:
            return list(await asyncio.gather(*(line_of(live, router) for live in router.lives())))
        finally:
            await fleet.close_fleet()

    def _print_json(self, lines: list[Line], router: Router) -> None:
        models = [
            {
                "name": model.name,
                "kind": model.kind,
                "context_tokens": model.context_tokens,
                "revision": model.card().revision,
                "backends": [
                    {"name": target.server, "model": target.model, "weight": target.weight}
                    for target in model.targets
                ],
                "fallbacks": model.fallbacks,
            }
            for model in router.table.models
        ]
        document = {"backends": [asdict(line) for line in lines], "models": models}
        self.stdout.write(json.dumps(document, indent=2))

    def _print_table(self, lines: list[Line], router: Router) -> None:
        rows: list[tuple[str, ...]] = [("BACKEND", "KIND", "HEALTH", "PROBE", "LOCAL", "AT ONCE", "MODELS")]
        for line in lines:
            took = "" if line.probe_ms is None else f"{line.probe_ms:.0f} ms"
            limit = "" if line.max_concurrent is None else str(line.max_concurrent)
            models = ", ".join(f"{name} (not there)" if name in line.lacks else name for name in line.models)
            local = "yes" if line.local else "no"
            rows.append((line.name, line.kind, line.health, took, local, limit, models))
        self._print(rows)
        self.stdout.write("")
        rows = [("MODEL", "CONTEXT", "REVISION", "BACKENDS", "FALLBACKS")]
        for model in router.table.models:
            targets = ", ".join(f"{target.server} x{target.weight:g}" for target in model.targets)
            revision = model.card().revision[:16]
            context, fallbacks = str(model.context_tokens), ", ".join(model.fallbacks)
            rows.append((model.name, context, revision, targets, fallbacks))
        self._print(rows)

    def _print(self, rows: list[tuple[str, ...]]) -> None:
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            self.stdout.write("  ".join(map(str.ljust, row, widths)).rstrip())


async def line_of(live: Live, router: Router) -> Line:
    """What can be said of a server now."""
    server = live.server
    models = tuple(
        dict.fromkeys(
            target.model
            for model in router.table.models
            for target in model.targets
            if target.server == server.name
        )
    )
    health = "local"
    lacks: tuple[str, ...] = ()
    if isinstance(live.answers, RemoteBackend):
        health = "alive" if await probe(live) else "dead"
        if health == "alive":
            there = await listed(live.answers, models)
            lacks = tuple(name for name in models if name not in (*there, DEFAULT))
    return Line(
        name=server.name,
        kind=server.kind,
        health="draining" if server.draining and health == "alive" else health,
        probe_ms=live.probed_ms,
        local=server.is_local,
        max_concurrent=server.max_concurrent,
        models=models,
        lacks=lacks,
    )


async def listed(backend: RemoteBackend, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The models that it says it has; a server that does not say has all of them."""
    try:
        return await backend.models() or otherwise
    except InferenceError:
        return otherwise
