"""`manage.py ask "..."`: one prompt, answered on the terminal."""

import asyncio
import logging
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from io import StringIO
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.http import HttpRequest
from tqdm import tqdm

from accounts.models import User
from inference import composition as inference
from inference import fleet
from inference.backends import Ending, Generation, Message, Piece
from inference.errors import UnknownModel
from prompts import composition
from prompts.asks import Ask, plain
from prompts.doors import problem_of
from prompts.events import Delta, Done
from prompts.pipeline import answer
from prompts.sampling import read_sampling
from prompts.serializers import AskSerializer

# The operator waits as long as it takes: nobody else is in this process.
LOAD_SECONDS = 3600.0
POLL_SECONDS = 0.1


class Command(BaseCommand):
    help = "Asks a model one thing, through the whole pipeline and with a row in the book."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prompt", help="the prompt; - reads it from stdin")
        parser.add_argument("--model", help="a served model; default: the default one")
        parser.add_argument("--system", default="", help="a system message")
        parser.add_argument("--max-tokens", type=int, help="default: LLM_MAX_TOKENS")
        parser.add_argument("--temperature", type=float, help="default: LLM_TEMPERATURE")
        parser.add_argument(
            "--user", metavar="EMAIL", help="whose prompt it is; default: the only superuser, if there is one"
        )
        parser.add_argument(
            "--raw-engine", action="store_true", help="the model alone: nothing is sanitized, no row is kept"
        )

    def handle(self, *args: Any, prompt: str, raw_engine: bool, **options: Any) -> None:
        wanted = {
            name: options[name]
            for name in ("model", "system", "max_tokens", "temperature")
            if options[name] not in (None, "")
        }
        fields = AskSerializer(data={"prompt": sys.stdin.read() if prompt == "-" else prompt, **wanted})
        if not fields.is_valid():
            raise CommandError(sentence_of(fields.errors), returncode=2)
        checked = dict(fields.validated_data)
        try:
            user_id = uuid4() if raw_engine else user_of(options["user"]).pk
        except DatabaseError:
            raise CommandError(
                "The database is away, or not migrated (manage.py migrate).", returncode=1
            ) from None
        ask = Ask(
            user_id=user_id,
            request_id=str(uuid4()),
            messages=plain(checked["prompt"], checked["system"]),
            model=checked.get("model"),
            max_tokens=checked["max_tokens"],
            sampling=read_sampling(checked, temperature=settings.LLM_TEMPERATURE),
            streamed=True,
        )
        logging.disable(logging.INFO)  # the terminal is for the answer
        inference.start(eager=False, wait_seconds=LOAD_SECONDS)
        try:
            self._run(self._within_a_house(ask, raw_engine=raw_engine))
        finally:
            logging.disable(logging.NOTSET)

    def _run(self, answering: Any) -> None:
        try:
            asyncio.run(answering)
        except KeyboardInterrupt:  # asyncio has cancelled the task, and so the prompt
            raise CommandError("Interrupted.", returncode=1) from None
        except BrokenPipeError:  # whoever read the answer (head, a pager) has enough of it
            sys.stdout = StringIO()  # or the last flush of all fails again, and says so
            raise CommandError("Nobody reads the answer any more.", returncode=1) from None
        except Exception as error:
            problem = problem_of(error, HttpRequest())
            if problem is None:
                raise
            returncode = 2 if isinstance(error, UnknownModel) else 1
            raise CommandError(problem.data["detail"], returncode=returncode) from None

    async def _within_a_house(self, ask: Ask, *, raw_engine: bool) -> None:
        """On one event loop from opening to closing: connections belong to it."""
        try:
            if raw_engine:
                self._say("The model alone: nothing is sanitized, and no row is kept.")
                await self._answer_raw(ask)
            else:
                composition.open_house()
                await self._answer(ask)
        finally:
            await composition.close_house()

    async def _answer(self, ask: Ask) -> None:
        """The pipeline's events onto the terminal."""
        house = composition.house()
        async with aclosing(answer(ask, house)) as events:
            async for event in self._after_loading(events, house.backend, ask.model):
                if isinstance(event, Delta):
                    self._show(event.text)
                elif isinstance(event, Done):
                    self._conclude(event)

    def _conclude(self, done: Done) -> None:
        self._show("\n")
        result = done.result
        tokens = f"{result.usage.prompt_tokens} + {result.usage.completion_tokens} tokens"
        said = f"{done.begun.model}, {tokens}, {result.finish_reason}"
        if result.cached:
            said += ", from the cache"
        if result.rules:
            said += f"; found: {', '.join(result.rules)}"
        self._say(f"[{done.begun.id}: {said}]")

    async def _answer_raw(self, ask: Ask) -> None:
        """What the model says, as it says it."""
        backend = fleet.backend()
        generation = Generation(
            messages=tuple(Message(said.role, said.content) for said in ask.messages),
            model=backend.choose(ask.model).name,
            max_tokens=ask.max_tokens,
            sampling=ask.sampling,
            caller=str(ask.user_id),
            request_id=ask.request_id,
        )
        async with aclosing(backend.answer(generation)) as pieces:
            async for piece in self._after_loading(pieces, backend, ask.model):
                if isinstance(piece, Ending):
                    self._show("\n")
                    self._say(
                        f"[{piece.prompt_tokens} + {piece.completion_tokens} tokens, {piece.finish_reason}]"
                    )
                elif isinstance(piece, Piece):
                    self._show(piece.text)

    async def _after_loading(self, events: Any, backend: Any, model: str | None) -> AsyncIterator[Any]:
        """The same events, with a bar on a terminal while the model loads."""
        name = backend.choose(model).name
        watching = asyncio.create_task(self._watch(backend, name))
        try:
            async for event in events:
                if not watching.done():
                    watching.cancel()
                    with suppress(asyncio.CancelledError):
                        await watching
                yield event
        finally:
            watching.cancel()

    async def _watch(self, backend: Any, name: str) -> None:
        with tqdm(
            desc=f"Loading {name}",
            bar_format="{desc} {elapsed}",
            delay=2,
            leave=False,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
        ) as bar:
            while {card.name: status.state for card, status in backend.models()}[name] != "ready":
                await asyncio.sleep(POLL_SECONDS)
                bar.update()

    def _show(self, text: str) -> None:
        self.stdout.write(visible(text) if self.stdout.isatty() else text, ending="")
        self.stdout.flush()

    def _say(self, line: str) -> None:
        self.stderr.write(line, str)  # plain: by itself, Django paints what goes here as an error


def user_of(email: str | None) -> User:
    """Whose row it will be. Raises CommandError."""
    if email is not None:
        user = User.objects.filter(email=User.objects.normalize_email(email), is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user with the e-mail {email}.", returncode=2)
        return user
    superusers = User.objects.filter(is_superuser=True, is_active=True)[:2]
    if len(superusers) != 1:
        many = "more than one superuser" if superusers else "no superuser"
        raise CommandError(f"Say whose prompt it is, by --user EMAIL: there is {many}.", returncode=2)
    return superusers[0]


def visible(text: str) -> str:
    """Control bytes written out, so that no answer moves the cursor or sets the title."""
    return "".join(
        letter if letter in "\n\t" or letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def sentence_of(errors: Any) -> str:
    """The serializer's errors as a line."""
    return " ".join(f"{name}: {' '.join(map(str, said))}" for name, said in errors.items())
