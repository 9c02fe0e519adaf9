"""`manage.py download_model [NAME] [--all] [--list] [--force]`: fetches models of the catalogue."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from inference import catalogue, fleet
from inference.download import DownloadError, fetch, is_complete
from inference.served import Served, served


class Interrupted(CommandError):
    """By the operator: nothing more is fetched."""


class Command(BaseCommand):
    help = "Downloads a model of the catalogue (default: LLM_NAME) into the models' folder and checks it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="a name from --list; default: LLM_NAME")
        parser.add_argument("--all", action="store_true", help="every model of LLM_NAME and LLM_MODELS")
        parser.add_argument("--list", action="store_true", help="show the catalogue and what is downloaded")
        parser.add_argument("--force", action="store_true", help="download again, even if it is there")

    def handle(
        self, *args: Any, name: str | None, all: bool, list: bool, force: bool, **options: Any
    ) -> None:
        directory = Path(settings.LLM_MODELS_DIR)
        if list:
            self._list(directory)
        elif name is not None and all:
            raise CommandError("Name a model, or --all of them.", returncode=2)
        elif name is not None:
            if (model := catalogue.find(name)) is None:
                raise CommandError(unknown(name), returncode=2)
            self.stdout.write(str(self._fetch(model, directory, force=force)))
        elif all and not fleet.uses_local():
            self._say("BACKENDS_FILE uses no model of this machine: nothing to download.")
        else:
            self._fetch_served(served() if all else served()[:1], directory, force=force)

    def _fetch_served(self, models: tuple[Served, ...], directory: Path, *, force: bool) -> None:
        """Every one of them, also where one before it failed."""
        failures: list[str] = []
        for model in models:
            try:
                if model.known is not None:
                    self.stdout.write(str(self._fetch(model.known, directory, force=force)))
                elif model.variable == "LLM_NAME" and not model.path.is_file():
                    raise CommandError(unknown(model.wanted.source), returncode=2)
                else:
                    self._say(f"{model.name} is a file of your own ({model.variable}): nothing to download.")
            except CommandError as error:
                if len(models) == 1 or isinstance(error, Interrupted):
                    raise
                self._say(str(error))
                failures.append(model.name)
        if failures:
            raise CommandError(f"Not downloaded: {', '.join(failures)}.", returncode=1)

    def _say(self, line: str) -> None:
        self.stderr.write(line, str)  # plain: by itself, Django paints what goes here as an error

    def _fetch(self, model: catalogue.Model, directory: Path, *, force: bool) -> Path:
        if force or not is_complete(directory / model.file, model):
            self._say(f"Downloading {model.name} from {model.origin}")
        with tqdm(
            total=model.size_bytes,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            desc=model.name,
            delay=2,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
        ) as bar:
            try:
                return fetch(model, directory, force=force, progress=bar.update)
            except DownloadError as error:
                raise CommandError(str(error), returncode=1) from None
            except KeyboardInterrupt:
                raise Interrupted("Interrupted. Run the command again.", returncode=1) from None

    def _list(self, directory: Path) -> None:
        rows = [("NAME", "SIZE", "CONTEXT", "LICENCE", "HERE", "DESCRIPTION")]
        for model in catalogue.models():
            size = f"{model.size_bytes >> 20} MiB" if model.size_bytes else "?"
            here = "yes" if (directory / model.file).is_file() else "no"
            rows.append((model.name, size, str(model.context_tokens), model.licence, here, model.description))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for row in rows:
            self.stdout.write("  ".join([*map(str.ljust, row[:5], widths), row[5]]))


def unknown(name: str) -> str:
    return f"{name} is not in the catalogue: {', '.join(model.name for model in catalogue.models())}."
