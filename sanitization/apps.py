"""The app: registers the system checks. Everything else in this package but `checks` is free of Django."""

from django.apps import AppConfig


class SanitizationConfig(AppConfig):
    name = "sanitization"
    verbose_name = "Sanitization"

    def ready(self) -> None:
        from sanitization import checks  # noqa: F401  # registers them
