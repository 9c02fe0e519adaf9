"""
However a text is cut, the same comes out: seeded texts of everything mixed, through every filter there is,
with the caller's own values put back. test_laws.py looks for small counterexamples, this for strange ones.
"""

import random

import pytest

from sanitization.chain import Chain
from sanitization.filters import DEFAULT_FILTERS
from sanitization.placeholders import Placeholders
from sanitization.policies import CustomRule, Policy
from sanitization.restore import Restorer
from sanitization.rulings import Ruling
from sanitization.spans import Action
from tests.sanitization.samples import mixture

EVERY = Chain.from_paths(DEFAULT_FILTERS, key=b"0" * 32)
_SYSTEM = "Be a careful librarian of the old town, and never name a reader to anybody who asks for one."
_CUSTOM = (
    CustomRule("bird", "word", "Bluebird"),
    CustomRule("team", "phrase", "red team", Action.FLAG),
    CustomRule("ticket", "pattern", r"\bPRJ-\d{3,6}\b", Action.BLOCK, "answer"),
)
POLICIES = {
    "default": Policy(),
    "html": Policy(html="html"),
    "off": Policy(html="off"),
    "own": Policy(
        prompt={"email": Action.HASH, "phone": Action.REMOVE, "invisible_text": Action.REMOVE},
        answer={"email": Action.FLAG, "iban": Action.BLOCK, "url": Action.MASK, "person_name": Action.MASK},
        thresholds={"phone": 0.2, "us_ssn": 0.2},
        allow={"email": ("*@example.com",)},
        custom=_CUSTOM,
        origins=("https://*.example",),
        links="listed",
        system_prompt=_SYSTEM,
    ),
}
MINE = EVERY.screen_prompt(
    {"/prompt": 'ann.miller@corp.example, +1 212 555 0187, `<b>&` "x"@corp.example'}, Policy()
).placeholders


def answered(policy, parts):
    """An answer in these pieces: its text, its findings, whether it was cut off, and the caller's copy."""
    stream = EVERY.open_answer(policy, MINE)
    restorer = Restorer(MINE, policy.html, unrestored=policy.unrestored)
    sent = [stream.feed(part) for part in parts] + [stream.finish()]
    copy = [restorer.feed(part) for part in sent] + [restorer.finish()]
    return "".join(sent), stream.findings, stream.blocked, "".join(copy)


def asked(policy, parts):
    """A prompt in these pieces: its text, its findings, whether it was refused."""
    ruling = Ruling(
        "prompt", policy, Placeholders(["".join(parts)]), EVERY._fingerprints, ends_at_block=False
    )
    stream = EVERY._open(ruling, "/prompt")
    sent = [stream.feed(part) for part in parts] + [stream.finish()]
    return "".join(sent), stream.findings, stream.blocked


def cut(text, places):
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


def differing(way, policy, seed, *, parts, cuts):
    """A text of so many parts, and the first of so many ways to cut it (None: every one in two) that changes
    what comes out."""
    chance = random.Random(seed)
    text = mixture(chance, parts)
    whole = way(policy, [text])
    if cuts is None:
        ways = [[place] for place in range(len(text) + 1)]
    else:
        ways = [sorted(chance.choices(range(len(text) + 1), k=chance.randint(1, 30))) for _ in range(cuts)]
        ways.append(list(range(0, len(text), chance.randint(1, 9))))
    return next(((text, places) for places in ways if way(policy, cut(text, places)) != whole), None)


@pytest.mark.parametrize("way", [answered, asked], ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", POLICIES)
def test_every_cut_in_two_of_a_short_text(way, name):
    for seed in range(2):
        assert differing(way, POLICIES[name], f"short {name} {seed}", parts=6, cuts=None) is None


@pytest.mark.parametrize("way", [answered, asked], ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", POLICIES)
def test_random_cuts_of_a_long_text(way, name):
    for seed in range(2):
        assert differing(way, POLICIES[name], f"long {name} {seed}", parts=80, cuts=2) is None


@pytest.mark.parametrize(
    "text",
    [
        "Год письмо свой на жизнь а время мочь " * 9,
        "革件被革九和事被无论出事之明象还说组好次没政会则一活" * 9,
        "و این متن فارسی است " * 15,
    ],
    ids=["Russian", "Chinese", "Persian"],
)
def test_answers_in_other_letters_are_let_out_as_they_come(text):
    stream, sent = EVERY.open_answer(Policy(), Placeholders()), 0
    for at in range(0, len(text), 3):
        sent += len(stream.feed(text[at : at + 3]))
        assert at + 3 - sent <= 20
    assert sent + len(stream.finish()) == len(text)
