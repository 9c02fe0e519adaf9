"""Every page under its Content-Security-Policy: nothing that browsers refuse, nothing from elsewhere."""

import re
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse

from prompts.models import HourlyFindings, HourlyTally
from sanitization.services import activate, add_revision, create_policy
from tests.prompts.test_admin import make_row
from tests.prompts.test_statistics import this_hour

pytestmark = pytest.mark.django_db
OPEN = ["/", "/problems", "/api/docs/", "/account/confirm", "/account/reset", "/admin/login/"]


class Looked(HTMLParser):
    """What a page would load or run."""

    def __init__(self, page):
        super().__init__()
        self.loads, self.runs = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.runs += [f"{tag} {name}" for name in given if name.startswith("on")]
        self.runs += [value for value in given.values() if value and value.lower().startswith("javascript:")]
        if tag == "script" and "src" not in given and given.get("type") != "application/json":
            self.runs.append("inline script")
        if tag in ("script", "img", "iframe", "source", "embed") and given.get("src"):
            self.loads.add(given["src"])
        if tag == "link" and given.get("href") and given.get("rel") != "canonical":
            self.loads.add(given["href"])
        if tag in ("object", "base", "iframe", "frame"):
            self.runs.append(tag)


def assert_clean(response, path):
    assert response.status_code == 200, path
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    page = response.content.decode()
    looked = Looked(page)
    assert looked.runs == [], path
    assert not re.search(r"url\(|@import", "".join(re.findall(r"<style.*?</style>", page, re.DOTALL))), path
    for address in looked.loads:
        if address == "data:,":  # a page without an icon
            continue
        assert re.match(r"/(?!/)", address), (path, address)
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/").split("?")[0]), (path, address)
        else:
            assert Client().get(address).status_code in (200, 302), (path, address)


@pytest.mark.parametrize("path", OPEN)
def test_an_open_page_runs_and_loads_nothing_but_ours(path):
    assert_clean(Client().get(path), path)


def test_every_page_of_the_admin_runs_and_loads_nothing_but_ours(root, alice):
    row, policy = make_row(alice), create_policy(slug="given")
    activate(add_revision(policy, document={}))
    HourlyTally.objects.create(hour=this_hour(), model="parrot", outcome="answered", prompts=3, total_le_50=3)
    HourlyFindings.objects.create(
        hour=this_hour(), rule="email", direction="prompt", action="mask", findings=2
    )
    pages = ["/admin/", "/admin/password_change/", f"/admin/accounts/user/{alice.pk}/password/"]
    pages += [f"/admin/accounts/user/{alice.pk}/change/", f"/admin/accounts/user/{alice.pk}/history/"]
    pages += [f"/admin/prompts/prompt/{row.pk}/change/", reverse("admin:prompts_dry_run", args=["given", 1])]
    pages += [f"/admin/sanitization/policy/{policy.pk}/change/"]
    client = Client()
    client.force_login(root)
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pages.append(reverse(f"{name}_changelist"))
        if client.get(reverse(f"{name}_add")).status_code == 200:
            pages.append(reverse(f"{name}_add"))
    assert len(pages) > 20
    for path in pages:
        assert_clean(client.get(path), path)


def test_the_look_sees_what_a_browser_would_refuse():
    page = '<p onclick="x()"><script>x()</script><a href="JavaScript:x()"><base href="/">'
    page += '<img src="//evil.example/x">'
    looked = Looked(page)
    assert looked.runs == ["p onclick", "inline script", "JavaScript:x()", "base"]
    assert looked.loads == {"//evil.example/x"}
