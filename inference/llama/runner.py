"""A GGUF file in memory as a `Runner`: loading, text and tokens, steps."""

import ctypes
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp as C  # noqa: N812
import numpy as np
from numpy.typing import NDArray

from inference.backends import Format, Message, Sampling, TokenLogprob
from inference.llama.batch import Batch
from inference.llama.formats import grammar_of
from inference.llama.library import prepare
from inference.llama.sampling import NO_BYTE, sampler_of
from inference.llama.slots import Slots
from inference.options import LlamaOptions
from inference.runner import ModelBroken, OutOfCells, Row, Sampler
from inference.template import ChatTemplate

_KV_TYPES = {"f16": C.GGML_TYPE_F16, "q8_0": C.GGML_TYPE_Q8_0, "q4_0": C.GGML_TYPE_Q4_0}


class LlamaRunner:
    """One model file with `options.slots` sequences. Raises ModelBroken."""

    def __init__(self, path: Path, *, options: LlamaOptions) -> None:
        self.context: Any = None  # pointers of the C library
        self._model: Any = None
        prepare()
        try:
            self._load(path, options)
            self._warm_up()
        except BaseException:
            self.close()  # nobody else gets this runner to close it
            raise

    def _load(self, path: Path, options: LlamaOptions) -> None:
        self._model = _load_model(path, options)
        self.vocab = C.llama_model_get_vocab(self._model)
        self.vocab_size = int(C.llama_vocab_n_tokens(self.vocab))
        trained = int(C.llama_model_n_ctx_train(self._model)) or options.context_tokens
        self.slots = options.slots
        self.context_tokens = min(options.context_tokens, trained)
        if options.is_shared:
            self.context_tokens = min(self.context_tokens, options.kv_tokens)
        self.kv_tokens = options.kv_tokens if options.is_shared else self.slots * self.context_tokens
        self.step_tokens = options.step_tokens
        self.context = _make_context(self._model, options, kv_tokens=self.kv_tokens)
        self.can_cut = not (C.llama_model_is_recurrent(self._model) or C.llama_model_is_hybrid(self._model))
        self.embedding_size = 0
        self.copy_seconds = 0.0
        self._slots = Slots(
            C.llama_get_memory(self.context),
            count=self.slots,
            window=int(C.llama_model_n_swa(self._model)),
            is_shared=options.is_shared,
            can_cut=self.can_cut,
        )
        self._batch = Batch(tokens=self.step_tokens, slots=self.slots)
        self._outputs: list[int] = []
        self._logits: NDArray[np.float32] = np.zeros((0, self.vocab_size), np.float32)
        self._read_vocabulary()
        bos, eos = self._text(C.llama_vocab_bos), self._text(C.llama_vocab_eos)
        self._template = ChatTemplate(self._template_source(), bos=bos, eos=eos)

    def _warm_up(self) -> None:
        """Touches the weights and measures what copying takes."""
        token = max(0, int(C.llama_vocab_bos(self.vocab)))
        self.step([Row(0, [token] * min(self.step_tokens, self.context_tokens - 1), 1)])
        if self.slots > 1 and self.kv_tokens == self.slots * self.context_tokens:
            self.step([Row(1, [token], 1)])
            alone = self._seconds_of_step(1, token)
            self.copy(0, 1, self._slots.held[0])
            self.copy_seconds = max(0.0, self._seconds_of_step(0, token) - alone)
        self._slots.empty_all()

    def _seconds_of_step(self, slot: int, token: int) -> float:
        started = time.perf_counter()
        self.step([Row(slot, [token], 1)])
        return time.perf_counter() - started

    # -- text and tokens: from any thread --

    def tokens_of(self, messages: Sequence[Message[str]]) -> list[int]:
        tokens: list[int] = []
        for segment in self._template.render(messages):
            tokens += self._tokenize(segment.text, special=not segment.is_content)
        return self._begun(tokens)

    def tokens_of_text(self, text: str) -> list[int]:
        return self._begun(self._tokenize(text, special=False))

    def _begun(self, tokens: list[int]) -> list[int]:
        bos = C.llama_vocab_bos(self.vocab)
        if C.llama_vocab_get_add_bos(self.vocab) and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        return tokens

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 2
        found = (C.llama_token * room)()
        count = C.llama_tokenize(self.vocab, raw, len(raw), found, room, False, special)
        return list(found[:count])

    def piece(self, token: int) -> bytes:
        return self.pieces[token]

    def is_end(self, token: int) -> bool:
        return token in self.ends

    def _read_vocabulary(self) -> None:
        every = range(self.vocab_size)
        self.every_token = np.arange(self.vocab_size)
        self.end_tokens = [token for token in every if C.llama_vocab_is_eog(self.vocab, token)]
        self.ends = frozenset(self.end_tokens)
        self.pieces = [self._piece(token) for token in every]
        first = [piece[0] if piece else NO_BYTE for piece in self.pieces]
        self.first_byte = np.array(first, np.int16)

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(64)
        size = C.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = C.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
        return buffer.raw[:size]

    def _text(self, which: Any) -> str:
        token = which(self.vocab)
        raw = C.llama_vocab_get_text(self.vocab, token) if token >= 0 else None
        return raw.decode("utf-8", "replace") if raw else ""

    def _template_source(self) -> str:
        raw = C.llama_model_chat_template(self._model, None)
        return raw.decode("utf-8", "replace") if raw else ""

    # -- what the slots hold --

    def cut(self, slot: int, count: int) -> int:
        return self._slots.cut(slot, count)

    def copy(self, source: int, target: int, count: int) -> int:
        return self._slots.copy(source, target, count)

    def step(self, rows: Sequence[Row]) -> None:
        held = self._slots.held
        try:
            self._check(rows)
            outputs = self._batch.fill(rows, held)
            status = C.llama_decode(self.context, self._batch.struct)
        except BaseException:
            self._give_up(rows)
            raise
        if status == 0:
            for row in rows:
                held[row.slot] += len(row.tokens)
            self._slots.copied_into.clear()
            self._outputs = outputs
            self._read(len(outputs))
            return
        if status == 1:
            raise OutOfCells
        self._give_up(rows)
        if status < -1:  # a failure of the computation itself, after which the state is unknown
            raise ModelBroken("llama.cpp failed to compute a step.")
        raise RuntimeError(f"llama_decode: {status}")

    def _check(self, rows: Sequence[Row]) -> None:
        """Against what would end the process in llama.cpp, or leave it in a state that nobody knows."""
        total, last = 0, -1
        for row in rows:
            count = len(row.tokens)
            total += count
            if not (last < row.slot < self.slots and 0 <= row.outputs <= count > 0):
                raise ValueError("rows come by ascending slot, each with tokens")
            if self._slots.held[row.slot] + count > self.context_tokens:
                raise ValueError("a slot holds no more than the context")
            last = row.slot
        if not 0 < total <= self.step_tokens:
            raise ValueError("a step has a token and at most step_tokens")

    def _give_up(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if 0 <= row.slot < self.slots:
                self._slots.empty(row.slot)

    def _read(self, count: int) -> None:
        """Finds the logits of the last step; the same memory nearly every time."""
        if count == 0:
            self._logits = self._logits[:0]
            return
        found = C.llama_get_logits(self.context)
        address = ctypes.addressof(found.contents)
        if len(self._logits) != count or self._logits.ctypes.data != address:
            self._logits = np.ctypeslib.as_array(found, (count, self.vocab_size))

    # -- choosing --

    def logits(self, output: int) -> NDArray[np.float32]:
        row: NDArray[np.float32] = self._logits[output]
        return row

    def batch_index(self, output: int) -> int:
        return self._outputs[output]

    def compile(self, format: Format[str]) -> str:
        return grammar_of(format)

    def sampler(self, sampling: Sampling, grammar: str, prompt: Sequence[int]) -> Sampler:
        return sampler_of(self, sampling, grammar, prompt)

    def logprobs(self, output: int, token: int, *, top: int) -> TokenLogprob:
        row = self._logits[output].astype(np.float64)
        row -= row.max()
        row -= np.log(np.exp(row).sum())
        alternatives: tuple[TokenLogprob, ...] = ()
        if top > 0:
            top = min(top, len(row))
            best = np.argpartition(row, -top)[-top:]
            best = best[np.lexsort((best, -row[best]))]
            alternatives = tuple(TokenLogprob(self.piece(int(at)), float(row[at])) for at in best)
        return TokenLogprob(self.piece(token), float(row[token]), alternatives)

    def embed(self, texts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        raise NotImplementedError

    def save(self, slot: int, path: Path, tokens: Sequence[int]) -> None:
        raise NotImplementedError

    def restore(self, slot: int, path: Path) -> list[int]:
        raise NotImplementedError

    def close(self) -> None:
        if self.context:
            C.llama_free(self.context)
        if self._model:
            C.llama_model_free(self._model)
        self.context = self._model = None


def _load_model(path: Path, options: LlamaOptions) -> Any:
    wanted = C.llama_model_default_params()
    wanted.n_gpu_layers = options.gpu_layers
    model = C.llama_model_load_from_file(os.fsencode(path), wanted)
    if not model:
        raise ModelBroken("The model file cannot be loaded: it is damaged, or not a GGUF this build knows.")
    return model


def _make_context(model: Any, options: LlamaOptions, *, kv_tokens: int) -> Any:
    wanted = C.llama_context_default_params()
    wanted.n_ctx = kv_tokens
    wanted.n_seq_max = options.slots
    wanted.kv_unified = options.is_shared
    # A ubatch is a whole step: rows of different lengths become several.
    wanted.n_batch = wanted.n_ubatch = options.step_tokens
    wanted.n_threads = wanted.n_threads_batch = options.threads
    wanted.type_k = wanted.type_v = _KV_TYPES[options.kv_type]
    wanted.flash_attn_type = 1 if options.flash_attention else 0
    wanted.swa_full = False
    wanted.no_perf = True
    context = C.llama_init_from_model(model, wanted)
    if not context:
        raise ModelBroken("There is not enough memory for the model. Use a smaller one, or less LLM_CONTEXT.")
    return context
