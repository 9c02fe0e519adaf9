"""
What others measure gateways with, against a running one: pii-leak-benchmark sends values through it to a
server of its own, has that server answer with them and with new ones, cut in two at every place, and looks at
both sides; chunk-invariance compares whole answers with streamed ones.
"""

import json

import pytest

from tests.clients.conftest import HERE, run_in

pytestmark = [pytest.mark.clients, pytest.mark.server, pytest.mark.model]
# Where its requests carry the values. A field that no API has is refused, and so nothing of it goes anywhere.
REFUSED = {"unrecognised-key"}


@pytest.fixture
def measure(leaks_python, gateway, surroundings, tmp_path):
    """Runs one of the commands."""
    known = {**surroundings, "CONFORMANCE_TARGET_API_KEY": surroundings["GATEWAY_KEY"]}

    def run(command, *arguments, may_fail=False):
        return run_in([leaks_python.with_name(command), *arguments], known, seconds=600, may_fail=may_fail)

    return run


def test_no_value_of_a_prompt_reaches_a_server_and_each_comes_back(measure, gateway, ports, tmp_path):
    report = tmp_path / "report.json"
    target = ["--target-base-url", f"{gateway.base}/v1", "--target-model", "capture"]
    said = measure(
        *("pii-leak-benchmark", "selfcheck", *target),
        *("--capture-port", str(ports["capture"]), "--json-out", report),
    )
    assert "CLEAN" in said
    checks = json.loads(report.read_text())["checks"]
    assert all(check["passed"] for check in checks.values()), said


def test_without_a_gateway_the_measurement_finds_the_leak(measure):
    said = measure("pii-leak-benchmark", "selfcheck", "--target-base-url", "capture://self", may_fail=True)
    assert "LEAK" in said


def test_values_that_a_server_makes_up_are_taken_out_wherever_they_are_cut(measure, gateway, ports, tmp_path):
    summary = tmp_path / "summary.json"
    target = [
        "--gateway-url",
        f"{gateway.base}/v1/chat/completions",
        "--model",
        "splits",
        "--only",
        "gateway",
    ]
    measure(
        *("pii-leak-benchmark-v2", *target, "--upstream-port", str(ports["splits"]), "--exhaustive-splits"),
        *("--out", tmp_path, "--json-out", summary, "--seed", "a1b2c3d4e5f60001"),
    )
    (row,) = json.loads(summary.read_text())["rows"]
    assert (row["leak_single_chunk"], row["leak_adversarial"], row["fidelity_rate"]) == (0, 0, 1)
    assert (row["request_path_leak"], row["outcome"]) == ([], "pass")
    report = json.loads((tmp_path / "gateway.json").read_text())
    per_case = report["checks"]["fragmentation_safety"]["coalescing_per_case"]
    failed = {case["case"]["request_site"] for case in per_case if case["stream_failure"]}
    assert failed <= REFUSED
    assert len(per_case) == 32


def test_an_answer_is_the_same_wherever_it_is_cut(leaks_python, surroundings, ports):
    said = json.loads(
        run_in([leaks_python, HERE / "programs" / "chunks.py", ports["chunks"]], surroundings, seconds=600)
    )
    assert min(said["tried"].values()) > 30
    outputs = said["outputs"]
    assert outputs["email"] == "Write to [EMAIL_2], please."
    assert "ann.smith@example.com" not in outputs["email"]
    assert outputs["nothing"] == "Nothing at all to find here – not «one»."
    assert "4111" not in outputs["card"]
    assert "<script" not in outputs["markup"]
