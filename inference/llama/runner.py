"""A GGUF file in memory as a `Runner`."""

import ctypes
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp as C  # noqa: N812
import numpy as np
from numpy.typing import NDArray

from inference.backends import Format, Message, Sampling, TokenLogprob, Tool, ToolUse
from inference.llama import loading, saving
from inference.llama.batch import Batch
from inference.llama.formats import grammar_of
from inference.llama.library import get_logits, prepare
from inference.llama.sampling import sampler_of
from inference.llama.slots import Slots
from inference.llama.vocabulary import Vocabulary
from inference.memory import check_memory
from inference.options import LlamaOptions
from inference.runner import ModelBroken, OutOfCells, Row, Sampler


class LlamaRunner:
    """One model file with `options.slots` sequences. Raises ModelBroken, before it takes memory that is not
    there."""

    def __init__(self, path: Path, *, options: LlamaOptions) -> None:
        self.context: Any = None  # pointers of the C library
        self._model: Any = None
        self._vocabulary: Vocabulary | None = None
        loading.check_options(options)
        prepare()
        check_memory(path, options)
        try:
            self._load(path, options)
            self._warm_up()
        except BaseException:
            self.close()  # nobody else gets this runner to close it
            raise

    def _load(self, path: Path, options: LlamaOptions) -> None:
        opened = loading.open_model(path, options)
        self._model = opened.model
        self.is_repacked = opened.adapter is not None
        trained = int(C.llama_model_n_ctx_train(self._model)) or options.context_tokens
        is_embedding = options.kind == "embedding"
        self.slots = options.slots
        self.context_tokens = min(options.context_tokens, trained)
        if options.is_shared:
            self.context_tokens = min(self.context_tokens, options.kv_tokens)
        self.kv_tokens = options.kv_tokens if options.is_shared else self.slots * self.context_tokens
        self.step_tokens = options.step_tokens
        if is_embedding:
            # A whole text at least; and llama.cpp, which plans for a step of equally long texts, ends the
            # process where a step cannot be shared out evenly.
            longest = max(options.step_tokens, self.context_tokens)
            self.step_tokens = -(-longest // self.slots) * self.slots
        self.context = loading.open_context(
            opened, options, kv_tokens=self.kv_tokens, step_tokens=self.step_tokens
        )
        # A memory that is smaller than a step makes the step smaller; a longer one would end the process.
        self.step_tokens = min(self.step_tokens, int(C.llama_n_batch(self.context)))
        self.vocabulary = self._vocabulary = Vocabulary(self._model, is_embedding=is_embedding)
        self.can_cut = not (C.llama_model_is_recurrent(self._model) or C.llama_model_is_hybrid(self._model))
        self.notation = self.vocabulary.notation
        self.embedding_size = int(C.llama_model_n_embd_out(self._model)) if is_embedding else 0
        self.copy_seconds = 0.0
        self.look_tokens = 0.0 if options.flash_attention else loading.look_tokens(opened)
        self._fingerprint = loading.fingerprint(path, options, is_repacked=self.is_repacked)
        self._is_shared = options.is_shared
        self._slots = Slots(
            C.llama_get_memory(self.context),
            count=self.slots,
            window=int(C.llama_model_n_swa(self._model)),
            is_shared=options.is_shared,
            can_cut=self.can_cut,
        )
        self._batch = Batch(tokens=self.step_tokens, slots=self.slots)
        self._outputs: list[int] = []
        self._logits: NDArray[np.float32] = np.zeros((0, self.vocabulary.size), np.float32)

    def _warm_up(self) -> None:
        """Touches the weights and measures what copying takes."""
        token = self.vocabulary.warm_up_token
        if self.embedding_size:
            self.embed([[token] * min(8, self.context_tokens)])
            return
        self.step([Row(0, [token] * min(self.step_tokens, self.context_tokens // 2), 1)])
        if self.slots > 1 and not self._is_shared:
            self.step([Row(1, [token], 1)])
            alone = min(self._seconds_of_step(1, token) for _ in range(2))
            copied = []
            for _ in range(2):
                self.copy(0, 1, self._slots.held[0])
                copied.append(self._seconds_of_step(0, token))
            self.copy_seconds = max(0.0, min(copied) - alone)
        self._slots.empty_all()

    def _seconds_of_step(self, slot: int, token: int) -> float:
        started = time.perf_counter()
        self.step([Row(slot, [token], 1)])
        return time.perf_counter() - started

    # -- text and tokens --

    def tokens_of(
        self,
        messages: Sequence[Message[str]],
        tools: Sequence[Tool[str]] = (),
        use: ToolUse[str] | None = None,
    ) -> list[int]:
        return self.vocabulary.tokens_of(messages, tools, use)

    def tokens_of_text(self, text: str) -> list[int]:
        return self.vocabulary.tokens_of_text(text)

    def piece(self, token: int) -> bytes:
        return self.vocabulary.pieces[token]

    def is_end(self, token: int) -> bool:
        return token in self.vocabulary.ends

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
            self._slots.is_copying = False
            self._outputs = outputs
            self._read(len(outputs))
            return
        self._logits = self._logits[:0]
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
        if not 0 < total <= self.step_tokens or self.embedding_size:
            raise ValueError("a step has a token and at most step_tokens, of a model that answers")

    def _give_up(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if 0 <= row.slot < self.slots:
                self._slots.empty(row.slot)

    def _read(self, count: int) -> None:
        """Finds the logits of the last step; the same memory nearly every time."""
        if count == 0:
            self._logits = self._logits[:0]
            return
        found = get_logits(self.context)
        address = ctypes.addressof(found.contents)
        if len(self._logits) != count or self._logits.ctypes.data != address:
            self._logits = np.ctypeslib.as_array(found, (count, self.vocabulary.size))

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
            best = np.argpartition(row, -min(top, len(row)))[-top:]
            best = best[np.lexsort((best, -row[best]))]
            alternatives = tuple(TokenLogprob(self.piece(at), float(row[at])) for at in best.tolist())
        return TokenLogprob(self.piece(token), float(row[token]), alternatives)

    # -- vectors --

    def embed(self, texts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        if not self.embedding_size:
            raise ValueError("this model makes no vectors")
        longest, total = max(map(len, texts), default=0), sum(map(len, texts))
        if longest > self.context_tokens or total > self.step_tokens or len(texts) > self.slots:
            raise ValueError("a text is longer than the context, or the texts are more than a step")
        if not all(texts):
            raise ValueError("a text has no token")
        self._slots.empty_all()
        rows = [Row(slot, tokens, len(tokens)) for slot, tokens in enumerate(texts)]
        self._batch.fill(rows, self._slots.held)
        status = C.llama_decode(self.context, self._batch.struct)
        if status < -1:
            raise ModelBroken("llama.cpp failed to compute a step.")
        if status != 0:
            raise RuntimeError(f"llama_decode: {status}")
        vectors = [self._vector(slot) for slot in range(len(texts))]
        self._slots.empty_all()
        return vectors

    def _vector(self, slot: int) -> tuple[float, ...]:
        found = C.llama_get_embeddings_seq(self.context, slot)
        vector = np.ctypeslib.as_array(found, (self.embedding_size,)).astype(np.float64)
        return tuple((vector / (np.linalg.norm(vector) or 1.0)).tolist())

    # -- files --

    def save(self, slot: int, path: Path, tokens: Sequence[int]) -> None:
        if len(tokens) != self._slots.held[slot]:
            raise ValueError("a slot is saved with the tokens that it holds")
        if not self._settle():
            raise OSError("no slot is free to finish a copy with")
        saving.write(path, self.context, slot, tokens, fingerprint=self._fingerprint)

    def restore(self, slot: int, path: Path) -> list[int]:
        self._slots.empty(slot)
        tokens, state = saving.read(path, fingerprint=self._fingerprint, most_tokens=self.context_tokens)
        if not tokens or not self._settle() or not saving.load(self.context, slot, state):
            self._slots.empty(slot)
            return []
        return self._slots.filled(slot, tokens)

    def _settle(self) -> bool:
        """Copies are carried out by the next step; so a step there must be, in a slot that holds nothing."""
        if not self._slots.is_copying:
            return True
        free = next((slot for slot, held in enumerate(self._slots.held) if held == 0), None)
        if free is None:
            return False
        self.step([Row(free, [self.vocabulary.warm_up_token], 0)])
        self._slots.empty(free)
        return True

    def close(self) -> None:
        if self._vocabulary is not None:
            self._vocabulary.close()
        if self.context:
            C.llama_free(self.context)
        if self._model:
            C.llama_model_free(self._model)
        self.context = self._model = None
        self._logits = np.zeros((0, 0), np.float32)
