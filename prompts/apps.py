"""The book of prompts and the pipeline that fills it."""

from django.apps import AppConfig


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
