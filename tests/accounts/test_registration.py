"""How accounts come to be: by mode, by link, by invitation."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import mail, registration, services
from accounts.errors import InvitationWrong, UnknownRole
from accounts.models import Invitation, User
from tests.accounts.test_services import at_once
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
ANN = {"email": "Ann@Example.org", "firstName": "Ann", "lastName": "Smith", "password": PASSWORD}
WEEK = timedelta(days=7)


def post(path, body):
    return Client().post(path, json.dumps(body), content_type="application/json")


def register(**change):
    return post("/user/register", ANN | change)


def may_log_in(email="ann@example.org", password=PASSWORD):
    return post("/auth/login", {"email": email, "password": password}).status_code == 200


def link_in(mailoutbox):
    mail.wait()
    [line] = [line for line in mailoutbox[-1].body.splitlines() if line.startswith("http")]
    return line.removeprefix("http://localhost:8080")


def test_closed_means_closed(settings):
    settings.REGISTRATION = "closed"
    assert (register().status_code, register().json()["code"]) == (403, "registration-closed")
    assert not User.objects.exists()


def test_only_the_allowed_domains_register(settings):
    settings.REGISTRATION_DOMAINS = ("example.org",)
    assert register(email="ann@example.com").json()["code"] == "email-refused"
    assert register(email="ann@evil-example.org").status_code == 403
    assert register(email="ann@sub.example.org").status_code == 403
    assert register().status_code == 201


def test_with_approval_an_administrator_lets_people_in(settings):
    settings.REGISTRATION = "approval"
    assert "waits for an administrator" in register().json()["message"]
    assert not may_log_in()
    services.set_active(User.objects.all(), active=True)
    assert may_log_in()
    assert not User.objects.get().awaits_approval


# -- invitations --


def test_an_invitation_works_once(settings):
    settings.REGISTRATION = "invitation"
    assert register().json()["code"] == "invitation-wrong"
    made, code = registration.invite(expires_at=timezone.now() + WEEK, roles=["reviewer"])
    assert register(invitation=code).status_code == 201
    assert sorted(g.name for g in User.objects.get().groups.all()) == ["reviewer", "user"]
    made.refresh_from_db()
    assert made.used_by.email == "ann@example.org"
    assert register(invitation=code, email="bob@example.org").json()["code"] == "invitation-wrong"


def test_an_invitation_to_a_role_that_there_is_not_is_not_made():
    with pytest.raises(UnknownRole):
        registration.invite(expires_at=timezone.now() + WEEK, roles=["wizard"])


@pytest.mark.parametrize("change", [{"expires_at": timezone.now() - WEEK}, {"email": "other@example.org"}])
def test_an_invitation_that_is_too_old_or_for_somebody_else_is_refused(settings, change):
    settings.REGISTRATION = "invitation"
    _, code = registration.invite(**{"expires_at": timezone.now() + WEEK} | change)
    assert register(invitation=code).json()["code"] == "invitation-wrong"


def test_without_an_invitation_nobody_learns_who_has_an_account(settings, alice):
    settings.REGISTRATION = "invitation"
    taken, fresh = register(email="alice@example.org"), register()
    assert {**taken.json(), "requestId": 0} == {**fresh.json(), "requestId": 0}


@pytest.mark.django_db(transaction=True)
def test_of_many_who_come_at_once_with_one_code_one_gets_in(settings):
    settings.REGISTRATION = "invitation"
    _, code = registration.invite(expires_at=timezone.now() + WEEK)
    numbers = iter(range(4))

    def come():
        try:
            return registration.register(
                email=f"u{next(numbers)}@b.org",
                first_name="A",
                last_name="B",
                password=PASSWORD,
                invitation=code,
            )
        except InvitationWrong as error:
            return error

    results = at_once(4, come)
    assert [type(result) for result in results].count(User) == 1
    assert User.objects.count() == 1


def test_a_code_is_shown_once_and_kept_as_a_hash(root, token_of):
    headers = {"Authorization": f"Bearer {token_of(root)}"}
    made = Client().post("/api/invitations", "{}", content_type="application/json", headers=headers).json()
    assert made["code"] not in str(vars(Invitation.objects.get()))
    assert "code" not in Client().get("/api/invitations", headers=headers).json()[0]
    assert Client().delete(f"/api/invitations/{made['id']}", headers=headers).status_code == 204
    assert Invitation.objects.get().expires_at <= timezone.now()


# -- e-mails --


def test_an_address_is_confirmed_by_its_link_and_by_nothing_less(settings, mailoutbox):
    settings.EMAIL_CONFIRMATION = True
    assert register().status_code == 202
    assert not may_log_in()
    link = link_in(mailoutbox)
    assert "Confirm" in Client().get(link).content.decode()
    assert not may_log_in()  # a mail server looked at the link
    assert Client().post(link).status_code == 200
    assert may_log_in()
    assert Client().post(link).status_code == 400
    assert post("/auth/confirm", {"token": link.partition("=")[2]}).json()["code"] == "link-wrong"


def test_nobody_keeps_an_address_from_its_owner_by_registering_first(settings, mailoutbox):
    settings.EMAIL_CONFIRMATION = True
    register(password="Th1ef!pass-word")
    first = link_in(mailoutbox)
    mailoutbox.clear()
    assert register().status_code == 202
    assert Client().post(first).status_code == 400  # it was sent for another password
    assert Client().post(link_in(mailoutbox)).status_code == 200
    assert may_log_in()
    register(password="Th1ef!pass-word")  # too late
    assert may_log_in()
    assert User.objects.count() == 1


def test_a_password_that_comes_while_the_link_is_followed_is_not_confirmed_by_it(
    settings, mailoutbox, monkeypatch
):
    settings.EMAIL_CONFIRMATION = True
    register()
    owner_of = registration._owner

    def slow(token, kind):
        user = owner_of(token, kind)
        register(password="Th1ef!pass-word")
        return user

    monkeypatch.setattr(registration, "_owner", slow)
    assert Client().post(link_in(mailoutbox)).status_code == 400
    assert not User.objects.get().is_active


def test_a_program_confirms_by_the_token(settings, mailoutbox):
    settings.EMAIL_CONFIRMATION = True
    register()
    assert post("/auth/confirm", {"token": link_in(mailoutbox).partition("=")[2]}).status_code == 204
    assert may_log_in()


def test_where_addresses_are_confirmed_registering_tells_nobody_who_has_an_account(
    settings, alice, mailoutbox
):
    settings.EMAIL_CONFIRMATION = True
    taken, fresh = register(email="ALICE@example.org"), register()
    assert (taken.status_code, taken.json()) == (fresh.status_code, fresh.json())
    mail.wait()
    assert [message.subject for message in mailoutbox] == [
        "You have an account already",
        "Confirm your address",
    ]
    assert mailoutbox[0].to == ["alice@example.org"]
    assert alice.check_password(PASSWORD)


def test_a_deactivated_account_is_not_opened_by_an_old_link(settings, mailoutbox):
    settings.EMAIL_CONFIRMATION = True
    register()
    services.set_active(User.objects.all(), active=True)
    services.set_active(User.objects.all(), active=False)
    assert Client().post(link_in(mailoutbox)).status_code == 400
    assert not may_log_in()


def test_a_password_is_replaced_by_a_link_that_works_once(alice, mailoutbox, token_of):
    token = token_of(alice)
    asked = post("/auth/password-reset", {"email": "Alice@example.org"})
    nobody = post("/auth/password-reset", {"email": "nobody@example.org"})
    assert (asked.status_code, asked.json()) == (nobody.status_code, nobody.json()) == (202, nobody.json())
    link = link_in(mailoutbox)
    assert len(mailoutbox) == 1
    assert "Set" in Client().get(link).content.decode()
    assert "8" in Client().post(link, {"password": "weak"}).content.decode()
    assert Client().post(link, {"password": "An0ther!pass-word"}).status_code == 200
    assert may_log_in("alice@example.org", "An0ther!pass-word")
    assert Client().get("/auth/profile", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert Client().post(link, {"password": "Th1rd!pass-word"}).status_code == 400


def test_a_reset_through_the_api_keeps_the_rule_of_passwords(alice, mailoutbox):
    post("/auth/password-reset", {"email": "alice@example.org"})
    token = link_in(mailoutbox).partition("=")[2]
    weak = post("/auth/password-reset/confirm", {"token": token, "password": "alice@Example.org1"})
    assert "password" in weak.json()["errors"]
    assert post("/auth/password-reset/confirm", {"token": "x.y-z", "password": PASSWORD}).status_code == 400


def test_the_page_asks_for_an_address_and_says_the_same_to_everybody(alice, mailoutbox):
    assert "E-mail" in Client().get("/account/reset").content.decode()
    pages = {
        Client().post("/account/reset", {"email": email}).content
        for email in ("alice@example.org", "no@example.org")
    }
    assert len(pages) == 1


def test_a_form_of_an_account_without_its_token_is_refused():
    client = Client(enforce_csrf_checks=True)
    assert client.post("/account/reset", {"email": "a@b.org"}).status_code == 403


def test_a_mail_server_that_is_away_breaks_nothing(alice, monkeypatch):
    def refuse(self):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    assert post("/auth/password-reset", {"email": "alice@example.org"}).status_code == 202
    mail.wait()


# -- commands --


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_users_keys_and_invitations_are_made_by_commands(tmp_path, settings):
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    made = run(
        "create_user", "Bot@Example.org", "--role", "reviewer", "--password-file", tmp_path / "password"
    )
    bot = User.objects.get(pk=made)
    assert bot.is_staff
    assert bot.check_password(PASSWORD)
    secret = run("create_key", "bot@example.org", "ci", "--scope", "read", "--days", "3")
    assert Client().get("/prompt", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    settings.REGISTRATION = "invitation"
    assert register(invitation=run("create_invitation", "--email", "ann@example.org")).status_code == 201


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create_user", "no address"), 2),
        (("create_user", "a@b.org", "--role", "wizard"), 2),
        (("create_user", "a@b.org", "--password-file", "/nowhere"), 2),
        (("create_user", "alice@example.org"), 1),
        (("create_key", "nobody@b.org", "x"), 2),
    ],
)
def test_a_command_that_cannot_says_why(alice, arguments, code):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert caught.value.returncode == code
    assert User.objects.count() == 1
