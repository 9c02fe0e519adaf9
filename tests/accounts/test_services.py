"""Two at once: exactly one wins."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from accounts import registration, services, sessions
from accounts.errors import EmailTaken, NotAuthenticated
from accounts.models import User
from tests.conftest import PASSWORD, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(count, call):
    """What `count` threads get from `call`: a value or an exception."""

    def attempt(n):
        try:
            return call()
        except (EmailTaken, NotAuthenticated) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attempt, range(count)))


def test_of_many_who_register_one_address_one_gets_it():
    def register():
        return registration.register(email="a@b.org", first_name="A", last_name="B", password=PASSWORD)

    results = at_once(6, register)
    assert [type(result) for result in results].count(User) == 1
    assert [type(result) for result in results].count(EmailTaken) == 5
    assert User.objects.count() == 1


def test_of_many_who_use_one_refresh_token_one_gets_a_pair():
    token = sessions.open_session(make_user("a@b.org")).refresh
    results = at_once(6, lambda: sessions.refresh(refresh_token=token))
    assert [type(result) for result in results].count(sessions.Pair) == 1
    assert [type(result) for result in results].count(NotAuthenticated) == 5


def test_who_waited_for_the_session_sees_that_the_token_is_spent():
    token = sessions.open_session(make_user("a@b.org")).refresh

    def second():
        return at_once(1, lambda: sessions.refresh(refresh_token=token))

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            sessions.refresh(refresh_token=token)
            waiting = pool.submit(second)
            with pytest.raises(TimeoutError):  # it cannot tell before the first is committed
                waiting.result(timeout=1)
        [result] = waiting.result(timeout=60)
    assert isinstance(result, NotAuthenticated)


def test_the_first_administrator_is_made_once():
    made = at_once(4, lambda: services.ensure_admin(email="Root@b.org", password=PASSWORD))
    assert sorted(made) == [False, False, False, True]
    root = User.objects.get()
    assert root.is_superuser
    assert root.is_staff
    assert root.email == "root@b.org"


def test_the_database_itself_refuses_a_second_account_of_other_case():
    from django.db import IntegrityError

    make_user("a@b.org")
    with pytest.raises(IntegrityError):
        User.objects.bulk_create([User(email="A@b.org")])
