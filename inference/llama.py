"""
llama.cpp behind `inference.runner.Runner`. The only module that imports llama_cpp.

Uses the low-level API: the high-level one serialises callers behind locks and cannot stop inside a prompt.
"""

import ctypes
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp as C  # noqa: N812  (the C API, under its customary letter)
import numpy as np

from inference.backends import Message, Sampling
from inference.runner import ModelBroken
from inference.template import ChatTemplate

logger = logging.getLogger("inference.llama")

# A step long enough to be efficient and short enough that a caller who left is noticed soon.
STEP_TOKENS = 64
_WARNING = 3  # GGML_LOG_LEVEL_WARN


@C.llama_log_callback  # type: ignore[untyped-decorator]
def _log(level: int, text: bytes, user_data: Any) -> None:
    # Only that something was said, and how bad: llama.cpp's own words can hold a piece of a template.
    if level > _WARNING:
        logger.debug("llama.cpp reports an error")


def system_info() -> str:
    """What the library was built for."""
    return str(C.llama_print_system_info().decode())


class LlamaRunner:
    """One GGUF file in memory, one sequence. `threads` compute; they spin, so leave the web side a core."""

    def __init__(self, path: Path, *, context_tokens: int, threads: int) -> None:
        self._model: Any = None  # pointers of the C library
        self._context: Any = None
        self._sampler: Any = None
        self._batch: Any = None
        if "AMX_INT8 = 1" in system_info():
            raise ModelBroken(
                "llama-cpp-python was built for this machine's AMX, which crashes. Reinstall it with the "
                "options in requirements.txt (scripts/run does)."
            )
        C.llama_log_set(_log, ctypes.c_void_p(0))
        C.llama_backend_init()
        self._load(path, context_tokens, threads)
        self._vocab = C.llama_model_get_vocab(self._model)
        self._memory = C.llama_get_memory(self._context)
        self._batch = C.llama_batch_init(STEP_TOKENS, 0, 1)
        self._position = 0
        bos, eos = self._text(C.llama_vocab_bos), self._text(C.llama_vocab_eos)
        try:
            self._template = ChatTemplate(self._template_source(), bos=bos, eos=eos)
        except ModelBroken:
            self.close()  # the engine never gets this runner to close it
            raise

    def _load(self, path: Path, context_tokens: int, threads: int) -> None:
        options = C.llama_model_default_params()
        options.use_mmap = True
        self._model = C.llama_model_load_from_file(os.fsencode(path), options)
        if not self._model:
            raise ModelBroken(
                "The model file cannot be loaded: it is damaged, or not a GGUF this build knows."
            )
        wanted = C.llama_context_default_params()
        wanted.n_ctx = min(context_tokens, C.llama_model_n_ctx_train(self._model))
        wanted.n_batch = wanted.n_ubatch = STEP_TOKENS
        wanted.n_threads = wanted.n_threads_batch = threads
        wanted.n_seq_max = 1
        wanted.no_perf = True
        self._context = C.llama_init_from_model(self._model, wanted)
        if not self._context:
            self.close()
            raise ModelBroken(
                "There is not enough memory for the model. Use a smaller one, or less LLM_CONTEXT."
            )

    @property
    def context_tokens(self) -> int:
        return int(C.llama_n_ctx(self._context))

    # -- text and tokens --

    def tokens_of(self, messages: Sequence[Message[str]]) -> list[int]:
        tokens: list[int] = []
        for segment in self._template.render(messages):
            tokens += self._tokenize(segment.text, special=not segment.is_content)
        bos = C.llama_vocab_bos(self._vocab)
        if C.llama_vocab_get_add_bos(self._vocab) and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return tokens

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 2
        found = (C.llama_token * room)()
        count = C.llama_tokenize(self._vocab, raw, len(raw), found, room, False, special)
        return list(found[:count])

    def piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(64)
        size = C.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = C.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
        return buffer.raw[:size]

    def is_end(self, token: int) -> bool:
        return bool(C.llama_vocab_is_eog(self._vocab, token))

    def _text(self, which: Any) -> str:
        token = which(self._vocab)
        raw = C.llama_vocab_get_text(self._vocab, token) if token >= 0 else None
        return raw.decode("utf-8", "replace") if raw else ""

    def _template_source(self) -> str:
        raw = C.llama_model_chat_template(self._model, None)
        return raw.decode("utf-8", "replace") if raw else ""

    # -- the sequence --

    def keep(self, count: int) -> int:
        if count >= self._position:
            return self._position
        # Recurrent and sliding-window models refuse to forget only the end.
        if count == 0 or not C.llama_memory_seq_rm(self._memory, 0, count, -1):
            C.llama_memory_clear(self._memory, False)
            count = 0
        self._position = count
        return count

    def decode(self, tokens: Sequence[int]) -> None:
        count = len(tokens)
        batch = self._batch
        batch.n_tokens = count
        shape = (count,)
        np.ctypeslib.as_array(batch.token, shape)[:] = tokens
        np.ctypeslib.as_array(batch.pos, shape)[:] = range(self._position, self._position + count)
        np.ctypeslib.as_array(batch.n_seq_id, shape)[:] = 1
        wanted = np.ctypeslib.as_array(batch.logits, shape)
        wanted[:] = 0
        wanted[-1] = 1
        for index in range(count):
            batch.seq_id[index][0] = 0
        status = C.llama_decode(self._context, batch)
        if status != 0:
            self.keep(0)
            if status < -1:  # a failure of the computation itself, after which the state is unknown
                raise ModelBroken("llama.cpp failed to compute a step.")
            raise RuntimeError(f"llama_decode: {status}")
        self._position += count

    def begin(self, sampling: Sampling) -> None:
        self._end_sampler()
        chain = C.llama_sampler_chain_init(C.llama_sampler_chain_default_params())
        if sampling.temperature == 0:
            steps = [C.llama_sampler_init_greedy()]
        else:
            steps = [
                C.llama_sampler_init_top_k(sampling.top_k),
                C.llama_sampler_init_top_p(sampling.top_p, 1),
                C.llama_sampler_init_temp(sampling.temperature),
                C.llama_sampler_init_dist(sampling.seed or 0),
            ]
        for step in steps:
            C.llama_sampler_chain_add(chain, step)
        self._sampler = chain

    def sample(self) -> int:
        return int(C.llama_sampler_sample(self._sampler, self._context, -1))

    def _end_sampler(self) -> None:
        if self._sampler:
            C.llama_sampler_free(self._sampler)
            self._sampler = None

    def close(self) -> None:
        self._end_sampler()
        if self._context:
            C.llama_free(self._context)
        if self._batch is not None:
            C.llama_batch_free(self._batch)
        if self._model:
            C.llama_model_free(self._model)
        self._context = self._model = self._batch = None
