"""
Attacks on the model in prompts: texts that read like one, and texts that are hidden in an encoding.

Both rules flag; a policy may block. `prompt_attack` points at the windows that read like an attack,
`encoded_attack` at a run of base64, hexadecimal or percent-encoding that decodes to one. A value that is
hidden so is masked (`encoded_value`): whoever can decode it, reads it.
"""

import base64
import binascii
import hashlib
import re
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate
from urllib.parse import unquote_to_bytes

import numpy as np

from sanitization.attacks import features
from sanitization.attacks.scorer import Scorer, shipped
from sanitization.filters import Stage
from sanitization.matching import Cursor, Searcher
from sanitization.patterns import PatternFilter
from sanitization.policies import Policy
from sanitization.rules import Category, Rule, declare
from sanitization.spans import Action, Span

ATTACK, ENCODED_ATTACK, ENCODED_VALUE = "prompt_attack", "encoded_attack", "encoded_value"

declare(
    Rule(
        ATTACK,
        Category.ATTACK,
        "Text that reads like an attack on the model: overriding instructions, jailbreaks, prompt leaks.",
        prompt=Action.FLAG,
        answer=Action.OFF,
        aliases=("prompt_injection", "jailbreak"),
    ),
    Rule(
        ENCODED_ATTACK,
        Category.ATTACK,
        "Base64, hexadecimal or percent-encoding that hides an attack.",
        prompt=Action.FLAG,
        answer=Action.OFF,
    ),
    Rule(
        ENCODED_VALUE,
        Category.ATTACK,
        "Base64, hexadecimal or percent-encoding that hides what another rule would mask.",
        prompt=Action.MASK,
        answer=Action.OFF,
    ),
)


# Chunks whose judgement is kept. The beginning of a conversation and a program's instructions come again with
# every prompt, and this is the dearest look at them.
KNOWN_CHUNKS = 2_048
Found = tuple[tuple[int, int, float], ...]  # begin, end and score, from the chunk's beginning


class Known:
    """What was found in chunks, by a digest of each: nothing of a text stays. Serves any number of threads.

    Who sends a text that somebody else has sent saves 0.3 ms, once: from then on it is known as his.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)
        self._found: dict[tuple[bytes, float], Found] = {}

    def of(self, chunk: str, threshold: float, judge: Callable[[str], Found]) -> Found:
        data = chunk.encode("utf-8", "surrogatepass")
        name = hashlib.blake2b(data, digest_size=16, key=self._key).digest(), threshold
        found = self._found.get(name)
        if found is None:
            found = judge(chunk)
            if len(self._found) >= KNOWN_CHUNKS:
                self._found.clear()
            self._found[name] = found
        return found


class AttackScan:
    """One prompt's way through the scorer. Its spans come at the end: until then nothing is settled."""

    settled = 0

    def __init__(self, scorer: Scorer, *, threshold: float, known: Known | None = None) -> None:
        self._scorer = scorer
        self._threshold = threshold
        self._known = known or Known()
        self._text = ""
        self._start = 0
        self._spans: list[Span] = []

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        self._text += piece
        at = 0
        while (end := features.chunk_end(self._text, at)) is not None:
            self._look(at, end)
            at = end
        if last and at < len(self._text):
            self._look(at, len(self._text))
            at = len(self._text)
        self._text, self._start = self._text[at:], self._start + at
        return self._spans if last else []

    def _look(self, start: int, end: int) -> None:
        found = self._known.of(self._text[start:end], self._threshold, self._judge)
        place = self._start + start
        self._spans += [Span(place + begin, place + stop, ATTACK, score) for begin, stop, score in found]

    def _judge(self, chunk: str) -> Found:
        """The smallest windows of a chunk above the threshold; those that touch are one. The score is the
        best of all windows that hold some of it."""
        reading = features.read(chunk)
        verdict = self._scorer.judge(reading)
        if verdict.best < self._threshold:
            return ()
        marked = [False] * len(reading.places)
        for number in np.flatnonzero(verdict.scores >= self._threshold):  # smaller ones come first
            first, last = int(verdict.firsts[number]), int(verdict.lasts[number])
            if not any(marked[first:last]):
                marked[first:last] = [True] * (last - first)
        found, last = [], 0
        while True in marked[last:]:
            first = marked.index(True, last)
            last = marked.index(False, first)
            score = verdict.scores[(verdict.firsts < last) & (verdict.lasts > first)].max()
            found.append((reading.places[first], reading.places[last], round(float(score), 3)))
        return tuple(found)


class AttackFilter:
    """Prompts only. Reads them before anything is masked: placeholders are no part of an attack."""

    stage = Stage.VALUES
    rules = frozenset({ATTACK})

    def __init__(self) -> None:
        self._scorer = shipped()
        self._known = Known()

    def open_prompt(self, policy: Policy) -> AttackScan | None:
        if policy.action("prompt", ATTACK) is Action.OFF:
            return None
        return AttackScan(self._scorer, threshold=policy.threshold(ATTACK), known=self._known)

    def open_answer(self, policy: Policy) -> None:
        return None


# A run is cut every MAX_RUN characters, a multiple of 12: in every encoding, whole bytes.
MAX_RUN = 4_092
MARGIN = 64  # what comes behind so many characters changes nothing about where a run is
_RUNS = re.compile(
    r"(?:%[0-9A-Fa-f]{2}(?>(?:[A-Za-z0-9_.~+-]{0,8}+%[0-9A-Fa-f]{2})*)[A-Za-z0-9_.~+-]{0,40}+)"
    r"|[A-Za-z0-9+/_-]{16,}+={0,2}+"
    r"|(?>(?:\\(?:x|u00)[0-9A-Fa-f]{2}){8,})"
    r"|\b[0-9A-Fa-f]{2}(?>(?:[ :][0-9A-Fa-f]{2}){8,})\b"
)
# No run begins before the first of these. RE2 looks for them ten times faster than `re` for runs.
_MAY_RUN = Searcher(
    r"%[0-9A-Fa-f]{2}|[A-Za-z0-9+/_-]{16}|(?:\\(?:x|u00)[0-9A-Fa-f]{2}){8}"
    r"|\b[0-9A-Fa-f]{2}(?:[ :][0-9A-Fa-f]{2}){8}"
)
_BETWEEN_DIGITS = re.compile(r"\\(?:x|u00)|[ :]")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_MANGLED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
KNOWN = 256  # runs whose judgement a text keeps: who repeats one pays for it once
DEPTH = 2  # an encoding within an encoding is read, one more is not
# To judge a run by itself costs hundreds of microseconds, however short. Behind the first ALONE different
# ones that can be read, they are judged together, up to GROUP characters of what they say or MOST runs.
ALONE, GROUP, MOST = 64, 4_096, 1_024

Verdict = tuple[float, float]  # how much a run hides an attack, and how surely a value; 0 for none


def _quick_look(text: str) -> Cursor:
    # Only ASCII matters here, and one byte for each character is what RE2 is fastest with.
    return _MAY_RUN.over(text.encode("ascii", "replace").decode())


def _next_run(text: str, at: int, quick: Cursor) -> re.Match[str] | None:
    if at > 1 and (found := _RUNS.match(text, at) or _RUNS.match(text, at + 1)):
        return found  # right behind another one: to look for it costs more than to see it
    maybe = quick.spans(at)
    return None if maybe is None else _RUNS.search(text, maybe[0][0])


def decoded(run: str) -> list[str]:
    """What a run of encoded text says, in every encoding in which it is readable text."""
    found = [text for data in _decodings(run) if (text := _readable(data)) is not None]
    return [text for text in found if text != run]


def _decodings(run: str) -> list[bytes]:
    found = []
    if run.startswith("%"):
        found.append(unquote_to_bytes(run.replace("+", " ")))
        return found
    digits = _BETWEEN_DIGITS.sub("", run)
    if _HEX.fullmatch(digits):
        found.append(bytes.fromhex(digits))
    if digits == run:
        body = run.rstrip("=").replace("-", "+").replace("_", "/")
        body = body[: len(body) - (len(body) % 4 == 1)]
        with suppress(binascii.Error):
            found.append(base64.b64decode(body + "=" * (-len(body) % 4)))
    return found


def _readable(data: bytes) -> str | None:
    """As text, if it is one: nearly all of it UTF-8 without control bytes."""
    text = data.decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text if len(text) >= 8 else None
    return text if len(text) >= 8 and len(_MANGLED.findall(text)) * 20 <= len(text) else None


class EncodedFilter:
    """Prompts only. What is decoded goes through the scorer and through the policy's detectors."""

    stage = Stage.VALUES
    rules = frozenset({ENCODED_ATTACK, ENCODED_VALUE})

    def __init__(self) -> None:
        self._scorer = shipped()
        self._detectors = PatternFilter()

    def open_prompt(self, policy: Policy) -> "EncodedScan | None":
        wanted = {rule for rule in self.rules if policy.action("prompt", rule) is not Action.OFF}
        return EncodedScan(self, policy) if wanted else None

    def open_answer(self, policy: Policy) -> None:
        return None

    def texts(self, run: str, *, depth: int = DEPTH) -> list[str]:
        """All that a run says, in every encoding and in encodings within."""
        found = decoded(run)
        if depth > 1:
            for text in tuple(found):
                for inner in _RUNS.findall(text):
                    found += self.texts(inner[:MAX_RUN], depth=depth - 1)
        return found

    def judge(self, texts: Sequence[str], policy: Policy) -> Verdict:
        """The verdict on a run that says this."""
        attack = max(map(self._scorer.score, texts), default=0.0)
        values = [span.score for text in texts for span in self._values_in(text, policy)]
        return attack, max(values, default=0.0)

    def judge_together(self, said: Sequence[Sequence[str]], policy: Policy) -> list[Verdict]:
        """The verdicts on several runs, each by what it says. No attack is hidden by what stands beside it; a
        value that reaches into the next text is one of both.
        """
        owners = [number for number, texts in enumerate(said) for _ in texts]
        texts = [text for texts in said for text in texts]
        attacks, values = [0.0] * len(said), [0.0] * len(said)
        threshold = policy.threshold(ENCODED_ATTACK)
        for owner, score in zip(owners, self._scorer.score_each(texts), strict=True):
            if score >= threshold:
                attacks[owner] = max(attacks[owner], score)
        begins = [0, *accumulate(len(text) + 1 for text in texts)]
        for span in self._values_in("\n".join(texts), policy):
            first, last = bisect_right(begins, span.start) - 1, bisect_left(begins, span.end)
            for owner in owners[first:last]:
                values[owner] = max(values[owner], span.score)
        return list(zip(attacks, values, strict=True))

    def _values_in(self, text: str, policy: Policy) -> list[Span]:
        """What would be masked in plain text."""
        scan = self._detectors.open_prompt(policy)
        if scan is None:
            return []
        hidden = (Action.OFF, Action.FLAG)
        return [
            span
            for span in scan.feed(text, last=True)
            if span.score >= policy.threshold(span.rule) and policy.action("prompt", span.rule) not in hidden
        ]


class EncodedScan:
    """One prompt's way through the search for encoded text."""

    def __init__(self, owner: EncodedFilter, policy: Policy) -> None:
        self._owner = owner
        self._policy = policy
        self._known: dict[str, Verdict] = {}  # runs that have been judged
        self._alone = 0  # how many were judged by themselves
        self._said: dict[str, list[str]] = {}  # runs that wait to be judged together
        self._waiting: list[tuple[str, int]] = []  # they again, and where each stands
        self._size = 0
        self._text = "\n"  # begins with the character before what has not been read
        self._start = -1  # position of text[0] in the prompt
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        self._text += piece
        quick = _quick_look(self._text)
        spans: list[Span] = []
        at = 1
        while found := _next_run(self._text, at, quick):
            start, end = found.span()
            if not last and end > len(self._text) - MARGIN and end - start < MAX_RUN:
                at = start
                break  # more of it may come
            end = min(end, start + MAX_RUN)
            spans += self._take(self._text[start:end], self._start + start)
            at = end
        else:
            at = len(self._text) if last else max(at, len(self._text) - MARGIN)
        if last and self._waiting:
            spans += self._judge_waiting()
        self._text, self._start = self._text[at - 1 :], self._start + at - 1
        self.settled = self._waiting[0][1] if self._waiting else self._start + 1
        return spans

    def _take(self, run: str, place: int) -> list[Span]:
        """A run that stands here: the findings that are certain now."""
        verdict = self._known.get(run)
        if verdict is None:
            if run not in self._said:
                said = self._owner.texts(run)
                if self._alone < ALONE or not said:
                    self._alone += bool(said)
                    return _spans(run, place, self._learn(run, self._owner.judge(said, self._policy)))
                self._said[run] = said
                self._size += sum(map(len, said))
            self._waiting.append((run, place))
            enough = self._size >= GROUP or len(self._waiting) >= MOST
            return self._judge_waiting() if enough else []
        return _spans(run, place, verdict)

    def _judge_waiting(self) -> list[Span]:
        verdicts = self._owner.judge_together(list(self._said.values()), self._policy)
        judged = dict(zip(self._said, verdicts, strict=True))
        spans = [span for run, place in self._waiting for span in _spans(run, place, judged[run])]
        for run, verdict in judged.items():
            self._learn(run, verdict)
        self._said, self._waiting, self._size = {}, [], 0
        return spans

    def _learn(self, run: str, verdict: Verdict) -> Verdict:
        if len(self._known) >= KNOWN:
            self._known.clear()
        self._known[run] = verdict
        return verdict


def _spans(run: str, place: int, verdict: Verdict) -> list[Span]:
    attack, value = verdict
    end = place + len(run)
    spans = [Span(place, end, ENCODED_ATTACK, round(attack, 3))] if attack else []
    return [*spans, Span(place, end, ENCODED_VALUE, value)] if value else spans
