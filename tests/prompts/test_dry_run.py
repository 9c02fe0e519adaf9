"""What a policy would have done to the book."""

import pytest

from prompts.dry_run import dry_run
from sanitization.composition import chain
from sanitization.policies import CustomRule, Policy
from sanitization.spans import Action
from tests.prompts.test_admin import FINDING, make_row

pytestmark = pytest.mark.django_db


def counts_of(policy, **more):
    counts = dry_run(policy, chain(), **more)
    return counts, {entry.pop("rule"): {k: v for k, v in entry.items() if v} for entry in counts.rule_counts}


def row(prompt="hello", response="", findings=(), **more):
    return make_row(prompt=prompt, response=response, findings=list(findings), **more)


def test_what_was_masked_then_is_judged_by_what_was_found():
    row("write to [EMAIL_1] now", findings=[FINDING])
    row("nothing")
    for action, name in ((Action.BLOCK, "blocked"), (Action.HASH, "changed"), (Action.FLAG, "flagged")):
        counts, rules = counts_of(Policy(prompt={"email": action}))
        assert (counts.rows, getattr(counts, name)) == (2, 1)
        assert counts.blocked + counts.changed + counts.flagged == 1
        assert rules == {"email": {"rows": 1, action.value: 1}}
    counts, rules = counts_of(Policy(prompt={"email": Action.OFF}))
    assert (counts.blocked, counts.changed, counts.flagged) == (0, 0, 0)
    assert rules == {"email": {"off": 1}}
    assert counts_of(Policy(thresholds={"email": 1.0}))[1] == {"email": {"rows": 1, "mask": 1}}
    weak = row("[EMAIL_1]", findings=[FINDING | {"score": 0.6, "output_start": 0}])
    assert counts_of(Policy(thresholds={"email": 0.9}), rows=1)[1] == {"email": {"off": 1}}
    assert weak.pk


def test_what_was_let_through_then_is_screened_again():
    row("project bluebird", response="the Bluebird project, and bluebird", system="bluebird?")
    bird = CustomRule("bird", "word", "bluebird", Action.MASK)
    counts, rules = counts_of(Policy(custom=(bird,)))
    assert (counts.changed, rules) == (1, {"custom_bird": {"rows": 1, "new": 4, "mask": 4}})
    counts, _ = counts_of(Policy(custom=(bird,), answer={"custom_bird": Action.BLOCK}))
    assert (counts.blocked, counts.changed) == (1, 0)


def test_what_was_flagged_then_is_counted_once():
    finding = FINDING | {"action": "flag", "start": 0, "end": 15, "output_start": 0, "output_end": 15}
    row("ann@example.com", findings=[finding])
    assert counts_of(Policy())[1] == {"email": {"rows": 1, "mask": 1}}


def test_what_was_blocked_then_is_told():
    row("write to [EMAIL_1] now", findings=[FINDING | {"action": "block"}], outcome="blocked")
    counts, _ = counts_of(Policy())
    assert (counts.blocked_then, counts.blocked, counts.changed) == (1, 0, 1)


def test_it_looks_at_the_newest_and_not_for_longer_than_it_may():
    for _ in range(3):
        row("a bluebird")
    row("hello")
    bird = Policy(custom=(CustomRule("bird", "word", "bluebird"),))
    assert counts_of(bird, rows=1)[0].changed == 0
    assert counts_of(bird, rows=2)[0].changed == 1
    counts, _ = counts_of(bird, seconds=-1)
    assert (counts.rows, counts.complete) == (0, False)


def test_erased_rows_are_left_out():
    made = row("a bluebird")
    type(made).objects.filter(pk=made.pk).update(erased_at=made.created_at)
    assert counts_of(Policy())[0].rows == 0


def test_a_text_that_cannot_be_scanned_is_counted_as_such():
    row("hello")
    broken = Policy(custom=(CustomRule("x", "pattern", "a+"),))
    assert counts_of(broken)[0].failed == 1
