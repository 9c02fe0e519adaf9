"""What docs/API.md says of clients is what is installed for these tests."""

import json
import re

from tests.clients.conftest import HERE
from tests.server import ROOT

PYTHON = dict(re.findall(r"^([\w.-]+)==(\S+)$", (HERE / "python.txt").read_text(), re.M))
LEAKS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (HERE / "leaks.txt").read_text(), re.M))
OURS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements-dev.txt").read_text(), re.M))
NODE = json.loads((HERE / "node" / "package.json").read_text())["dependencies"]
SAID = (ROOT / "docs" / "API.md").read_text().partition("## Clients")[2].partition("\n## ")[0]


def test_the_document_names_the_versions_that_are_tested():
    said = dict(re.findall(r"^\| `?([a-z-]+(?:` \(\w+\))?)`? \| ([\d.]+) \|", SAID, re.M))
    assert said == {
        "openai` (Python)": OURS["openai"],
        "openai` (Node)": NODE["openai"],
        **{name: PYTHON[name] for name in ("langchain-openai", "litellm", "instructor", "llm")},
    }
    for name, version in LEAKS.items():
        assert name not in ("pii-leak-benchmark", "chunk-invariance") or f"{name} {version}" in SAID


def test_the_lock_of_npm_holds_what_package_json_pins_and_names_no_registry():
    lock = json.loads((HERE / "node" / "package-lock.json").read_text())["packages"]
    assert {name: lock[f"node_modules/{name}"]["version"] for name in NODE} == NODE
    assert all("integrity" in package for name, package in lock.items() if name)
    assert "resolved" not in json.dumps(lock)
