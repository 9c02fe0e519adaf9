"""The book of prompts and the pipeline that fills it."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PromptsConfig(AppConfig):
    name = "prompts"
    verbose_name = "Prompts"

    def ready(self) -> None:
        from accounts import person, retention
        from prompts.person import ANSWERS, PROMPTS, STATISTICS
        from prompts.retention import KINDS

        person.register(ANSWERS)
        person.register(PROMPTS)
        retention.KINDS.extend(KINDS)
        person.register(STATISTICS)  # after the rows are nobody's, nothing is counted as the user's any more
        post_migrate.connect(make_months, sender=self)


def make_months(using: str, **about: Any) -> None:
    """After each `migrate` the coming months have partitions; later, `journal_maintenance` makes them."""
    from django.utils import timezone

    from prompts import maintenance, partitions

    if using == "default" and partitions.is_partitioned():
        for _ in maintenance.make_months(timezone.now()):
            pass
