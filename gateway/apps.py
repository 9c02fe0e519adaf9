"""Registers the project's own checks, pages and commands, and puts changes of policies on the audit trail and
prompts into the metrics."""

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from accounts import audit
        from gateway import checks  # noqa: F401  (registers system checks)
        from gateway.metrics import counting
        from prompts import composition as prompts
        from sanitization import services

        services.listeners.append(audit.record)
        prompts.listeners.append(counting.count_prompt)
        prompts.watches.append(counting.BookWatch())
