"""
What runs in the environment of the other tools, and knows nothing of this project: reads one JSON request a
line, `{"peer": NAME, "text": …}`, and answers `{"seconds": …, "spans": [[start, end, NAME], …]}`. Its first
line says what each tool can find at all: `{"presidio": [NAME, …], …}`.

    presidio    the pattern recognizers of presidio-analyzer, one after the other, each checking what it finds
                as it does there. Its analyzer adds tokens, words of context and the removal of duplicates,
                which would need a language model and take longer. What it scores under 0.4 is left out:
                that is what its own patterns call weak; a telephone number has 0.4
    llm_guard   the Secrets scanner of llm-guard, which writes each text to a file for detect-secrets. It
                says which secrets it replaced, not where: the spans are those of what became asterisks
"""

import difflib
import importlib.util
import json
import logging
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Spans = list[tuple[int, int, str]]
LEAST_SCORE = 0.4


def presidio() -> tuple[Callable[[str], list[Any]], list[str]]:
    from presidio_analyzer import RecognizerRegistry

    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    patterns = [one for one in registry.recognizers if type(one).__name__ != "SpacyRecognizer"]

    def analyze(text: str) -> list[Any]:
        return [
            found
            for one in patterns
            for found in one.analyze(text, one.supported_entities, None)  # type: ignore[arg-type]
        ]

    return analyze, sorted({name for one in patterns for name in one.supported_entities})


def llm_guard() -> Callable[[str], str]:
    # The package's own __init__ imports every scanner, and with them torch, which this one does not use.
    spec = importlib.util.find_spec("llm_guard")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    for name in ("llm_guard", "llm_guard.input_scanners"):
        package = types.ModuleType(name)
        package.__path__ = [str(Path(spec.submodule_search_locations[0], *name.split(".")[1:]))]
        sys.modules[name] = package
    import structlog
    from llm_guard.input_scanners.secrets import Secrets

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    scanner = Secrets()
    return lambda text: scanner.scan(text)[0]


def replaced(text: str, sanitized: str) -> Iterator[tuple[int, int, str]]:
    """The stretches of a text that became asterisks."""
    if text == sanitized:
        return
    at = 0
    for part in difflib.SequenceMatcher(None, text, sanitized, autojunk=False).get_opcodes():
        if part[0] in ("replace", "delete"):
            at = max(at, part[1])
            yield at, part[2], "SECRET"


def main() -> None:
    analyze, names = presidio()
    peers: dict[str, Callable[[str], Any]] = {"presidio": analyze, "llm_guard": llm_guard()}
    print(json.dumps({"presidio": names, "llm_guard": ["SECRET"]}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        scan, text = peers[request["peer"]], request["text"]
        before = time.process_time()
        found = scan(text)
        seconds = time.process_time() - before
        if isinstance(found, str):
            spans = list(replaced(text, found))
        else:
            spans = [(one.start, one.end, one.entity_type) for one in found if one.score >= LEAST_SCORE]
        print(json.dumps({"seconds": seconds, "spans": spans}), flush=True)


if __name__ == "__main__":
    main()
