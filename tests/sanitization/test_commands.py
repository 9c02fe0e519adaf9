"""The commands, called as a person would."""

import io
import json
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from sanitization import services
from sanitization.chain import Chain
from sanitization.errors import ScreeningFailed
from sanitization.models import PolicyGeneration
from sanitization.policies import Policy
from sanitization.rules import RULES
from sanitization.screening import Counts, screen_lines
from sanitization.store import store
from tests.sanitization.samples import CHAIN

pytestmark = pytest.mark.django_db  # where the policies are

MAIL = "mail ann@example.com now"


def run(name, *arguments, stdin=b"", monkeypatch=None):
    """What a command writes to stdout and stderr, and its exit code."""
    out, err = io.StringIO(), io.StringIO()
    if monkeypatch is not None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    try:
        call_command(name, *arguments, stdout=out, stderr=err)
        code = 0
    except CommandError as error:
        code = error.returncode
    return out.getvalue(), err.getvalue(), code


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "input"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_a_text_comes_out_sanitized_and_its_findings_beside_it(file):
    out, err, code = run("screen", file(MAIL + "\r\n"))
    assert (out, code) == ("mail [EMAIL_1] now\r\n", 0)
    assert err.split() == ["5-20", "mask", "0.90", "email"]


def test_a_text_comes_from_standard_input(monkeypatch):
    for arguments in ((), ("-",)):
        out, _, _ = run("screen", *arguments, stdin=MAIL.encode(), monkeypatch=monkeypatch)
        assert out == "mail [EMAIL_1] now"


def test_json_lines_come_out_in_order_with_their_findings(file):
    source = file(
        lines({"id": 7, "text": "é " + MAIL}, {"id": "b", "text": "nothing"}, {"id": None, "text": ""})
    )
    out, _, code = run("screen", source, "--jsonl")
    first, second, third = map(json.loads, out.splitlines())
    assert code == 0
    assert (first["id"], first["text"], first["blocked"]) == (7, "é mail [EMAIL_1] now", False)
    [finding] = first["findings"]
    known = {"rule": "email", "start": 7, "end": 22, "action": "mask", "score": 0.9}
    assert finding.items() >= known.items()
    assert second == {"id": "b", "text": "nothing", "findings": [], "blocked": False}
    assert third["text"] == ""


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"{nope", "is not JSON"),
        (b'{"text": "\xff"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"id": 3, "text": 5}', "with a text"),
        (b"[1]", "with a text"),
    ],
)
def test_one_bad_line_does_not_lose_the_others(file, bad, says):
    good = lines({"id": 1, "text": MAIL}).encode()
    out, _, code = run("screen", file(good + bad + b"\n\n" + good), "--jsonl")
    first, wrong, last = map(json.loads, out.splitlines())
    assert code == 1
    assert first == last
    assert says in wrong["error"]
    assert "text" not in wrong


def test_odd_characters_come_through(file):
    text = "\ud800 \0 \u2028 \U0001f600"
    out, _, code = run("screen", file("\ufeff" + lines({"id": 1, "text": text})), "--jsonl")
    assert (json.loads(out)["text"], code) == (text, 0)


def test_fail_says_by_its_exit_code_that_something_was_found(file):
    assert run("screen", file(MAIL), "--fail")[2] == 3
    assert run("screen", file("nothing"), "--fail")[2] == 0
    assert run("screen", file(lines({"id": 1, "text": MAIL})), "--jsonl", "--fail")[2] == 3


def test_what_cannot_be_read_is_said(file):
    assert run("screen", "/nowhere/at/all")[2] == 2
    assert run("screen", file(b"\xff\xfe"))[2] == 2
    assert run("screen", file(MAIL), "--policy", "nobody")[2] == 2
    with pytest.raises(CommandError):
        call_command("screen", "--html", "bbcode")


def test_answers_are_cleaned_as_they_are_shown(file):
    source = file("`<b>` <script>x</script>")
    assert run("screen", source, "--direction", "answer")[0] == "`<b>` &lt;script>x&lt;/script>"
    assert run("screen", source, "--direction", "answer", "--html", "html")[0].startswith("`<b>")
    assert run("screen", source, "--direction", "answer", "--html", "off")[0] == "`<b>` <script>x</script>"
    assert run("screen", source)[0] == "`<b>` <script>x</script>"


def test_a_blocked_text_is_marked(file, settings):
    settings.POLICY_BLOCK = ("email",)
    source = file(lines({"id": 1, "text": MAIL}))
    assert json.loads(run("screen", source, "--jsonl")[0])["blocked"] is True
    out = json.loads(run("screen", source, "--jsonl", "--direction", "answer")[0])
    assert (out["text"], out["blocked"]) == ("mail ", True)


def test_a_text_that_cannot_be_scanned_does_not_come_out():
    class Broken(Chain):
        def screen_prompt(self, parts, policy):
            raise ScreeningFailed("Broken")

    counts = Counts()
    [line] = screen_lines([lines({"id": 1, "text": MAIL}).encode()], Broken([]), Policy(), "prompt", counts)
    assert "text" not in json.loads(line)
    assert (counts.texts, counts.errors) == (1, 1)


def test_lines_are_read_as_they_are_wanted():
    def endless():
        yield lines({"id": 1, "text": MAIL}).encode()
        raise AssertionError("read ahead")

    results = screen_lines(endless(), CHAIN, Policy(), "prompt", Counts())
    assert json.loads(next(results))["id"] == 1


def test_every_rule_can_be_turned_on(file):
    advisory = [rule for rule in RULES.values() if rule.advisory]
    out, _, _ = run("screen", "--entities")
    listed = {entry["rule"]: entry for entry in json.loads(out)}
    assert {"email", "control_bytes", "markup"} <= listed.keys()
    assert all(listed[rule.id]["advisory"] for rule in advisory if rule.id in listed)
    assert run("screen", file(MAIL), "--rules", "all")[0] == "mail [EMAIL_1] now"


def test_detectors_are_measured_on_labelled_texts(file):
    source = file(
        lines(
            {"text": MAIL, "spans": [[5, 20, "email"]]},
            {"text": MAIL, "spans": [[5, 24, "EMAIL"]]},
            {"text": "card 4111 1111 1111 1111", "spans": [[5, 24, "email"]]},
            {"text": "a@example.com and b@example.com", "spans": [[0, 13, "email"]]},
            {"text": "nothing", "spans": [], "label": 0},
        )
    )
    out, err, code = run("evaluate_detectors", source, "--json", "--misses", "9")
    scores = json.loads(out)["scores"]
    assert (json.loads(out)["texts"], code) == (5, 0)
    assert scores["email"] == {
        "found": 2,
        "missed": 1,
        "false": 1,
        "recall": 2 / 3,
        "precision": 2 / 3,
        "f1": 2 / 3,
    }
    assert "line 3: missed email 5-24" in err
    assert "ann@example.com" not in out + err
    table, _, _ = run("evaluate_detectors", source, "--rules", "all")
    assert "0.667" in table


def test_values_that_nobody_says_where_are_counted(file):
    source = file(
        lines(
            {"text": MAIL, "spans": None, "n": 2, "entity": "EMAIL_ADDRESS"},
            {"text": MAIL, "spans": None, "n": 0, "entity": "EMAIL_ADDRESS"},
        )
    )
    scores = json.loads(run("evaluate_detectors", source, "--json")[0])["scores"]
    assert {name: (s["found"], s["missed"], s["false"]) for name, s in scores.items()} == {
        "EMAIL_ADDRESS": (1, 1, 1)
    }


@pytest.mark.parametrize("line", ["{}", '{"text": 1, "spans": []}', '{"text": "x", "spans": [[0, 1]]}', "["])
def test_unreadable_labels_are_refused_with_their_line(file, line):
    source = file(lines({"text": "x", "spans": []}) + line + "\n")
    assert run("evaluate_detectors", source)[2] == 2
    with pytest.raises(CommandError, match="Line 2"):
        call_command("evaluate_detectors", source)
    assert run("evaluate_detectors", "/nowhere")[2] == 2


def test_a_policy_is_looked_up_by_its_name(file):
    policy = services.create_policy(slug="birds")
    document = {"custom": [{"id": "bird", "kind": "word", "text": "bluebird"}]}
    path = file("a bluebird")
    assert run("screen", path, "--policy", "birds")[2] == 2
    services.activate(services.add_revision(policy, document=document))
    store.forget()
    text, _, code = run("screen", path, "--policy", "birds")
    assert (text, code) == ("a [CUSTOM_BIRD_1]", 0)
    assert run("screen", path)[0] == "a bluebird"
    services.activate(services.add_revision(services.create_policy(slug="default"), document=document))
    store.forget()
    assert run("screen", path)[0] == "a [CUSTOM_BIRD_1]"


def test_without_a_database_only_the_environments_policy_is_known(file, monkeypatch):
    def away():
        raise OperationalError

    monkeypatch.setattr(PolicyGeneration.objects, "values_list", lambda *args, **more: away())
    text, said, code = run("screen", file(MAIL))
    assert (text, code) == ("mail [EMAIL_1] now", 0)
    assert "cannot be read" in said
    assert run("screen", file(MAIL), "--policy", "default")[2] == 1
