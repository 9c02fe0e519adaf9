"""Registers the project's own checks, pages and commands with Django."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from gateway import checks  # noqa: F401  (registers system checks)
