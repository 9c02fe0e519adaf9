"""What a policy makes of a span: thresholds, allow-lists, hashes, fingerprints."""

import pytest

from sanitization.chain import Chain
from sanitization.patterns import PatternFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import CustomRule, Policy
from sanitization.restore import Restorer
from sanitization.rules import RULES, Category, Rule, catalogue, declare
from sanitization.spans import Action

CHAIN = Chain([PatternFilter()], key=b"one")
HASHED = Policy(prompt={"email": Action.HASH}, answer={"email": Action.HASH})


def screened(text, policy, chain=CHAIN):
    return chain.screen_prompt({"/prompt": text}, policy)


def test_a_span_below_the_threshold_is_no_finding():
    [finding] = screened("to ann@example.com", Policy(thresholds={"email": 0.9})).findings
    assert finding.score == 0.9
    below = screened("to ann@example.com", Policy(thresholds={"email": 0.91}))
    assert (below.texts["/prompt"], below.findings) == ("to ann@example.com", ())


@pytest.mark.parametrize(
    ("allowed", "masked"),
    [
        ({"email": ("ann@example.com",)}, False),
        ({"email": ("ANN@Example.com",)}, False),
        ({"email": ("*@example.com",)}, False),
        ({"email": ("ann@*",)}, False),
        ({"*": ("*example*",)}, False),
        ({"email": ("example.com",)}, True),
        ({"email": ("*@example.org",)}, True),
        ({"phone": ("ann@example.com",)}, True),
    ],
)
def test_an_allowed_value_is_no_finding(allowed, masked):
    for text in ("to ann@example.com", "to a\u200bnn@ex\uff41mple.com"):
        result = screened(text, Policy(allow=allowed))
        assert bool(result.findings) is masked
        assert (result.texts["/prompt"] == text) is not masked


def test_a_hash_is_the_same_in_every_text_and_nothing_turns_it_back():
    first = screened("to ann@example.com", HASHED)
    second = screened("bob@example.com and ANN@example.com", HASHED)
    name = first.texts["/prompt"].removeprefix("to ")
    assert name.startswith("[EMAIL#")
    assert second.texts["/prompt"].endswith(f" and {name}")
    assert second.texts["/prompt"].count(name) == 1
    assert not first.placeholders.entries
    assert Restorer(first.placeholders, "off").restore(name) == name
    assert screened(name, HASHED).findings == ()
    stream = CHAIN.open_answer(HASHED, Placeholders())
    assert stream.whole("ann@example.com") == name


def test_another_key_gives_another_hash():
    other = screened("ann@example.com", HASHED, Chain([PatternFilter()], key=b"two"))
    assert other.texts["/prompt"] != screened("ann@example.com", HASHED).texts["/prompt"]
    assert "ann" not in repr(CHAIN._fingerprints)


def test_equal_values_have_equal_fingerprints_under_one_rule():
    a, b, c, d = screened(
        "ann@example.com ANN@example.com bob@example.com +1 415 555 0132", Policy()
    ).findings
    assert a.fingerprint == b.fingerprint
    assert len({a.fingerprint, c.fingerprint, d.fingerprint}) == 3
    assert all(len(one.fingerprint) == 16 for one in (a, b, c, d))


def test_a_flagged_value_has_its_fingerprint_too_however_the_text_is_cut():
    policy = Policy.build(flag=["email"])
    stream = CHAIN.open_answer(policy, Placeholders())
    text = "".join([*map(stream.feed, "to ann@example.com!"), stream.finish()])
    [finding] = stream.findings
    assert text == "to ann@example.com!"
    assert finding.fingerprint == screened("ann@example.com", Policy()).findings[0].fingerprint


def test_a_custom_rule_says_itself_what_is_done_and_where():
    own = CustomRule("bluebird", "word", "Bluebird", Action.BLOCK, "prompt")
    other = CustomRule("other", "word", "Redbird")
    policy = Policy(custom=(own, other), answer={"custom_other": Action.FLAG})
    assert policy.action("prompt", "custom_bluebird") is Action.BLOCK
    assert policy.action("answer", "custom_bluebird") is Action.OFF
    assert policy.action("answer", "custom_other") is Action.FLAG


def test_a_rule_is_declared_once():
    assert RULES["email"].category is Category.PII
    declare(RULES["email"])
    with pytest.raises(TypeError, match="email"):
        declare(Rule("email", Category.SECRET, "Another one."))


def test_every_rule_of_the_detectors_is_in_the_catalogue_with_a_sentence():
    listed = catalogue(PatternFilter().rules)
    assert {entry["rule"] for entry in listed} == PatternFilter().rules
    assert all(str(entry["description"]).endswith(".") for entry in listed)
