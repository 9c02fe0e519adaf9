"""
Texts made to be expensive: one short piece again and again. What counts is that twice the length takes about
twice the time, and that nothing else in the process has to wait long meanwhile.
"""

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.sanitizing.figures import Cell, growth
from sanitization.chain import Chain
from sanitization.errors import ScreeningFailed
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy

PIECES = {
    "nested brackets": "[",
    "nested parentheses": "(",
    "nested braces": '{"a":[',
    "links": "[a](",
    "images": "![a](",
    "open angles": "<",
    "open tags": "<a ",
    "nested tags": "<b>",
    "comments": "<!--",
    "entities": "&#",
    "single quotes": "'",
    "double quotes": '"',
    "backslashes": "\\",
    "backquotes": "`",
    "fences": "```\n",
    "a.a.a.": "a.a.a.",
    "a@": "a@",
    "@": "@",
    "digits": "1",
    "spaced digits": "1 ",
    "1-1-": "1-1-",
    "dashes": "-",
    "(0": "(0",
    "+1": "+1 ",
    "pairs of digits": "12 34 ",
    "fours of digits": "4111 ",
    "colons": "::1:",
    "IBAN": "DE44 ",
    "call": "call 1234567 ",
    "password=": "password=",
    "BEGIN lines": "-----BEGIN PRIVATE KEY-----\n",
    "BEGIN and END": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "tokens": "key=abc1def2ghi3jkl4 ",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.",
    "one word": "ab",
    "Chinese": "的",
    "zero-width": "\u200b",
    "escapes": "\x1b[",
    "addresses": "a@b.co ",
    "spelled addresses": "ann%40corp.com ",
    "nearly addresses": "a [at] b.",
    "nearly addresses in words": "a@b dot ",
    "tildes": "~~~",
    "links with a query": "[a](http://x?y)",
    "control tokens": "<|im_start|>",
    "bidi": "\u202e",
    "bidi and text": "\u202ea",
    "encoded": "%41%42",
    "addresses without blanks": "a@b.co,",
    "values in turn": "a@b.co 4111111111111111 +14155550132 ",
    "values at the borders of windows": "x " * 2044 + "a@b.co ",
    "placeholders": "[EMAIL_1]",
    "encoded blanks": "%20",
    "base64": "QUJD",
    "combining marks": "e\u0301\u0302",
    "words": "word ",
    "newlines": "\n",
    "fences of JSON": '```json\n{"a":1}\n```\n',
    "objects": '{"a":1,',
    "closing brackets": "](",
}
NUMBERED = {
    "different addresses": "a{:x}@b.co ",
    "different calls": "call {:07d} ",
    "different digits": "{0}-{0} ",
    "different links": "[a](http://x{0}?y={0})",
    "different tags": "<a href='http://x{0}'>",
}
# Encoded texts of which none is like another.
ENCODED = {"different base64": "base64", "different hexadecimal": "hex"}
# What the issue asks for.
MOST_SECONDS, MOST_GROWTH, MOST_DELAY = 2.0, 2.5, 0.1
# At least and at most so many, until the best of both lengths has come twice, as near as this.
ROUNDS, MOST_ROUNDS, AGAIN = 3, 6, 1.03
WARMING = 20_000  # characters that are read first: what is compiled or worked out once does not count
_TICK = 0.001


NAMES = (*PIECES, *NUMBERED, *ENCODED)


def text_of(name: str, size: int) -> str:
    if name in PIECES:
        piece = PIECES[name]
        return (piece * (size // len(piece) + 1))[:size]
    if name in NUMBERED:
        return _grown(lambda number: NUMBERED[name].format(number * 7919 % 9_999_991), size)
    return _grown(lambda number: _encoded(ENCODED[name], f"hello number {number} "), size)


def _grown(part: Callable[[int], str], size: int) -> str:
    """As many of these parts as make so many characters."""
    parts, length = [], 0
    while length < size:
        parts.append(part(len(parts)))
        length += len(parts[-1])
    return "".join(parts)[:size]


def _encoded(form: str, text: str) -> str:
    data = text.encode()
    return (data.hex() if form == "hex" else base64.b64encode(data).decode().rstrip("=")) + " "


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of text in one direction. Processor seconds of the thread that works, so that other programs
    do not count; `delay` is the longest that another thread of the process waited for its turn, as far as
    this one worked meanwhile. `withheld`: the chain gave up and let nothing out.
    """

    name: str
    direction: str
    half: float
    full: float
    delay: float
    withheld: bool

    @property
    def growth(self) -> float:
        return growth(self.half, self.full)

    def misses(self, scale: float) -> list[str]:
        """Which bars it misses; `scale` is the share of 1 MB that was measured."""
        bars = {
            "slow": self.full > MOST_SECONDS * scale,
            "grows": self.growth > MOST_GROWTH,
            "delays": self.delay > MOST_DELAY,
            "withheld": self.withheld,
        }
        return [name for name, missed in bars.items() if missed]

    def row(self, scale: float) -> list[Cell]:
        figures: list[Cell] = [self.half, self.full, self.growth, self.delay * 1000]
        return [self.name, self.direction, *figures, ", ".join(self.misses(scale))]

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"growth": self.growth}


class Watch:
    """A thread that wants its turn every millisecond, and remembers the longest that it had to wait for it
    while the thread that made this worked: what another program takes of the machine does not count.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._worker = time.pthread_getcpuclockid(threading.get_ident())
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        time.sleep(5 * _TICK)
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        last, worked = time.perf_counter(), time.clock_gettime(self._worker)
        while not self._done.is_set():
            time.sleep(_TICK)
            now, working = time.perf_counter(), time.clock_gettime(self._worker)
            self.longest = max(self.longest, min(now - last - _TICK, working - worked))
            last, worked = now, working


def measure(new_chain: Callable[[], Chain], policy: Policy, direction: str, name: str, size: int) -> Case:
    """Half of it and all of it, in turns, so that whatever else the machine does hits both: the least
    seconds, and the middle one of the delays. Each time by a new chain, for one knows what it has judged.

    A machine that is shared is a third slower in one minute than in the next, and then the best of a few
    rounds may be of a slow minute for one length and of a fast one for the other. So there are more of them
    until the least of each has been seen twice: that makes the growth steadier, and no smaller.
    """

    def timed(text: str) -> tuple[float, float, bool]:
        chain = new_chain()
        if direction == "prompt":
            return _timed(lambda: chain.screen_prompt({"/prompt": text}, policy))
        return _timed(lambda: chain.open_answer(policy, Placeholders()).whole(text))

    texts = text_of(name, size // 2), text_of(name, size)
    timed(texts[0][:WARMING])
    rounds: list[list[tuple[float, float, bool]]] = []
    while len(rounds) < ROUNDS or (len(rounds) < MOST_ROUNDS and not _has_settled(rounds)):
        rounds.append([timed(text) for text in texts])
    half, full = (min(seconds for seconds, _, _ in every) for every in zip(*rounds, strict=True))
    delay = median(delay for _, (_, delay, _) in rounds)
    return Case(name, direction, half, full, delay, any(gave_up for both in rounds for *_, gave_up in both))


def _has_settled(rounds: list[list[tuple[float, float, bool]]]) -> bool:
    """Whether the least seconds of each length have come twice."""
    for every in zip(*rounds, strict=True):
        least, second, *_ = sorted(seconds for seconds, _, _ in every)
        if second > least * AGAIN:
            return False
    return True


def _timed(work: Callable[[], object]) -> tuple[float, float, bool]:
    with Watch() as watch:
        before = time.thread_time()
        try:
            work()
            withheld = False
        except ScreeningFailed:
            withheld = True
        seconds = time.thread_time() - before
    return seconds, watch.longest, withheld
