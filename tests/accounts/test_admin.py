"""Users in the admin."""

import pytest
from django.test import Client

from accounts.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def office(root):
    client = Client()
    assert client.login(username="ROOT@example.org", password=PASSWORD)
    return client


def test_users_are_listed_and_found(office, alice, bob):
    page = office.get("/admin/accounts/user/", {"q": "alice"}).content.decode()
    assert "alice@example.org" in page
    assert "bob@example.org" not in page


def test_a_user_is_made_with_a_password_that_keeps_the_rule(office):
    fields = {"email": "New@example.org", "first_name": "N", "last_name": "N"}
    weak = office.post("/admin/accounts/user/add/", fields | {"password1": "weak", "password2": "weak"})
    assert weak.status_code == 200
    assert not User.objects.filter(email="new@example.org").exists()
    good = office.post("/admin/accounts/user/add/", fields | {"password1": PASSWORD, "password2": PASSWORD})
    assert good.status_code == 302, good.context["errors"]
    assert User.objects.get(email="new@example.org").check_password(PASSWORD)


def test_a_second_account_of_other_case_is_refused_with_a_sentence(office, alice):
    fields = {"email": "ALICE@example.org", "password1": PASSWORD, "password2": PASSWORD}
    page = office.post("/admin/accounts/user/add/", fields)
    assert page.status_code == 200
    assert "already exists" in page.content.decode()


def test_users_are_deactivated_and_activated_but_never_oneself(office, alice, root):
    chosen = {"_selected_action": [str(alice.pk), str(root.pk)]}
    office.post("/admin/accounts/user/", chosen | {"action": "deactivate"})
    assert not User.objects.get(pk=alice.pk).is_active
    assert User.objects.get(pk=root.pk).is_active
    office.post("/admin/accounts/user/", chosen | {"action": "activate"})
    assert User.objects.get(pk=alice.pk).is_active


def test_a_users_page_opens_and_shows_no_hash(office, alice):
    page = office.get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()
    assert alice.password.rsplit("$", 1)[1] not in page
    assert office.get(f"/admin/accounts/user/{alice.pk}/password/").status_code == 200


def test_a_user_without_a_role_does_not_get_in(alice):
    client = Client()
    client.force_login(alice)
    assert client.get("/admin/").status_code == 302
