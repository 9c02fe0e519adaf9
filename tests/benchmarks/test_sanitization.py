"""The benchmark of sanitization: its figures, its texts, and a run of it that is too short to mean much."""

import json
import re
import time

import pytest

from benchmarks import sanitization
from benchmarks.sanitizing import accuracy, figures, hostile, tail
from benchmarks.sanitizing.peer_worker import replaced
from benchmarks.sanitizing.texts import Writer, luhn_complete
from sanitization.chain import Chain
from sanitization.detectors.money import luhn_valid
from sanitization.evaluation import read
from sanitization.filters import DEFAULT_FILTERS
from sanitization.policies import Policy

CHAIN = Chain.from_paths(DEFAULT_FILTERS)


def test_a_kilobyte_is_1024_characters_and_the_median_counts():
    assert figures.per_kilobyte([0.001, 0.002, 0.9], [1024] * 3) == pytest.approx(2000)
    assert figures.per_kilobyte([0.001], [2048]) == pytest.approx(500)


def test_growth_takes_no_notice_of_what_is_too_short_to_measure():
    assert figures.growth(1.0, 2.5) == 2.5
    assert figures.growth(0.0001, 0.03) == 1


def test_a_table_has_columns_and_a_dash_where_there_is_no_figure():
    shown = figures.table(["text", "µs"], [["English", 1234.5], ["code", None], ["JSON", 0.25]])
    assert [line.split() for line in shown.split("\n")] == [
        ["text", "µs"],
        ["English", "1,234"],
        ["code", "-"],
        ["JSON", "0.25"],
    ]
    assert len({len(line) for line in shown.split("\n")}) == 1


def test_the_machine_is_described_without_its_name():
    import platform

    described = json.dumps(figures.machine())
    assert "python" in described
    assert platform.node() not in described


def test_the_same_seed_writes_the_same_texts_and_never_one_twice():
    one, same = Writer(7), Writer(7)
    for kind in one.kinds:
        first = one.text(kind, 700)
        assert first == same.text(kind, 700)
        assert len(first) == 700
        assert first != one.text(kind, 700)
        same.text(kind, 700)


def test_the_texts_are_of_the_scripts_that_they_are_called_by():
    writer = Writer(1)
    scripts = {"English": "[a-z]", "Russian": "[а-я]", "Persian": "[\u0600-\u06ff]", "Chinese": "[一-鿿]"}
    for kind, script in scripts.items():
        text = re.sub(r"\([^)]*\)|[^\w]", "", writer.text(kind, 2000))
        assert len(re.findall(script, text)) > 0.85 * len(text), kind


def test_values_are_such_that_they_are_found():
    writer = Writer(3)
    assert luhn_valid(luhn_complete("41111111111"))
    texts = [f"It is {writer.value()} here." for _ in range(60)]
    found = sum(bool(CHAIN.screen_prompt({"/p": text}, Policy()).findings) for text in texts)
    assert found >= 57


def test_a_hostile_text_has_the_size_that_was_asked_for():
    for name in hostile.NAMES:
        assert len(hostile.text_of(name, 1000)) == 1000


def test_a_case_says_which_bars_it_misses():
    case = hostile.Case("x", "prompt", half=0.5, full=1.4, delay=0.2, withheld=False)
    assert case.misses(1.0) == ["grows", "delays"]
    assert case.misses(0.5) == ["slow", "grows", "delays"]
    assert hostile.Case("x", "prompt", half=0.5, full=0.9, delay=0.01, withheld=True).misses(1) == [
        "withheld"
    ]


def test_a_watch_sees_what_keeps_it_waiting():
    with hostile.Watch() as watch:
        sum(range(3_000_000))  # in C, without a moment for anybody else
    assert watch.longest > 0.005


def test_a_watch_does_not_count_what_other_programs_take():
    with hostile.Watch() as watch:
        time.sleep(0.05)  # as if the machine had been somebody else's meanwhile
    assert watch.longest < 0.01


def test_bars_say_whether_they_are_met():
    assert figures.bar("English", 120.0, most=150) == "  met     English: 120, wanted 150 or less"
    assert figures.bar("Presidio", 27.0, least=40) == "  missed  Presidio: 27.0, wanted 40 or more"


def test_what_is_held_back_is_counted_in_characters_and_tokens():
    class Late:
        """An answer that comes five characters late."""

        findings = ()

        def __init__(self):
            self._text, self._sent = "", 0

        def feed(self, piece):
            self._text += piece
            out = self._text[self._sent : max(self._sent, len(self._text) - 5)]
            self._sent += len(out)
            return out

        def finish(self):
            return self._text[self._sent :]

    class Lazy:
        def open_answer(self, policy, placeholders):
            return Late()

    found = tail.measure(Lazy(), Policy(), ["x" * 4000])
    assert (found.median, found.longest) == (5, 5)
    assert 5 / 4 * 0.9 < found.mean_delay < 5 / 4 * 1.1


def test_a_text_with_findings_does_not_tell_what_is_held():
    with pytest.raises(ValueError, match="findings"):
        tail.measure(CHAIN, Policy(), ["write to ann@example.com"])


def labelled(*records):
    return list(read(json.dumps(record).encode() for record in records))


def test_accuracy_counts_by_the_names_that_labels_have():
    texts = labelled(
        {"text": "mail ann@example.com", "spans": [[5, 20, "EMAIL_ADDRESS"]]},
        {"text": "card 4111111111111111", "spans": [[5, 21, "CREDIT_CARD"]]},
        {"text": "bob@example.com is not labelled", "spans": []},
    )
    found = accuracy.ours(texts, CHAIN, Policy())
    assert found.scores["EMAIL_ADDRESS"].as_dict()["precision"] == 0.5
    assert found.scores["CREDIT_CARD"].recall == 1
    assert (found.macro_recall, found.alarm_rate) == (1, 1)


def test_accuracy_does_not_count_what_a_file_labels_nowhere():
    texts = labelled({"text": "card 4111111111111111 of bob@example.com", "spans": [[5, 21, "CREDIT_CARD"]]})
    assert accuracy.ours(texts, CHAIN, Policy()).precision == 1


def test_accuracy_leaves_out_the_kinds_that_a_tool_does_not_offer():
    texts = labelled(
        {"text": "Ann has 4111111111111111", "spans": [[0, 3, "PERSON"], [8, 24, "CREDIT_CARD"]]}
    )
    assert list(accuracy.ours(texts, CHAIN, Policy()).scores) == ["CREDIT_CARD"]


def test_any_finding_covers_a_label_that_no_rule_is_for():
    secret = "AKIA" + "QYLPMN5HHHFPZAM2"
    text = f"aws {secret} ok"
    texts = labelled(
        {"text": text, "spans": [[4, 24]], "rule": "some-vendor-key", "label": 1},
        {"text": "nothing", "spans": [], "rule": "some-vendor-key", "label": 0},
    )
    found = accuracy.ours(texts, CHAIN, Policy())
    assert found.scores["some-vendor-key"].found == 1
    assert (found.clean, found.alarmed) == (1, 0)


def test_the_stretches_that_became_asterisks_are_found():
    assert list(replaced("my key ABCDEF is", "my key ****** is")) == [(7, 13, "SECRET")]
    assert list(replaced("same", "same")) == []


def test_a_short_run_prints_every_table_and_writes_the_same_figures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(hostile, "NAMES", ("nested brackets", "nested tags"))
    file, labels = tmp_path / "figures.json", tmp_path / "labels.jsonl"
    labels.write_text(json.dumps({"text": "mail ann@example.com", "spans": [[5, 20, "EMAIL_ADDRESS"]]}))
    arguments = ["--quick", "--without-peers", "--blocks", "1", "--hostile-size", "2000", "--json", str(file)]
    assert sanitization.main([*arguments, str(labels)]) == 0
    report, printed = json.loads(file.read_text()), capsys.readouterr().out
    assert {row["kind"] for row in report["speed"]} == set(Writer(1).kinds)
    assert all(row["microseconds"]["values"] > 0 for row in report["speed"])
    assert len(report["hostile"]["cases"]) == 4
    assert report["accuracy"]["labels.jsonl"]["ours"]["scores"]["EMAIL_ADDRESS"]["recall"] == 1
    assert report["tail"]["longest"] > 0
    for words in ("Speed", "Held back", "Hostile texts of 1,000 and 2,000", "Accuracy on labels.jsonl"):
        assert words in printed


def test_a_file_that_has_no_labels_is_an_error(tmp_path, capsys):
    labels = tmp_path / "labels.jsonl"
    labels.write_text("nothing")
    arguments = ["--quick", "--without-peers", "--blocks", "1", "--hostile-size", "200", str(labels)]
    assert sanitization.main(arguments) == 2
    assert "Line 1 is no labelled text" in capsys.readouterr().err
