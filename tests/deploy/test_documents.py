"""What people read about the configuration is what the code declares."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from gateway.env import DECLARED

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
DOCUMENTS = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))


def show_config(*arguments):
    out = StringIO()
    call_command("show_config", *arguments, stdout=out)
    return out.getvalue()


def test_the_example_file_is_what_the_declaration_makes():
    assert (ROOT / ".env.example").read_text() == show_config("--example")


def test_the_table_of_variables_is_what_the_declaration_makes():
    assert show_config("--markdown").strip() in (ROOT / "docs" / "CONFIGURATION.md").read_text()


def test_a_secret_is_never_shown(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://user:hunter2@host")
    shown = show_config()
    assert "hunter2" not in shown
    for name, variable in DECLARED.items():
        (line,) = [line for line in shown.splitlines() if line.split()[0] == name]
        if variable.secret:
            assert re.search(r"\((not )?set\)", line)
    assert "(default)" in shown


def test_the_readmes_api_table_names_every_call():
    for call in (
        *("POST /user/register", "POST /auth/login", "POST /auth/refresh", "POST /auth/logout"),
        *("GET /auth/profile", "POST /prompt", "GET /prompt", "GET /prompt/{id}", "DELETE /prompt/{id}"),
    ):
        assert f"`{call}`" in README


def test_the_readme_says_why_each_dependency_is_there():
    for name in ("requirements.txt", "requirements-telemetry.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if found := re.match(r"([A-Za-z0-9-]+)(?:\[.*\])?==", line):
                assert f"`{found.group(1)}`" in README, found.group(1)


def test_every_requirement_is_pinned_and_constrained():
    constrained = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().split()
    }
    for name in ("requirements.txt", "requirements-telemetry.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if found := re.match(r"([A-Za-z0-9]\S*?)(?:\[|==| )", line):
                assert "==" in line, line
                if found.group(1).lower() != "llama-cpp-python":  # built here, with options
                    assert found.group(1).lower() in constrained, line


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_link_into_the_repository_leads_somewhere(path):
    folder, text = (ROOT / path).parent, (ROOT / path).read_text()
    for target, _, anchor in re.findall(r"\]\((?!https?://|/)([^)#\s]*)(#?)([^)]*)\)", text):
        there = folder / target if target else ROOT / path
        assert there.exists(), target
        assert not anchor or anchor in headings(there), (target, anchor)


def headings(path):
    """As the anchors of a page that shows it."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", [*DOCUMENTS, "CHANGELOG.md", "Dockerfile", "docker-compose.yml", ".ci/run"])
def test_no_document_names_this_machine(path):
    assert not re.search(r"/(work|farm|root|home/\w+)/", (ROOT / path).read_text())
