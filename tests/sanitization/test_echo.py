"""The operator's system prompt in answers: found word for word, nearly so, by its canary; quotations stay."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanitization.chain import EMPTY, Chain
from sanitization.controls import ControlFilter
from sanitization.echo import EchoFilter, canary, with_canary
from sanitization.markup import MarkupFilter
from sanitization.patterns import PatternFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.spans import Action
from tests.effort import assert_affordable, processor_seconds
from tests.sanitization.samples import pieces

KEY = b"k" * 32
CHAIN = Chain([EchoFilter(), ControlFilter(), MarkupFilter(), PatternFilter()], key=KEY)
PROMPT = """You are Polly, the assistant of the harbour office in Rostock. Answer questions about berths,
fees and opening hours only, and refer everything else to the harbour master on duty. Never promise a berth
before the booking system has confirmed it. If a skipper is rude, stay calm, repeat the rules of the harbour
once, and end the conversation politely. Fees for boats over twelve metres need the approval of the deputy.
Be brief."""
POLICY = Policy(system_prompt=PROMPT)
MASK = "[SYSTEM_PROMPT_ECHO_1]"
SENTENCE = "Never promise a berth before the booking system has confirmed it"
CHINESE = "你是港务局的助手。只回答有关泊位、费用和开放时间的问题，其他问题请转给值班的港务主任。"


def screen(*parts: str, policy: Policy = POLICY, chain: Chain = CHAIN):
    stream = chain.open_answer(policy, Placeholders())
    text = "".join([stream.feed(part) for part in parts] + [stream.finish()])
    return text, stream.findings, stream.blocked


def fullwidth(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


WORDS = PROMPT.split()
MARK = canary(PROMPT, KEY, "default")
ECHOES = [
    PROMPT,
    PROMPT.upper(),
    PROMPT.replace("\n", " "),
    PROMPT.replace(" ", "\n"),
    PROMPT.replace(" ", " **"),
    "\n".join(f"> {line}" for line in PROMPT.split("\n")),
    "\n".join(f"{number}. {line}" for number, line in enumerate(PROMPT.split(". "))),
    "".join(f"- {word}\n" for word in WORDS),
    "_".join(WORDS),
    "-".join(WORDS),
    PROMPT.replace("e", "e\u200b"),
    PROMPT.replace("o", "\u043e").replace("a", "\u0430"),
    fullwidth(PROMPT),
    " ".join(WORDS[10:22]),
    " ".join(WORDS[-14:]),
    " ".join(word if at % 8 else f"{word} uh" for at, word in enumerate(WORDS)),
    " ".join("thing" if at % 9 == 8 else word for at, word in enumerate(WORDS)),
    SENTENCE,
    SENTENCE.replace("Never", "Don't"),
    SENTENCE.replace("confirmed", "acknowledged"),
]
QUOTATIONS = [
    "I am Polly, and I help with questions about berths, fees and opening hours.",
    *(" ".join(WORDS[at : at + 7]) for at in range(0, len(WORDS) - 7, 3)),
    "A berth? The harbour master on duty decides that, before the booking system does.",
    "Boats over twelve metres cost more. Fees for boats under twelve metres are lower.",
    "the the the of the harbour the rules of the harbour of the rules of the harbour",
    "Be brief. Be brief. Be brief. Be brief. Be brief. Be brief. Be brief. Be brief.",
]


@pytest.mark.parametrize("echo", ECHOES)
def test_a_repeated_prompt_is_masked_from_its_first_word_to_its_last(echo):
    text = f"Sure! It says: {echo} And that is all."
    cleaned, [finding, *more], _ = screen(text)
    assert more == []
    assert (finding.rule, finding.action) == ("system_prompt_echo", Action.MASK)
    left = re.sub(r"\W+", " ", cleaned.replace(MASK, "").replace("Sure! It says:", ""))
    assert len(left.split()) <= 4 + 4  # what was said behind it, and a word or two at an edited border


@pytest.mark.parametrize("text", QUOTATIONS)
def test_quoting_a_few_words_is_no_echo(text):
    for answer in (text, f"Well, {text}", f"{text} Anything else?"):
        assert screen(answer) == (answer, (), False)


@pytest.mark.parametrize(
    "shown",
    [
        MARK,
        MARK.upper(),
        MARK.title(),
        " ".join(MARK),
        "-".join(MARK.upper()),
        "\n".join(MARK),
        ", ".join(MARK),
        "\u200b".join(MARK),
        fullwidth(MARK),
        f"**{MARK[:9]}** `{MARK[9:]}`",
        f"xyz{MARK}xyz",
    ],
)
def test_the_canary_is_found_however_it_is_spelled(shown):
    text = f"My mark is {shown}, why?"
    cleaned, [finding], _ = screen(text)
    assert (finding.rule, cleaned[: len("My mark is ")]) == ("system_prompt_echo", "My mark is ")
    assert MASK in cleaned
    assert MARK not in re.sub(r"[^a-z]", "", cleaned.lower())
    assert screen(*text) == screen(text)


def test_a_canary_is_the_same_each_time_and_another_for_another_prompt_scope_or_key():
    assert canary(PROMPT, KEY, "default") == MARK
    others = {canary(PROMPT + ".", KEY, "default"), canary(PROMPT, KEY, "x"), canary(PROMPT, b"x", "default")}
    assert len(others | {MARK}) == 4
    assert re.fullmatch("[a-p]{24}", MARK)
    assert with_canary(PROMPT, KEY, "default").startswith(PROMPT)
    assert MARK in with_canary(PROMPT, KEY, "default")


def test_the_canary_of_another_policy_is_text_here():
    other = Policy(slug="other", system_prompt=PROMPT)
    assert screen(MARK, policy=other)[0] == MARK
    assert screen(canary(PROMPT, KEY, "other"), policy=other)[0] == MASK


@pytest.mark.parametrize("text", [*ECHOES[:6], *ECHOES[-6:], *QUOTATIONS, MARK, " ".join(MARK), CHINESE])
def test_an_echo_that_is_cut_anywhere_is_found_the_same(text):
    text = f"It says: {text}"
    whole = screen(text)
    assert screen(*text) == whole
    for cut in range(0, len(text) + 1, 3):
        assert screen(text[:cut], text[cut:]) == whole


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.integers(0, len(WORDS) - 1).flatmap(
            lambda at: st.integers(1, 14).map(lambda size: " ".join(WORDS[at : at + size]))
        )
        | st.sampled_from(
            ["x", "the", "\n", "- ", "&amp;", "\u200b", "\u00e9t\u00e9", MARK[:20], MARK[7:], "港务"]
        ),
        max_size=12,
    ).map(" ".join),
    st.integers(0, 2**32),
)
def test_cuts_make_no_difference_and_what_is_let_out_is_never_taken_back(text, seed):
    whole = screen(text)
    assert screen(*pieces(text, seed)) == whole
    stream, sent = CHAIN.open_answer(POLICY, Placeholders()), ""
    for char in text:
        sent += stream.feed(char)
        assert whole[0].startswith(sent)


def test_until_an_echo_is_certain_few_words_are_held_back():
    stream, sent, most = CHAIN.open_answer(POLICY, Placeholders()), 0, 0
    near = [f"{quotation} And the weather is fine, so we sail tomorrow. " for quotation in QUOTATIONS]
    for count, word in enumerate("".join(near).split(" "), 1):
        sent += stream.feed(word + " ").count(" ")
        most = max(most, count - sent)
    assert stream.findings == ()
    assert 4 < most <= 21


def test_a_long_answer_is_read_the_same_in_blocks_and_in_small_pieces():
    prose = " ".join(f"{quotation} And the weather is fine, so we sail." for quotation in QUOTATIONS)
    text = f"{prose * 5} {SENTENCE}, {prose * 5} {PROMPT} {prose * 5}"
    whole = screen(text)
    assert len(whole[1]) == 2
    assert screen(*text) == whole
    for size in (7, 1000, 1500, 4097):
        assert screen(*(text[at : at + size] for at in range(0, len(text), size))) == whole


def test_an_echo_across_the_border_to_a_long_block_is_found_whole():
    policy = Policy(system_prompt="Boats over twelve metres pay double on weekends.")
    text = f"It says: {policy.system_prompt}{' Nothing else is in it, as it seems.' * 60}"
    whole = screen(text, policy=policy)
    assert whole[0].startswith(f"It says: {MASK}. Nothing")
    for cut in range(70):
        assert screen(text[:cut], text[cut:], policy=policy) == whole


def test_a_prompt_in_a_script_without_blanks_counts_characters():
    policy = Policy(system_prompt=CHINESE)
    assert screen(f"好的：{CHINESE}", policy=policy)[0] == f"好的：{MASK}。"
    assert screen("只回答有关泊位和费用的问题", policy=policy)[1] == ()


def test_a_short_prompt_is_only_found_as_it_is_written():
    policy = Policy(system_prompt="You are a grumpy pirate.")
    assert screen("It says: You are a grumpy pirate.", policy=policy)[0] == f"It says: {MASK}."
    assert screen("It says: **You are\na grumpy pirate**", policy=policy)[0] == f"It says: **{MASK}**"
    assert screen("Arr, you are a grumpy pirate too.", policy=policy)[1] == ()
    assert screen("Be brief, she said.", policy=Policy(system_prompt="Be brief"))[1] == ()
    mark = canary("Be brief", KEY, "default")
    assert screen(mark, policy=Policy(system_prompt="Be brief"))[0] == MASK


def test_an_echo_follows_the_policy():
    block = Policy(system_prompt=PROMPT, answer={"system_prompt_echo": Action.BLOCK})
    assert screen(f"It says: {PROMPT} Bye.", policy=block)[::2] == ("It says: ", True)
    remove = Policy(system_prompt=PROMPT, answer={"system_prompt_echo": Action.REMOVE})
    assert screen(f"It says: {PROMPT} Bye.", policy=remove)[0] == "It says: . Bye."
    off = Policy(system_prompt=PROMPT, answer={"system_prompt_echo": Action.OFF})
    assert screen(PROMPT, policy=off) == (PROMPT, (), False)
    assert screen(PROMPT, policy=Policy())[0] == PROMPT


def test_a_value_inside_an_echo_goes_with_it():
    policy = Policy(system_prompt=f"{PROMPT} Complaints go to ann@example.com and nobody else.")
    assert screen(f"It says: {policy.system_prompt}", policy=policy)[0] == f"It says: {MASK}."


def test_the_model_gets_the_operators_prompt_before_the_callers():
    own = CHAIN.screen_prompt({"/system": "Speak French."}, POLICY).texts["/system"]
    message = CHAIN.system_message(POLICY, own)
    assert message.startswith(PROMPT)
    assert message.endswith("\n\nSpeak French.")
    assert CHAIN.system_message(POLICY) == with_canary(PROMPT, KEY, "default")
    assert CHAIN.system_message(Policy(), own) == own
    assert CHAIN.system_message(Policy()) == EMPTY


@pytest.mark.parametrize(
    "unit", ["the ", "You are Polly, the ", "a", "港", f"{MARK[:-1]} ", "k ", PROMPT, "& "]
)
def test_no_answer_is_expensive(unit):
    text = unit * (200_000 // len(unit))

    def read() -> None:
        Chain([EchoFilter()], key=KEY).open_answer(POLICY, Placeholders()).whole(text)

    assert_affordable(lambda: (processor_seconds(read),), 0.5)
