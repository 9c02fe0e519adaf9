"""Who may come in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import browser, checks, schema  # noqa: F401  (they register themselves)
