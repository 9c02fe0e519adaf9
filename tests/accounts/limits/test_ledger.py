"""The arithmetic of limits, without a clock and without a store."""

from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.limits.ledger import LEARNED_MS, LEARNING_MS, Account, Moment, Wanted, reserve
from accounts.limits.quotas import Quota, wider_than

MONTH_MS = 30 * 86_400_000


def at(ms, month=24_000):
    return Moment(ms, month, MONTH_MS)


def ask(account, quota, ms, id="x", tokens=0, **more):
    return reserve([(account, quota)], Wanted(id, tokens, **more), at(ms))


def known(used=0, ms=0):
    account = Account()
    account.month.learn(used, mark=account.month.ask(at(ms)), now=at(ms))
    return account


def test_a_minute_takes_as_many_requests_as_it_may_and_no_more():
    account, quota = Account(), Quota(requests_per_minute=3)
    assert [ask(account, quota, ms, str(ms)) for ms in (0, 10, 20)] == [None] * 3
    refusal = ask(account, quota, 30, "y")
    assert (refusal.reason, refusal.limit, refusal.wait_ms) == ("requests", 3, 60_970)
    assert ask(account, quota, 30 + refusal.wait_ms - 1, "y") is not None
    assert ask(account, quota, 30 + refusal.wait_ms, "y") is None


def test_the_wait_is_for_as_much_as_is_wanted():
    account, quota = Account(), Quota(tokens_per_minute=100)
    for second, tokens in ((0, 30), (10, 30), (20, 40)):
        assert ask(account, quota, second * 1000, str(second), tokens) is None
    assert ask(account, quota, 30_000, "y", 30).wait_ms == 31_000
    assert ask(account, quota, 30_000, "y", 31).wait_ms == 41_000
    assert ask(account, quota, 30_000, "y", 100).wait_ms == 51_000


def test_what_no_minute_can_hold_is_never_worth_a_wait():
    refusal = ask(Account(), Quota(tokens_per_minute=100), 0, tokens=101)
    assert (refusal.reason, refusal.wait_ms) == ("size", None)


def test_of_several_reasons_the_one_that_lasts_longest_is_told():
    account, quota = known(used=95), Quota(requests_per_minute=1, streams=1, monthly_tokens=100)
    assert ask(account, quota, 0, "a", 5) is None
    assert ask(account, quota, 0, "b", 5).reason == "month"
    assert ask(account, quota, 0, "b", 0).reason == "requests"


def test_what_one_account_refuses_no_other_one_counts():
    user, key = Account(), Account()
    pairs = [(user, Quota(requests_per_minute=5)), (key, Quota(requests_per_minute=1))]
    assert reserve(pairs, Wanted("a"), at(0)) is None
    assert reserve(pairs, Wanted("b"), at(0)).limit == 1
    assert user.requests.total(at(0)) == 1
    assert set(user.leases) == {"a"}


def test_settling_gives_the_second_back_what_was_not_taken():
    account, quota = Account(), Quota(tokens_per_minute=100)
    assert ask(account, quota, 0, "a", 100) is None
    assert ask(account, quota, 5_000, "b", 1) is not None
    account.settle(quota, "a", reserved=100, used=40, second=0, now=at(6_000))
    assert account.standing(quota, at(6_000)).tokens == 40
    assert ask(account, quota, 6_000, "b", 60) is None


def test_settling_for_more_counts_the_rest_when_it_is_known():
    account, quota = Account(), Quota(tokens_per_minute=100)
    ask(account, quota, 0, "a", 50)
    account.settle(quota, "a", reserved=50, used=120, second=0, now=at(50_000))
    assert account.tokens.seconds == {0: 50, 50: 70}
    assert ask(account, quota, 61_000, "b", 31).wait_ms == 50_000


def test_settling_after_the_minute_gives_nothing_back():
    account, quota = Account(), Quota(tokens_per_minute=100)
    ask(account, quota, 0, "a", 100)
    ask(account, quota, 70_000, "b", 100)
    account.settle(quota, "a", reserved=100, used=0, second=0, now=at(70_000))
    assert account.standing(quota, at(70_000)).tokens == 100


def test_a_lease_that_nobody_renews_ends_by_itself():
    account, quota = known(), Quota(streams=1, monthly_tokens=100)
    assert ask(account, quota, 0, "a", 100) is None
    assert ask(account, quota, 29_999, "b", 1) is not None
    assert ask(account, quota, 30_000, "b", 100) is None


def test_a_lease_that_is_renewed_lives_on_and_one_that_ended_does_not_begin_again():
    account, quota = Account(), Quota(streams=1)
    ask(account, quota, 0, "a")
    account.renew("a", at(20_000), lease_ms=30_000)
    assert ask(account, quota, 49_999, "b").reason == "streams"
    account.renew("a", at(50_000), lease_ms=30_000)
    assert not account.leases


def test_what_has_no_lease_takes_no_seat_and_asks_for_none():
    account, quota = Account(), Quota(streams=1, requests_per_minute=3)
    assert ask(account, quota, 0, "a") is None
    assert ask(account, quota, 0, "b", with_lease=False) is None
    assert set(account.leases) == {"a"}


def test_a_month_counts_what_is_held_and_then_what_was_used():
    account, quota = known(used=900), Quota(monthly_tokens=1000)
    assert ask(account, quota, 0, "a", 100) is None
    assert ask(account, quota, 0, "b", 1).reason == "month"
    account.settle(quota, "a", reserved=100, used=30, second=0, now=at(10))
    assert account.standing(quota, at(10)).month == 930
    assert ask(account, quota, 20, "b", 70) is None


def test_a_month_is_asked_for_again_when_it_ends_and_now_and_then():
    account = known(used=900)
    assert account.month.is_known(at(LEARNED_MS - 1))
    assert not account.month.is_known(at(LEARNED_MS))
    assert not account.month.is_known(at(1, month=24_001))


def test_what_is_settled_while_the_month_is_asked_for_is_not_lost():
    month = Account().month
    mark = month.ask(at(0))
    month.add(50, at(10))
    assert month.ask(at(20)) == mark  # a second one who asks leaves it alone
    month.learn(100, mark=mark, now=at(30))
    assert month.used == 150
    month.learn(100, mark=mark, now=at(40))
    assert month.used == 150  # the second one's answer


def test_an_answer_that_comes_too_late_is_not_believed():
    month = Account().month
    old = month.ask(at(0))
    new = month.ask(at(LEARNING_MS + 1))
    month.learn(7, mark=old, now=at(LEARNING_MS + 2))
    assert not month.is_known(at(LEARNING_MS + 2))
    month.learn(8, mark=new, now=at(LEARNING_MS + 2))
    assert month.used == 8


def test_a_clock_that_is_put_back_leaves_nobody_waiting_for_it():
    account, quota = Account(), Quota(requests_per_minute=1)
    assert ask(account, quota, 3_600_000, "a") is None
    assert ask(account, quota, 0, "b") is None


# -- quotas --


def test_what_a_user_does_not_say_his_roles_say_and_then_the_settings():
    own, roles, default = Quota(5), Quota(9, 100, 0), Quota(1, 2, 3, 4)
    assert own.before(roles).before(default) == Quota(5, 100, 0, 4)


def test_a_key_is_wider_than_its_owner_where_it_names_more_or_no_limit():
    owner = Quota(10, 100, 0, 1000)
    assert wider_than(Quota(10, None, 99, 1000), owner) == {}
    assert wider_than(Quota(11, 0, None, 5), owner) == {"requests_per_minute": 10, "tokens_per_minute": 100}


# -- whatever happens --

on_a_busy_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
QUOTA = Quota(requests_per_minute=4, tokens_per_minute=60, streams=3, monthly_tokens=400)
STEPS = st.lists(
    st.tuples(st.integers(0, 20_000), st.sampled_from("rrrsd"), st.integers(0, 40), st.floats(0, 1)),
    max_size=80,
)


@given(STEPS)
@on_a_busy_machine
def test_no_window_no_seat_and_no_month_is_ever_exceeded(steps):
    """Whoever settles took at most what he reserved; some never settle and are never renewed."""
    account, ms, running = known(), 0, {}
    requests, tokens, used = [], Counter(), 0
    for number, (pause, kind, amount, share) in enumerate(steps):
        ms += pause
        now = at(ms)
        if not account.month.is_known(now):
            account.month.learn(used, mark=account.month.ask(now), now=now)
        if kind == "r":
            if reserve([(account, QUOTA)], Wanted(str(number), amount), now) is None:
                running[str(number)] = (amount, ms)
                requests.append(ms)
                tokens[number] = amount
        elif running:
            id = next(iter(running))
            reserved, began = running.pop(id)
            if kind == "s" and ms - began < 30_000:
                took = int(reserved * share)
                tokens[int(id)] = took
                used += took
                account.settle(QUOTA, id, reserved=reserved, used=took, second=began // 1000, now=now)
        alive = {id: one for id, one in running.items() if ms - one[1] < 30_000}
        standing = account.standing(QUOTA, now)
        assert sum(ms - 60_000 < one <= ms for one in requests) <= standing.requests <= 4
        assert 0 <= standing.tokens <= 60
        assert len(alive) <= 3
        assert used <= standing.month <= 400
        assert all(amount >= 0 for amount in account.tokens.seconds.values())


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 80)), max_size=30))
@on_a_busy_machine
def test_when_all_is_settled_what_counts_is_what_was_used(pairs):
    """Too much or too little reserved, in any order."""
    account, quota = known(), Quota(tokens_per_minute=10**6, streams=100, monthly_tokens=10**6)
    for number, (reserved, _) in enumerate(pairs):
        assert ask(account, quota, number * 10, str(number), reserved) is None
    for number, (reserved, used) in reversed(list(enumerate(pairs))):
        account.settle(quota, str(number), reserved=reserved, used=used, second=0, now=at(5_000))
    standing = account.standing(quota, at(6_000))
    assert standing.tokens == standing.month == sum(used for _, used in pairs)
    assert standing.streams == account.held == 0
