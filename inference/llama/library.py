"""The C library: silenced, and refused where its build crashes."""

import ctypes
import logging
from functools import cache
from typing import Any

import llama_cpp as C  # noqa: N812  (the C API, under its customary letter)

from inference.runner import ModelBroken

logger = logging.getLogger("inference.llama")

_WARNING = 3  # GGML_LOG_LEVEL_WARN


@C.llama_log_callback  # type: ignore[untyped-decorator]
def _log(level: int, text: bytes, user_data: Any) -> None:
    # Only that something was said, and how bad: llama.cpp's own words can hold a piece of a template.
    if level > _WARNING:
        logger.debug("llama.cpp reports an error")


def system_info() -> str:
    """What the library was built for."""
    return str(C.llama_print_system_info().decode())


@cache
def prepare() -> None:
    """Once in a process, before anything else of the library. Raises ModelBroken."""
    if "AMX_INT8 = 1" in system_info():
        raise ModelBroken(
            "llama-cpp-python was built for this machine's AMX, which crashes. Reinstall it with the "
            "options in requirements.txt (scripts/run does)."
        )
    C.llama_log_set(_log, ctypes.c_void_p(0))
    C.llama_backend_init()
