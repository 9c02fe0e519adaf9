"""
What of a prompt a person does not see or a model's template obeys: invisible and tag characters, bidi
overrides, the control tokens of chat templates.

Control tokens are taken apart (`<|im_start|>` becomes `< |im_start|>`), so that
every tokenizer reads them as text, whatever it does with special tokens in what users typed. The rest is
flagged: a policy may remove or block it.
"""

import re
from collections.abc import Callable

from sanitization.filters import Stage
from sanitization.joining import Joiner
from sanitization.policies import Policy
from sanitization.rules import Category, Rule, declare
from sanitization.spans import Action, Span

INVISIBLE, TAGS, BIDI, TOKEN = "invisible_text", "tag_characters", "bidi_override", "control_token"

declare(
    Rule(
        INVISIBLE,
        Category.ATTACK,
        "Zero-width characters inside Latin words, or many in a row: text hidden from the reader.",
        prompt=Action.FLAG,
        answer=Action.OFF,
    ),
    Rule(
        TAGS,
        Category.ATTACK,
        "Unicode tag characters outside of flags: a text that nobody sees and models read.",
        prompt=Action.FLAG,
        answer=Action.OFF,
    ),
    Rule(
        BIDI,
        Category.ATTACK,
        "Bidi overrides, which show a text in another order than it is read (CVE-2021-42574).",
        prompt=Action.FLAG,
        answer=Action.OFF,
        version=2,
    ),
    Rule(
        TOKEN,
        Category.ATTACK,
        "Control tokens of chat templates, typed by a user; they are taken apart.",
        prompt=Action.REMOVE,
        answer=Action.OFF,
    ),
)

# Zero-width space, non-joiner, joiner, word joiner and invisible operators, no-break space of no width,
# soft hyphen, Mongolian vowel separator, Hangul fillers, Khmer inherent vowels.
_ZERO = "\u00ad\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u2060-\u2064\u3164\ufeff\uffa0"
_LATIN = "A-Za-z0-9\u00c0-\u024f"
_RUN = 64  # a longer run of hidden characters is several findings

# Python's `re` on hostile text: every repeat is bounded and possessive, every alternative begins differently.
_HIDDEN = re.compile(
    rf"(?P<invisible_text>(?<=[{_LATIN}])[{_ZERO}]{{1,{_RUN}}}+(?=[{_LATIN}])|[{_ZERO}]{{3,{_RUN}}}+)"
    rf"|(?P<flag>\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{3,6}}+\U000e007f)"
    rf"|(?P<tag_characters>[\U000e0000-\U000e007f]{{1,{_RUN}}}+)"
    rf"|(?P<bidi_override>[\u202d\u202e]{{1,{_RUN}}}+)"
)
_MAY_HIDE = re.compile(rf"[{_ZERO}\u202d\u202e\U000e0000-\U000e007f]")

# The tokens of ChatML, Llama 2 to 4, Mistral, Gemma, DeepSeek, Qwen, Phi, Command R, Falcon, Granite, T5 and
# code models: `<|…|>` in general, with DeepSeek's own bars, and the named ones. Not those that are also words
# of everyday XML (`<message>`, `<filename>`).
_NAMES = (
    "s|pad|unk|bos|eos|extra_id_\\d{1,3}|start_of_turn|end_of_turn|start_of_image|end_of_image"
    "|fim_prefix|fim_middle|fim_suffix|fim_pad|file_sep|repo_name|gh_stars|reponame|jupyter_start"
    "|tool_call|tool_response|think|BOS_TOKEN|EOS_TOKEN|beginning_of_sentence|endoftext|unused\\d{1,4}"
)
_BARS = "|\uff5c"
_TOKEN = re.compile(
    rf"<[{_BARS}][A-Za-z0-9_\u2581/][A-Za-z0-9_\u2581/ .:-]{{0,47}}+[{_BARS}]>"
    rf"|<(?:/?(?:{_NAMES})|turn[{_BARS}]|[{_BARS}]turn)>"
    r"|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|THINK)\]"
    r"|\[(?:IMG|SUFFIX|PREFIX|MIDDLE)\]"
    r"|\[(?:MASK|CLS|SEP|PAD|UNK|gMASK|sMASK|CALL_ID)\]"
)
LONGEST = 128  # more than a token, a flag or a run is long


def _may_hide(text: str) -> bool:
    return not text.isascii() and _MAY_HIDE.search(text) is not None


def _may_be_token(text: str) -> bool:
    return "<" in text or "[" in text


class EdgeScan:
    """A text's way through one bounded pattern. Holds back as much as a match may be long. `may_match` is a
    quick look: where it says no, there is no match. `alike`: the same is done about all `rules`.
    """

    def __init__(
        self,
        pattern: re.Pattern[str],
        may_match: Callable[[str], bool],
        rules: frozenset[str],
        *,
        alike: bool = True,
    ) -> None:
        self._pattern = pattern
        self._may_match = may_match
        self._rules = rules
        self._text = ""  # from one character before what has not been read on, once there is one
        self._base = 0
        self._read = 0  # position up to which everything has been found
        self._joiner = Joiner(mixes=alike)
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        self._text += piece
        end = self._base + len(self._text)
        sure = end if last else max(self._read, end - LONGEST)
        start = self._read
        units = self._units(sure) if self._may_match(self._text) else []
        self._read = max(self._read, sure)
        spans = self._joiner.take(units, self._text, start, self._read, base=self._base)
        if last:
            spans += self._joiner.close()
        self.settled = self._joiner.settled(self._read)
        kept = max(0, self._read - self._base - 1)
        self._text, self._base = self._text[kept:], self._base + kept
        return spans

    def _units(self, sure: int) -> list[tuple[int, int, str, str]]:
        """Every match that begins before `sure`: where it is, its rule, and what takes its place."""
        base, rules, read = self._base, self._rules, self._read
        units: list[tuple[int, int, str, str]] = []
        add = units.append
        for found in self._pattern.finditer(self._text, read - base):
            start, end = found.span()
            if start + base >= sure:
                break
            read = end + base
            if (rule := found.lastgroup) in rules:
                add((start + base, read, rule, ""))
            elif rule is None and TOKEN in rules:
                add((start + base, read, TOKEN, f"{found[0][0]} {found[0][1:]}"))
        self._read = read
        return units


class HiddenTextFilter:
    """Prompts only. Before everything else: what is hidden may be removed, and the rest read without it."""

    stage = Stage.BYTES
    rules = frozenset({INVISIBLE, TAGS, BIDI})

    def open_prompt(self, policy: Policy) -> EdgeScan | None:
        actions = {rule: policy.action("prompt", rule) for rule in self.rules}
        wanted = frozenset(rule for rule, action in actions.items() if action is not Action.OFF)
        done = {(actions[rule], policy.threshold(rule)) for rule in wanted}
        return EdgeScan(_HIDDEN, _may_hide, wanted, alike=len(done) == 1) if wanted else None

    def open_answer(self, policy: Policy) -> None:
        return None


class ControlTokenFilter:
    """Prompts only. After everything else: removing a value may bring a token's halves together."""

    stage = Stage.MARKUP
    rules = frozenset({TOKEN})

    def open_prompt(self, policy: Policy) -> EdgeScan | None:
        if policy.action("prompt", TOKEN) is Action.OFF:
            return None
        return EdgeScan(_TOKEN, _may_be_token, self.rules)

    def open_answer(self, policy: Policy) -> None:
        return None
