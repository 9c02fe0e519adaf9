"""
The C library: silenced, refused where its build crashes, and called in two ways.

llama_cpp's functions let other Python threads run meanwhile. That is right for what takes milliseconds; but
whoever comes back from a call waits up to a switch interval (0.5 ms on the server) for a busy thread to stop,
so the short calls, of which there are many a step, keep the interpreter: `short` makes such a one.
"""

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


def short(function: Any) -> Any:
    """The same C function, called without letting other Python threads run."""
    prototype = ctypes.PYFUNCTYPE(function.restype, *function.argtypes)
    return prototype(ctypes.cast(function, ctypes.c_void_p).value or 0)


get_logits = short(C.llama_get_logits)
memory_seq_rm = short(C.llama_memory_seq_rm)
memory_seq_cp = short(C.llama_memory_seq_cp)
memory_seq_pos_min = short(C.llama_memory_seq_pos_min)
sampler_sample = short(C.llama_sampler_sample)
sampler_accept = short(C.llama_sampler_accept)
sampler_apply = short(C.llama_sampler_apply)


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
