"""Log-ins to the admin's pages are sessions like all others: listed, ended, and dead at once."""

import pytest
from django.test import Client

from accounts import services, sessions
from accounts.models import AuditEvent, Session, User
from tests.conftest import PASSWORD, make_user

pytestmark = pytest.mark.django_db
CHANGE = "/admin/password_change/"
NEW = "An0ther!pass-word"


@pytest.fixture
def chief():
    """An administrator, by role."""
    user = make_user("chief@example.org")
    services.set_roles(user, ["user", "admin"])
    return User.objects.get(pk=user.pk)


@pytest.fixture
def browser(chief):
    """His browser, logged in by the form."""
    client = Client(headers={"User-Agent": "Firefox"}, REMOTE_ADDR="203.0.113.9")
    fields = {"username": chief.email, "password": PASSWORD, "next": "/admin/"}
    assert client.post("/admin/login/?next=/admin/", fields).status_code == 302
    return client


def is_in(client):
    return client.get("/admin/").status_code == 200


def test_a_log_in_to_the_admin_is_a_session_with_its_device_and_address(browser, chief):
    (session,) = chief.sessions.all()
    assert (session.device, session.address, session.ended_at) == ("Firefox", "203.0.113.9", None)
    token = sessions.open_session(chief).access
    shown = Client().get("/auth/sessions", headers={"Authorization": f"Bearer {token}"}).json()
    assert str(session.pk) in {one["id"] for one in shown if not one["current"]}


@pytest.mark.parametrize(
    "end",
    [
        lambda user: sessions.end_all(user.pk, reason="ended-by-admin"),
        lambda user: services.set_roles(user, ["user", "admin", "reviewer"]),
        lambda user: services.set_active(User.objects.filter(pk=user.pk), active=False),
        lambda user: services.set_password(user, NEW),
        lambda user: Session.objects.update(expires_at="2026-01-01T00:00:00Z"),
    ],
    ids=["ended", "role", "deactivated", "password", "expired"],
)
def test_what_ends_all_sessions_ends_the_browsers_too(browser, chief, end):
    assert is_in(browser)
    end(chief)
    assert not is_in(browser)


def test_logging_out_ends_the_session(browser, chief):
    browser.post("/admin/logout/")
    assert chief.sessions.get().end_reason == "logged-out"
    assert not is_in(browser)


def test_a_browser_that_names_somebody_elses_session_is_nobody(browser, chief, bob):
    held = browser.session
    held["accounts_session"] = str(sessions.open_session(bob).session_id)
    held.save()
    assert not is_in(browser)


def test_changing_ones_password_in_the_admin_ends_all_other_sessions(browser, chief):
    elsewhere = sessions.open_session(chief)
    fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert browser.post(CHANGE, fields).status_code == 302
    assert is_in(browser)
    assert Session.objects.get(pk=elsewhere.session_id).end_reason == "password-changed"
    assert User.objects.get(pk=chief.pk).check_password(NEW)
    assert AuditEvent.objects.filter(action="password.changed", subject_id=chief.pk).exists()


def test_the_old_password_is_guessed_no_faster_there(browser, chief):
    fields = {"old_password": "Wr0ng!pass", "new_password1": NEW, "new_password2": NEW}
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}  # where he is not known, and his account's pauses count
    pages = [browser.post(CHANGE, fields, **elsewhere).content.decode() for _ in range(7)]
    assert "entered incorrectly" in pages[0]
    assert "Too many attempts" in pages[-1]
    assert User.objects.get(pk=chief.pk).check_password(PASSWORD)


def test_a_page_costs_one_query_more_to_know_that_the_log_in_stands(browser, django_assert_num_queries):
    with django_assert_num_queries(3):  # Django's session, the user, ours
        assert browser.get("/admin/jsi18n/").status_code == 200
