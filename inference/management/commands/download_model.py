"""`manage.py download_model [NAME] [--list] [--force]`: fetches a model of the catalogue."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from inference import catalogue
from inference.download import DownloadError, fetch, is_complete


class Command(BaseCommand):
    help = "Downloads a model of the catalogue (default: LLM_NAME) into the models' folder and checks it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help="a name from --list; default: LLM_NAME")
        parser.add_argument("--list", action="store_true", help="show the catalogue and what is downloaded")
        parser.add_argument("--force", action="store_true", help="download again, even if it is there")

    def handle(self, *args: Any, name: str | None, list: bool, force: bool, **options: Any) -> None:
        directory = Path(settings.LLM_MODELS_DIR)
        if list:
            self._list(directory)
            return
        if name is None and settings.LLM_MODEL_PATH:
            self._say("LLM_MODEL_PATH names a file of your own: nothing to download.")
            return
        model = catalogue.find(name or settings.LLM_NAME)
        if model is None:
            if name is None and (directory / settings.LLM_NAME).is_file():
                self._say(f"{settings.LLM_NAME} is a file of your own: nothing to download.")
                return
            known = ", ".join(model.name for model in catalogue.models())
            raise CommandError(f"{name or settings.LLM_NAME} is not in the catalogue: {known}.", returncode=2)
        self.stdout.write(str(self._fetch(model, directory, force=force)))

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
                raise CommandError("Interrupted. Run the command again.", returncode=1) from None

    def _list(self, directory: Path) -> None:
        rows = [("NAME", "SIZE", "CONTEXT", "LICENCE", "HERE", "DESCRIPTION")]
        for model in catalogue.models():
            size = f"{model.size_bytes >> 20} MiB" if model.size_bytes else "?"
            here = "yes" if (directory / model.file).is_file() else "no"
            rows.append((model.name, size, str(model.context_tokens), model.licence, here, model.description))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for row in rows:
            self.stdout.write("  ".join([*map(str.ljust, row[:5], widths), row[5]]))
