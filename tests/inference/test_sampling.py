"""Each parameter of sampling does what it says; nothing that is asked for ends the process."""

import json
import math
from collections import Counter

import pytest

from inference.backends import Format, Sampling
from inference.errors import FormatRefused
from inference.gbnf import parse
from inference.matching import Matcher
from inference.runner import Row
from tests.inference.test_runners import HELLO, answer, compute, emptied, text_of

# Nothing between the model and the draw.
PLAIN = {"top_k": 0, "top_p": 1.0}


@pytest.fixture
def tiny(small):
    """Slot 0 of a model, after a prompt."""
    runner = emptied(small("tiny"))
    runner.prompt = runner.tokens_of(HELLO)
    compute(runner, 0, runner.prompt)
    return runner


def choose(runner, sampling, *, grammar="", prompt=None):
    sampler = runner.sampler(sampling, grammar, runner.prompt if prompt is None else prompt)
    try:
        return sampler.choose(0)
    finally:
        sampler.close()


def chances(runner):
    found = runner.logprobs(0, 0, top=runner.vocabulary.size).top
    pieces = {runner.piece(token): token for token in range(runner.vocabulary.size)}
    return {pieces[each.raw]: math.exp(each.logprob) for each in found}


@pytest.mark.parametrize(
    "parameters",
    [
        {"temperature": 0.0},
        {"temperature": 1e-30},
        {"temperature": 2.0, "top_k": 1},
        {"temperature": 2.0, "top_p": 1e-6, "top_k": 0},
        {"temperature": 2.0, "min_p": 1.0, **PLAIN},
    ],
)
def test_what_leaves_one_token_takes_the_likeliest(tiny, parameters):
    likeliest = int(tiny.logits(0).argmax())
    assert {choose(tiny, Sampling(seed=seed, **parameters)) for seed in range(5)} == {likeliest}


def test_draws_follow_the_models_own_probabilities(tiny):
    expected = chances(tiny)
    drawn = Counter(choose(tiny, Sampling(1.0, seed=seed, **PLAIN)) for seed in range(3000))
    for token, chance in sorted(expected.items(), key=lambda pair: -pair[1])[:5]:
        assert drawn[token] / 3000 == pytest.approx(chance, abs=4 * math.sqrt(chance / 3000))


def test_top_k_leaves_the_k_likeliest(tiny):
    best = {int(token) for token in tiny.logits(0).argsort()[-3:]}
    assert {choose(tiny, Sampling(5.0, seed=seed, top_k=3, top_p=1.0)) for seed in range(200)} == best


def test_min_p_leaves_what_has_that_share_of_the_likeliests_chance(tiny):
    expected = chances(tiny)
    bar = 0.3 * max(expected.values())
    drawn = {choose(tiny, Sampling(1.0, seed=seed, min_p=0.3, **PLAIN)) for seed in range(300)}
    assert all(expected[token] >= bar * 0.999 for token in drawn)
    assert len(drawn) < len({choose(tiny, Sampling(1.0, seed=seed, **PLAIN)) for seed in range(300)})


def test_typical_leaves_fewer_than_all(tiny):
    narrow = {choose(tiny, Sampling(1.0, seed=seed, typical_p=0.1, **PLAIN)) for seed in range(200)}
    wide = {choose(tiny, Sampling(1.0, seed=seed, **PLAIN)) for seed in range(200)}
    assert len(narrow) < len(wide)


def test_a_bias_makes_a_token_certain_or_impossible(tiny):
    likeliest = int(tiny.logits(0).argmax())
    for temperature in (0.0, 1.0):
        assert choose(tiny, Sampling(temperature, seed=1, logit_bias=((77, 1000.0),))) == 77
    banned = {choose(tiny, Sampling(1.0, seed=s, logit_bias=((likeliest, -1000.0),))) for s in range(50)}
    assert likeliest not in banned


@pytest.mark.parametrize("penalty", ["repetition_penalty", "frequency_penalty", "presence_penalty"])
def test_a_penalty_keeps_the_end_of_the_prompt_from_being_repeated(tiny, penalty):
    likeliest = int(tiny.logits(0).argmax())
    sampling = Sampling(0.0, seed=1, **{penalty: 50.0})
    assert choose(tiny, sampling, prompt=[likeliest] * 3) != likeliest
    assert choose(tiny, sampling, prompt=[likeliest, *[1] * 64]) == likeliest, "only the newest 64 count"


def test_a_penalty_counts_what_was_chosen(tiny):
    said = answer(tiny, 0, tiny.prompt, sampling=Sampling(0.0, seed=1, presence_penalty=1000.0), most=30)
    assert len(set(said)) == len(said)


def test_an_answer_goes_on_where_its_end_is_ignored(tiny):
    end = tiny.vocabulary.end_tokens[0]
    wanted = {"logit_bias": ((end, 1000.0),)}
    for temperature in (0.0, 1.0):
        assert choose(tiny, Sampling(temperature, seed=1, **wanted)) == end
        assert choose(tiny, Sampling(temperature, seed=1, ignore_eos=True, **wanted)) != end


def test_a_seed_makes_an_answer_again(tiny):
    def story(seed):
        tiny.cut(0, len(tiny.prompt) - 1)
        tiny.step([Row(0, tiny.prompt[-1:], 1)])
        return answer(tiny, 0, tiny.prompt, sampling=Sampling(1.5, seed=seed, **PLAIN))

    assert story(7) == story(7) != story(8)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(1e30, seed=2**32 - 2, **PLAIN),
        Sampling(float("inf"), seed=1),
        Sampling(float("nan"), seed=1),
        Sampling(1.0, seed=1, top_k=-5, top_p=-1.0, min_p=2.0, typical_p=-3.0),
        Sampling(1.0, seed=1, top_k=10**9, top_p=0.0, typical_p=0.0),
        Sampling(1.0, seed=1, repetition_penalty=0.0, frequency_penalty=1e38, presence_penalty=-1e38),
        Sampling(1.0, seed=1, repetition_penalty=float("nan"), frequency_penalty=float("inf")),
        Sampling(1.0, seed=1, logit_bias=((-1, 5.0), (10**9, 5.0), (3, float("nan")), (4, float("inf")))),
        Sampling(1.0, seed=1, logit_bias=tuple((token, -1e38) for token in range(300))),
        Sampling(0.0, seed=1, logit_bias=tuple((token, float("-inf")) for token in range(300))),
        Sampling(1.0, seed=1, ignore_eos=True, logit_bias=tuple((token, -1e38) for token in range(300))),
    ],
)
@pytest.mark.parametrize("grammar", ["", 'root ::= [a-z] "!"'])
def test_extreme_wishes_choose_some_token(tiny, sampling, grammar):
    token = choose(tiny, sampling, grammar=grammar)
    assert 0 <= token < tiny.vocabulary.size
    assert not grammar or tiny.piece(token).isalpha()


# -- grammars --

SAMPLINGS = [
    Sampling(0.0, seed=1),
    Sampling(1.0, seed=3),
    Sampling(2.0, seed=4, repetition_penalty=1.3, **PLAIN),
    Sampling(1.0, seed=5, logit_bias=((65, 100.0), (120, -100.0)), ignore_eos=True),
]


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(
    "grammar",
    [
        'root ::= "yes" | "no"',
        'root ::= [0-9]{3} "-" [α-ω]{2} "日本"',
        'root ::= ("ab" | "abc" | "abcd")+ "."',
        "root ::= [^a-zA-Z]{4,8}",
    ],
)
def test_an_answer_never_leaves_its_grammar(tiny, sampling, grammar):
    tokens = answer(tiny, 0, tiny.prompt, sampling=sampling, grammar=grammar, most=40)
    matcher = Matcher(parse(grammar))
    for token in tokens:
        if not tiny.is_end(token):
            matcher.accept(tiny.piece(token))
    assert matcher.can_end or not tiny.is_end(tokens[-1])


def test_a_grammar_that_is_through_allows_only_the_end(tiny):
    tokens = answer(
        tiny, 0, tiny.prompt, sampling=Sampling(1.0, seed=1, ignore_eos=True), grammar='root ::= "a"'
    )
    assert tokens[:-1] == tiny.tokens_of_text("a")[1:]
    assert tiny.is_end(tokens[-1])


def test_json_is_json_even_of_a_model_that_knows_none(tiny):
    properties = {"n": {"type": "integer"}, "ok": {"type": "boolean"}}
    schema = {"type": "object", "properties": properties, "required": ["n", "ok"]}
    grammar = tiny.compile(Format("json_schema", json.dumps(schema)))
    tokens = answer(tiny, 0, tiny.prompt, sampling=Sampling(1.0, seed=9), grammar=grammar, most=100)
    assert set(json.loads(text_of(tiny, tokens))) == {"n", "ok"}


def test_a_drawn_token_is_one_of_the_allowed_with_their_own_weights(tiny):
    expected = chances(tiny)
    allowed = {token: expected[token] for token in tiny.tokens_of_text("abcdefgh")[1:]}
    total = sum(allowed.values())
    draws = 2000
    drawn = Counter(
        choose(tiny, Sampling(1.0, seed=s, **PLAIN), grammar="root ::= [a-h]") for s in range(draws)
    )
    assert set(drawn) <= set(allowed)
    for token, chance in allowed.items():
        share = chance / total
        assert drawn[token] / draws == pytest.approx(share, abs=4 * math.sqrt(share / draws) + 0.002)


def test_a_grammar_that_explodes_ends_its_answer_and_nothing_else(tiny):
    grammar = 'root ::= "a" root "b" | "a" root "c" | "a"'
    sampler = tiny.sampler(Sampling(0.0, logit_bias=((97, 1000.0),)), grammar, tiny.prompt)

    def go_on():
        for _ in range(30):
            tiny.step([Row(0, [sampler.choose(0)], 1)])

    with pytest.raises(FormatRefused):
        go_on()
    sampler.close()
    assert tiny.cut(0, 1)


def test_a_sampler_may_be_closed_twice(tiny):
    for grammar in ("", 'root ::= "a"'):
        sampler = tiny.sampler(Sampling(1.0), grammar, tiny.prompt)
        sampler.close()
        sampler.close()
