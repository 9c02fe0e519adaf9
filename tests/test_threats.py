"""docs/THREATS.md names what is tested where: every test that it names is there."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
THREATS = TESTS.parent / "docs" / "THREATS.md"
SHOWN = [
    line.rstrip(" |").rpartition("|")[2].strip()
    for line in THREATS.read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("|--", "| threat"))
]


def named():
    """Paths under tests/, by the text that names them; a name alone is in the folder of the one before it."""
    for shown in SHOWN:
        folder = ""
        for path in re.findall(r"`([a-z_/]+\.py)`", shown):
            folder = path.rpartition("/")[0] if "/" in path else folder
            yield path if "/" in path or not folder or (TESTS / path).exists() else f"{folder}/{path}"


def test_the_document_names_tests():
    assert len(set(named())) >= 12


@pytest.mark.parametrize("path", sorted(set(named())))
def test_every_test_that_is_named_is_there(path):
    assert (TESTS / path).is_file()


def test_every_threat_says_what_shows_its_defence_or_that_there_is_none():
    for line in THREATS.read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and not line.startswith(("|--", "| threat")):
            _, _, against, shown, _ = line.split(" | " if line.count(" | ") == 4 else "|")
            assert shown.strip() or "not defended" in against or "pip-audit" in against, line
