"""Registers the project's own checks, pages and commands, and puts changes of policies on the audit trail."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from accounts import audit
        from gateway import checks  # noqa: F401  (registers system checks)
        from sanitization import services

        services.listeners.append(audit.record)
