"""The book of prompts and the pipeline that fills it."""

from django.apps import AppConfig


class PromptsConfig(AppConfig):
    name = "prompts"
    verbose_name = "Prompts"

    def ready(self) -> None:
        from accounts import person
        from prompts.person import PROMPTS, STATISTICS

        person.register(PROMPTS)
        person.register(STATISTICS)  # after the rows are nobody's, nothing is counted as the user's any more
