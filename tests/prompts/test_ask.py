"""`manage.py ask`: one prompt from the terminal."""

import os
import signal
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from inference import composition as inference
from inference.errors import ModelUnavailable
from prompts import composition
from prompts.management.commands.ask import visible
from prompts.models import Prompt
from tests.conftest import make_user
from tests.fakes import Parrot, ScriptedRunner
from tests.inference.files import write_header

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def parrot():
    """The house of this service, but for what answers."""
    made = Parrot()
    composition.install(replace(composition.built(), backend=made))
    yield made
    composition.install(None)


def ask(*arguments):
    out, err = StringIO(), StringIO()
    call_command("ask", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_prompt_goes_through_the_house_and_onto_the_book(parrot, root):
    out, err = ask("Write to ann@example.com", "--system", "Be short.", "--max-tokens", "50")
    assert out == "Write to ann@example.com\n"
    assert parrot.heard == ["Be short.", "Write to [EMAIL_1]"]
    (row,) = Prompt.objects.all()
    assert (row.user_id, row.outcome) == (root.pk, "answered")
    assert row.response == "Write to [EMAIL_1]"
    assert str(row.id) in err
    assert "found: email" in err
    assert parrot.generations[0].max_tokens == 50


def test_a_row_belongs_to_whom_it_is_asked_for(parrot, alice, root):
    ask("hi", "--user", "Alice@example.org")
    assert Prompt.objects.get().user_id == alice.pk


def test_nobody_is_taken_for_somebody(parrot, alice):
    with pytest.raises(CommandError, match="no superuser") as caught:
        ask("hi")
    assert caught.value.returncode == 2
    with pytest.raises(CommandError, match="no active user"):
        ask("hi", "--user", "mallory@example.org")
    for name in ("one", "two"):
        make_user(f"{name}@example.org", is_superuser=True)
    with pytest.raises(CommandError, match="more than one superuser"):
        ask("hi")
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hi", "--model", "gpt-9"], "not served. Served: parrot"),
        (["hi", "--max-tokens", "0"], "max_tokens"),
        (["hi", "--temperature", "3"], "temperature"),
        ([""], "prompt"),
    ],
)
def test_what_cannot_be_asked_is_told(parrot, root, arguments, said):
    with pytest.raises(CommandError, match=said) as caught:
        ask(*arguments)
    assert caught.value.returncode == 2


def test_what_goes_wrong_is_told_in_the_sentence_of_the_service(parrot, root):
    parrot.error = ModelUnavailable("The model is not downloaded.")
    with pytest.raises(CommandError, match="not downloaded") as caught:
        ask("hi")
    assert caught.value.returncode == 1
    assert Prompt.objects.get().outcome == "refused"


@pytest.fixture
def interruptible():
    """What a shell starts in the background ignores the signal, and so would this process."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interruption_is_on_the_book_as_cancelled(parrot, root, monkeypatch, interruptible):
    monkeypatch.setattr(
        "prompts.management.commands.ask.Command._show",
        lambda command, text: os.kill(os.getpid(), signal.SIGINT),
    )
    parrot.pause_seconds = 0.05
    with pytest.raises(CommandError, match="Interrupted"):
        ask("A long story about a bird.")
    assert Prompt.objects.get().outcome == "cancelled"
    assert parrot.running == 0


def test_a_reader_who_has_enough_ends_it_without_a_trace(parrot, root, monkeypatch):
    def write(command, text):
        raise BrokenPipeError

    monkeypatch.setattr("prompts.management.commands.ask.Command._show", write)
    monkeypatch.setattr("sys.stdout", StringIO())  # it is given another one
    with pytest.raises(CommandError, match="Nobody reads") as caught:
        ask("A long story about a bird.")
    assert caught.value.returncode == 1
    assert Prompt.objects.get().outcome == "cancelled"
    assert parrot.running == 0


def test_the_prompt_may_come_from_stdin(parrot, root, monkeypatch):
    monkeypatch.setattr("sys.stdin", StringIO("from a pipe"))
    assert ask("-")[0] == "from a pipe\n"


def test_the_engine_alone_sees_everything_and_nothing_is_kept(settings, tmp_path, monkeypatch):
    settings.LLM_MODELS_DIR = tmp_path
    write_header(tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf")
    monkeypatch.setattr(inference, "load", lambda model, options: ScriptedRunner("ann@example.com"))
    out, err = ask("Write to ann@example.com", "--raw-engine")
    assert out == "ann@example.com\n"
    assert "nothing is sanitized, and no row is kept" in err
    assert not Prompt.objects.exists()


def test_no_answer_moves_the_cursor():
    assert visible("a\x1b]0;title\x07b\tc\n\u202e") == "a\\x1b]0;title\\x07b\tc\n\\u202e"
