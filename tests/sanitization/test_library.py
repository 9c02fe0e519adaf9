"""The sanitization core as a library, in a process in which there is no Django."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from sanitization.filters import DEFAULT_FILTERS
from sanitization.library import Sanitizer
from sanitization.policies import Policy

ROOT = Path(__file__).parents[2]
WITHOUT_DJANGO = """
import sys
for name in ("django", "rest_framework", "gateway", "prompts", "accounts"):
    sys.modules[name] = None
from sanitization.library import Sanitizer
sanitizer = Sanitizer()
prompt = sanitizer.prompt("Write to ann@example.com")
answer = prompt.answer()
told = "".join(answer.feed(char) for char in "Dear [EMAIL_1], or bob@example.com?") + answer.finish()
print(prompt.text, told, *(finding.rule for finding in answer.findings), sep="|")
"""


@pytest.fixture(scope="module")
def sanitizer():
    return Sanitizer()


def test_it_works_where_no_django_can_be_imported():
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_DJANGO], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-1000:]
    assert ran.stdout == "Write to [EMAIL_1]|Dear ann@example.com, or [EMAIL_2]?|email\n"


def test_the_gateway_and_the_library_have_the_same_filters():
    assert tuple(settings.SANITIZATION_FILTERS) == DEFAULT_FILTERS


def test_parts_of_a_prompt_keep_their_names_and_share_their_placeholders(sanitizer):
    prompt = sanitizer.prompt({"system": "You write to ann@example.com.", "user": "ann@example.com!"})
    assert prompt.texts == {"system": "You write to [EMAIL_1].", "user": "[EMAIL_1]!"}
    assert prompt.text == "You write to [EMAIL_1].\n[EMAIL_1]!"
    assert [finding.part for finding in prompt.findings] == ["system", "user"]


def test_a_streamed_answer_is_what_the_whole_one_is(sanitizer):
    prompt = sanitizer.prompt("I am ann@example.com")
    text = "Hello [EMAIL_1], call +49 30 1234567 or <b onclick=x>click</b>."
    stream = prompt.answer()
    assert "".join([stream.feed(char) for char in text] + [stream.finish()]) == prompt.answer().whole(text)
    assert "ann@example.com" in prompt.answer().whole(text)


def test_a_policy_says_what_blocks_and_whether_values_come_back():
    sanitizer = Sanitizer(Policy.build(block=["iban"], restore=False))
    assert sanitizer.prompt("DE89 3704 0044 0532 0130 00").blocked
    prompt = sanitizer.prompt("ann@example.com")
    assert not prompt.blocked
    assert prompt.answer().whole("to [EMAIL_1]") == "to [EMAIL_1]"
    stopped = prompt.answer()
    assert stopped.whole("Pay to DE89 3704 0044 0532 0130 00 now") == "Pay to "
    assert stopped.blocked


def test_a_key_makes_fingerprints_last():
    one, same, other = (Sanitizer(key=key).prompt("ann@example.com") for key in (b"a", b"a", b"b"))
    prints = [prompt.findings[0].fingerprint for prompt in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]
