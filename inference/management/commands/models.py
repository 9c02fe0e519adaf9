"""`manage.py models [--json]`: the models of this service and of the catalogue, and what would fit."""

import json
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand

from inference import catalogue
from inference.composition import memory_budget, need, slots_of
from inference.runner import ModelBroken
from inference.served import Served, one, served


@dataclass(frozen=True, slots=True)
class Line:
    """One model. What follows from its file is None where that is not there; `fault` is what is wrong with
    it. `memory_bytes` are for `slots`; `fits` tells whether the budget takes them, with nothing else loaded.
    """

    name: str
    role: str  # default, pinned, on demand; empty where it is not served
    kind: str
    licence: str
    origin: str
    context_tokens: int
    downloaded: bool
    size_bytes: int | None
    slots: int | None = None
    memory_bytes: int | None = None
    fits: bool | None = None
    fault: str = ""


class Command(BaseCommand):
    help = "Lists the models of this service and of the catalogue: here? how large? would they fit?"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, in bytes")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        budget = memory_budget()
        mine = served()
        names = {model.known.name for model in mine if model.known is not None}
        rest = [one(model.name) for model in catalogue.models() if model.name not in names]
        lines = [line(model, mine, budget=budget) for model in (*mine, *rest)]
        if json:
            self._print_json(lines, budget)
        else:
            self._print_table(lines, budget)

    def _print_json(self, lines: list[Line], budget: int) -> None:
        models = [{name: getattr(each, name) for name in Line.__slots__} for each in lines]
        self.stdout.write(json.dumps({"budget_bytes": budget, "models": models}, indent=2))

    def _print_table(self, lines: list[Line], budget: int) -> None:
        rows = [("NAME", "SERVED", "KIND", "HERE", "SIZE", "CONTEXT", "SLOTS", "MEMORY", "FITS")]
        for each in lines:
            rows.append(
                (
                    each.name,
                    each.role or "no",
                    each.kind,
                    yes_or_no(each.downloaded),
                    mib(each.size_bytes),
                    str(each.context_tokens),
                    str(each.slots or ""),
                    mib(each.memory_bytes),
                    yes_or_no(each.fits) + each.fault,
                )
            )
        widths = [max(len(row[column]) for row in rows) for column in range(8)]
        for row in rows:
            self.stdout.write("  ".join([*map(str.ljust, row[:8], widths), row[8]]).rstrip())
        self.stdout.write("")
        self.stdout.write(
            f"Memory for models: {mib(budget)} (LLM_MEMORY_MB, or what is free now less a reserve)."
        )
        if missing := [each.name for each in lines if each.role and not each.downloaded]:
            self.stdout.write(
                f"Not here: {', '.join(missing)}. Fetch them with: manage.py download_model --all"
            )


def line(model: Served, mine: tuple[Served, ...], *, budget: int) -> Line:
    """What can be said of a model without loading it."""
    slots = memory = None
    fault = ""
    if not model.lacks:
        try:
            slots = slots_of(model, mine if model in mine else (*mine, model), budget_bytes=budget)
            memory = need(model, slots=slots).total
        except ModelBroken as broken:
            fault = broken.reason
    known = model.known
    return Line(
        name=model.name,
        role=role(model, mine),
        kind=model.wanted.kind,
        licence=known.licence if known else "",
        origin=known.origin if known else str(model.path),
        context_tokens=model.context_tokens,
        downloaded=not model.lacks,
        size_bytes=model.size_bytes or (known.size_bytes if known else None),
        slots=slots,
        memory_bytes=memory,
        fits=None if memory is None else memory <= budget,
        fault=fault,
    )


def role(model: Served, mine: tuple[Served, ...]) -> str:
    if model not in mine:
        return ""
    pinned = "pinned" if model.pinned else "on demand"
    return f"default, {pinned}" if model == mine[0] else pinned


def yes_or_no(truth: bool | None) -> str:
    return "" if truth is None else "yes" if truth else "no"


def mib(size: int | None) -> str:
    return "" if size is None else f"{size >> 20} MiB"
