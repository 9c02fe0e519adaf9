"""The book of prompts and the pipeline that fills it."""

from django.apps import AppConfig


class PromptsConfig(AppConfig):
    name = "prompts"
    verbose_name = "Prompts"

    def ready(self) -> None:
        from accounts import person
        from prompts.person import PROMPTS

        person.register(PROMPTS)
