"""What changed between two policy documents, field by field: for people who decide which one is in force."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `before` is None where something was added, `after` where it was taken away."""

    field: str
    before: str | None
    after: str | None


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every difference, by field and then by what is in it: rules by name, custom rules by id.

    Linear in the documents' size, apart from the system prompt, which is compared line by line.
    """
    found: list[Change] = []
    for name in sorted(before.keys() | after.keys()):
        if name == "system_prompt":
            found += _text(name, str(before.get(name, "")), str(after.get(name, "")))
            continue
        old, new = dict(_entries(name, before)), dict(_entries(name, after))
        found += [
            Change(key, old.get(key), new.get(key))
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        ]
    return found


def _entries(name: str, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The parts of a field that can change on their own: their names and what they say."""
    if name not in document:
        return
    value = document[name]
    if name == "custom":
        for rule in value:
            yield f"custom {rule['id']}", _shown({key: rule[key] for key in sorted(rule) if key != "id"})
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, list):
                for item in inner:
                    yield f"{name} {key}: {item}", _shown(item)
            else:
                yield f"{name} {key}", _shown(inner)
    elif isinstance(value, list):
        for item in value:
            yield f"{name}: {item}", _shown(item)
    else:
        yield name, _shown(value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(name: str, before: str, after: str) -> list[Change]:
    """The lines that went and came, in runs."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(a=old, b=new)
    return [
        Change(
            f"{name}, line {begin_old + 1}",
            "\n".join(old[begin_old:end_old]) or None,
            "\n".join(new[begin_new:end_new]) or None,
        )
        for kind, begin_old, end_old, begin_new, end_new in matcher.get_opcodes()
        if kind != "equal"
    ]
