"""
Choosing the next token with llama.cpp's samplers, in the order that `backends.Sampling` documents.

A grammar is asked last: a token is chosen without it, and only one that it refuses makes it look at others
(as llama.cpp's own tools do). The grammar is followed by `inference.matching`, not by llama.cpp, which
callers' grammars can bring to run for hours, to fill the memory, and to end the process.
"""

import ctypes
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import llama_cpp as C  # noqa: N812
import numpy as np
from numpy.typing import NDArray

from inference.backends import Sampling
from inference.errors import FormatRefused
from inference.gbnf import parse
from inference.llama.library import sampler_accept, sampler_apply, sampler_sample
from inference.llama.vocabulary import NO_BYTE, Vocabulary
from inference.matching import Matcher

PENALTY_TOKENS = 64  # prompt and answer, the newest
# More than any bias means; infinite ones would make a NaN of a token that the grammar forbids.
_MOST_BIAS = 1e4
_LEAST_TEMPERATURE = 1e-3  # below it is greedy
# Of the tokens that a grammar may allow, how many are looked at first; and what looking may cost.
LIKELIEST = 512
MOST_WORK_A_TOKEN = 50_000
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Outputs(Protocol):
    """Where a sampler reads: the runner's last step."""

    context: Any  # a pointer of the C library
    vocabulary: Vocabulary

    def logits(self, output: int) -> NDArray[np.float32]:
        """The row of that output: a view that the next step overwrites."""
        ...

    def batch_index(self, output: int) -> int:
        """Where in the step's batch that output's token is."""
        ...


def sampler_of(
    outputs: Outputs, sampling: Sampling, grammar: str, prompt: Sequence[int]
) -> "Likeliest | Chain | Grammatical":
    """The cheapest sampler that does what is asked. Raises FormatRefused."""
    sampling = _within_reason(sampling)
    penalised = sampling.repetition_penalty != 1 or sampling.frequency_penalty or sampling.presence_penalty
    biases = _biases(outputs, sampling)
    if sampling.temperature <= 0 and not (biases or penalised or grammar):
        return Likeliest(outputs)
    matcher = Matcher(parse(grammar)) if grammar else None
    chain = _chain(outputs, sampling, biases, penalised=bool(penalised))
    if penalised:
        for token in prompt[-PENALTY_TOKENS:]:
            sampler_accept(chain, token)
    if matcher is None:
        return Chain(outputs, chain)
    return Grammatical(outputs, chain, matcher, biased=[*biases, *prompt[-PENALTY_TOKENS:]])


class Likeliest:
    """Greedy, with nothing between: of equals, the lowest token."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs

    def choose(self, output: int) -> int:
        return int(self._outputs.logits(output).argmax())

    def close(self) -> None:
        pass


class Chain:
    """llama.cpp's samplers, one after the other."""

    def __init__(self, outputs: Outputs, chain: Any) -> None:
        self._outputs = outputs
        self._chain = chain

    def choose(self, output: int) -> int:
        outputs = self._outputs
        return int(sampler_sample(self._chain, outputs.context, outputs.batch_index(output)))

    def close(self) -> None:
        if self._chain:
            C.llama_sampler_free(self._chain)
            self._chain = None


class Grammatical:
    """A chain whose tokens a grammar allows.

    Where the grammar refuses what the chain chose, the chain chooses again among allowed tokens: the
    likeliest of them, as many as are found among the LIKELIEST tokens that begin as the grammar wants.
    """

    def __init__(self, outputs: Outputs, chain: Any, matcher: Matcher, *, biased: Sequence[int]) -> None:
        self._outputs = outputs
        self._chain = chain
        self._matcher = matcher
        self._biased = np.array(biased, np.intp)
        self._room = np.zeros(outputs.vocabulary.size, _CANDIDATE)
        self._candidates: Any = C.llama_token_data_array()

    def choose(self, output: int) -> int:
        """Raises FormatRefused where the grammar is beyond its limits, or no token can go on in it."""
        outputs, matcher = self._outputs, self._matcher
        logits = outputs.logits(output)
        token = self._choose(outputs.vocabulary.every_token, logits)
        if not self._allows(token):
            allowed = self._allowed(logits)
            if len(allowed) == 0:
                raise FormatRefused("The model has no token that goes on in this grammar.")
            token = self._choose(allowed, logits[allowed]) if len(allowed) > 1 else int(allowed[0])
        sampler_accept(self._chain, token)
        if token not in outputs.vocabulary.ends:
            matcher.accept(outputs.vocabulary.pieces[token])
        return token

    def _choose(self, tokens: NDArray[np.intp], logits: NDArray[np.float32]) -> int:
        room, candidates = self._room[: len(tokens)], self._candidates
        room["id"] = tokens
        room["logit"] = logits
        candidates.data = self._room.ctypes.data_as(C.llama_token_data_p)
        candidates.size, candidates.selected, candidates.sorted = len(tokens), -1, False
        sampler_apply(self._chain, ctypes.byref(candidates))
        at = candidates.selected
        return int(candidates.data[at].id) if 0 <= at < candidates.size else int(tokens[0])

    def _allows(self, token: int) -> bool:
        if token in self._outputs.vocabulary.ends:
            return self._matcher.can_end
        return self._matcher.allows(self._outputs.vocabulary.pieces[token])

    def _allowed(self, logits: NDArray[np.float32]) -> NDArray[np.intp]:
        """The likeliest tokens that may come next, by falling likelihood."""
        fitting = self._fitting()
        by_bias = self._biased[np.isin(self._biased, fitting)]
        budget = self._matcher.work + MOST_WORK_A_TOKEN
        for most in (LIKELIEST, 16 * LIKELIEST, len(fitting)):
            if len(fitting) > most:
                best = fitting[np.argpartition(logits[fitting], -most)[-most:]]
                best = np.union1d(best, by_bias)
            else:
                best = fitting
            best = best[np.argsort(-logits[best], kind="stable")]
            found = []
            for token in best.tolist():
                if self._allows(token):
                    found.append(token)
                if self._matcher.work > budget:
                    break
            if found or len(best) == len(fitting) or self._matcher.work > budget:
                return np.array(found, np.intp)
        return fitting[:0]

    def _fitting(self) -> NDArray[np.intp]:
        """The tokens whose first byte may come next; of those that end an answer, if it may end."""
        ascii_bits, leading, following = self._matcher.first_bytes()
        fits = np.zeros(257, bool)
        fits[:128] = np.unpackbits(
            np.frombuffer(ascii_bits.to_bytes(16, "little"), np.uint8), bitorder="little"
        )
        fits[0x80:0xC0] = following
        fits[0xC0:0x100] = leading
        fits[NO_BYTE] = False
        tokens: NDArray[np.intp] = np.flatnonzero(fits[self._outputs.vocabulary.first_byte])
        if self._matcher.can_end:
            tokens = np.union1d(tokens, np.array(self._outputs.vocabulary.end_tokens, np.intp))
        return tokens

    def close(self) -> None:
        if self._chain:
            C.llama_sampler_free(self._chain)
            self._chain = None


def _within_reason(sampling: Sampling) -> Sampling:
    """The same wishes where numbers still mean something: beyond, sums overflow and nothing can be drawn."""

    def within(value: float, low: float, high: float) -> float:
        return low if math.isnan(value) else max(low, min(high, value))

    temperature = within(sampling.temperature, 0.0, 1e3)
    return replace(
        sampling,
        temperature=temperature if temperature >= _LEAST_TEMPERATURE else 0.0,
        repetition_penalty=within(sampling.repetition_penalty, 1e-2, 1e2),
        frequency_penalty=within(sampling.frequency_penalty, -_MOST_BIAS, _MOST_BIAS),
        presence_penalty=within(sampling.presence_penalty, -_MOST_BIAS, _MOST_BIAS),
        top_p=within(sampling.top_p, 0.0, 1.0),
        typical_p=within(sampling.typical_p, 0.0, 1.0),
        min_p=within(sampling.min_p, 0.0, 1.0),
        top_k=max(0, min(sampling.top_k, 2**31 - 1)),
    )


def _chain(outputs: Outputs, sampling: Sampling, biases: dict[int, float], *, penalised: bool) -> Any:
    steps: list[Any] = []
    if biases:
        table = (C.llama_logit_bias * len(biases))(*(C.llama_logit_bias(*each) for each in biases.items()))
        steps.append(C.llama_sampler_init_logit_bias(outputs.vocabulary.size, len(biases), table))
    if penalised:
        steps.append(
            C.llama_sampler_init_penalties(
                outputs.vocabulary.size,
                PENALTY_TOKENS,
                sampling.repetition_penalty,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            )
        )
    if sampling.temperature <= 0:
        steps.append(C.llama_sampler_init_greedy())
    else:
        if sampling.top_k > 0:
            steps.append(C.llama_sampler_init_top_k(sampling.top_k))
        if sampling.typical_p < 1:
            steps.append(C.llama_sampler_init_typical(sampling.typical_p, 1))
        if sampling.top_p < 1:
            steps.append(C.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p > 0:
            steps.append(C.llama_sampler_init_min_p(sampling.min_p, 1))
        steps.append(C.llama_sampler_init_temp(sampling.temperature))
        steps.append(C.llama_sampler_init_dist(sampling.seed or 0))
    chain = C.llama_sampler_chain_init(C.llama_sampler_chain_default_params())
    for step in steps:
        C.llama_sampler_chain_add(chain, step)
    return chain


def _biases(outputs: Outputs, sampling: Sampling) -> dict[int, float]:
    """The bias of each token, of those that the model has."""
    biases = {
        token: max(-_MOST_BIAS, min(_MOST_BIAS, bias))
        for token, bias in sampling.logit_bias
        if 0 <= token < outputs.vocabulary.size and not math.isnan(bias)
    }
    if sampling.ignore_eos:
        biases.update(dict.fromkeys(outputs.vocabulary.end_tokens, -math.inf))
    return biases
