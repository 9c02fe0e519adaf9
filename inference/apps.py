"""What answers. Loads the local model, once, in processes that serve."""

import sys

from django.apps import AppConfig
from django.conf import settings

# Threads that hold the interpreter lock slow the engine's loop: with one busy thread beside it, it lost a
# third of its speed at the default of 5 ms, and 4 % at this.
SWITCH_SECONDS = 0.0005


class InferenceConfig(AppConfig):
    name = "inference"

    def ready(self) -> None:
        """Runs for `migrate`, `shell` and tests too: only LLM_AUTOSTART, which server entry points set,
        loads anything. The load goes on in the engine's thread after this returns."""
        from inference import checks, fleet  # noqa: F401  (checks register themselves)

        if settings.LLM_AUTOSTART:
            if fleet.uses_local():
                sys.setswitchinterval(SWITCH_SECONDS)
            fleet.start()
