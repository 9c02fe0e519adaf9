"""`manage.py fill_statistics`: counts the prompts that ended before there were statistics."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand
from tqdm import tqdm

from prompts.statistics import tallies


class Command(BaseCommand):
    help = "Counts prompts that no statistics have counted yet. Can be stopped and repeated at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        counted = 0
        after: UUID | None = UUID(int=0)
        with tqdm(unit=" prompts", disable=None, delay=2) as bar:  # to stderr; silent without a terminal
            while after is not None:
                done, after = tallies.fill(after)
                counted += done
                bar.update(done)
        self.stdout.write(f"{counted} prompts counted")
