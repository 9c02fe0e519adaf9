"""
This process's models, from the settings: found, measured, and loaded where a server says so.

    settings ─► served ─► entries ─► Roster ─► LocalBackend

`inference.fleet` decides whether they are started, and whether anything else answers beside them.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from inference import machine
from inference.engine import Engine
from inference.fitting import Model, fitting_slots
from inference.local import LocalBackend
from inference.memory import MemoryNeed, fitting, memory_needed
from inference.options import STEP_TOKENS, EngineOptions, LlamaOptions
from inference.roster import Roster
from inference.runner import ModelBroken, Runner
from inference.seats import Entry
from inference.served import Served, served
from inference.turns import Turns, TurnTaking

_roster: Roster[Engine] | None = None
_backend: LocalBackend | None = None


def roster() -> Roster[Engine]:
    """The models of this process. Ones that were not started answer nothing and say so."""
    return _roster or roster_of(served())


def running() -> Roster[Engine] | None:
    """The models of this process, if it was told to start them."""
    return _roster


def backend() -> LocalBackend:
    """The local models as a backend."""
    return _backend or LocalBackend(roster())


def start(*, eager: bool = True, wait_seconds: float | None = None) -> None:
    """Begins to load the default and the pinned models on threads of their own (where not `eager`: none until
    it is asked for); returns at once. A prompt waits `wait_seconds` for a load, LLM_LOAD_WAIT_SECONDS where
    None."""
    global _roster, _backend
    _roster = roster_of(served())
    _backend = LocalBackend(
        _roster, wait_seconds=settings.LLM_LOAD_WAIT_SECONDS if wait_seconds is None else wait_seconds
    )
    _roster.start(eager=eager)


def close(*, drain_seconds: float | None = None) -> None:
    """Lets answers in progress end for LLM_DRAIN_SECONDS, or so long, and ends every engine."""
    global _roster, _backend
    closing, _roster, _backend = _roster, None, None
    if closing is not None:
        closing.close(drain_seconds=settings.LLM_DRAIN_SECONDS if drain_seconds is None else drain_seconds)


def needed_names() -> tuple[str, ...]:
    """The models without which the service is not ready: the default and the pinned ones."""
    default, *others = served()
    return (default.name, *(model.name for model in others if model.pinned))


def roster_of(models: Sequence[Served]) -> Roster[Engine]:
    """These models within the memory of this machine. Nothing is loaded yet."""
    budget = memory_budget()
    turns = Turns() if len(models) > 1 else None
    entries = [entry(model, models, turns, budget_bytes=budget) for model in models]
    return Roster(entries, budget_bytes=budget, places=settings.LLM_QUEUE)


def entry(
    model: Served, models: Sequence[Served], turns: Turns | None, *, budget_bytes: int
) -> Entry[Engine]:
    """How the roster loads this model. Its slots follow from what is there when it is loaded."""

    def slots() -> int:
        return slots_of(model, models, budget_bytes=budget_bytes)

    def make() -> Engine:
        options = llama_options(model, slots=slots())

        def loaded() -> Runner:
            runner = load(model, options)
            return runner if turns is None else TurnTaking(runner, turns)

        return Engine(loaded, engine_options(model))

    return Entry(
        describe=model.card,
        make=make,
        memory_bytes=lambda: need(model, slots=slots()).total,
        size_bytes=lambda: model.size_bytes,
        aliases=model.aliases,
        pinned=model.pinned,
        lacks=lambda: model.lacks,
        fitting=lambda most: what_fits(model, llama_options(model, slots=slots()), most_bytes=most),
    )


def what_fits(model: Served, options: LlamaOptions, *, most_bytes: int) -> list[str]:
    """The settings of which any one would make it small enough, as they are written: a model's own go before
    the general ones."""
    own = {"LLM_SLOTS": model.wanted.slots, "LLM_CONTEXT": model.wanted.context}
    found = []
    for setting in fitting(model.path, options, free=most_bytes):
        name, _, value = setting.partition("=")
        found.append(f"{name[4:].lower()}={value} in LLM_MODELS" if own[name] else setting)
    return found


def load(model: Served, options: LlamaOptions) -> Runner:
    """Loads it, which takes a while and a lot of memory."""
    from inference.llama import LlamaRunner  # only where a model is wanted: this alone costs memory and time

    return LlamaRunner(model.path, options=options)


# -- options --


def engine_options(model: Served) -> EngineOptions:
    """How its engine works."""
    folder = None
    if settings.LLM_PREFIX_DIR:
        # One model's beginnings mean nothing to another.
        card = model.card()
        name = re.sub("[^A-Za-z0-9.-]", "_", card.name)
        folder = Path(settings.LLM_PREFIX_DIR) / f"{name}-{card.revision[:12]}"
    return EngineOptions(
        places=settings.LLM_QUEUE,
        queue_tokens=settings.LLM_QUEUE_TOKENS,
        queue_seconds=settings.LLM_QUEUE_SECONDS,
        timeout_seconds=settings.LLM_TIMEOUT_SECONDS,
        drain_seconds=settings.LLM_DRAIN_SECONDS,
        prefix_scope=settings.LLM_PREFIX_SCOPE,
        prefix_dir=folder,
        speculation=settings.LLM_SPECULATION,
    )


def llama_options(model: Served, *, slots: int) -> LlamaOptions:
    """How it is loaded."""
    layers = settings.LLM_GPU_LAYERS if model.wanted.gpu_layers is None else model.wanted.gpu_layers
    return LlamaOptions(
        context_tokens=model.context_tokens,
        slots=slots,
        kv_tokens=settings.LLM_KV_TOKENS,
        threads=threads(),
        step_tokens=max(STEP_TOKENS, slots),  # each answer is to have its token
        flash_attention=_flash_attention(model, gpu_layers=layers),
        kv_type=settings.LLM_KV_TYPE,
        kind=model.wanted.kind,
        gpu_layers=layers,
        repack=settings.LLM_REPACK,
    )


def _flash_attention(model: Served, *, gpu_layers: int) -> bool:
    """As LLM_FLASH_ATTENTION says; else where it is needed or faster: texts to embed are computed whole."""
    if settings.LLM_FLASH_ATTENTION != "auto":
        return bool(settings.LLM_FLASH_ATTENTION)
    return gpu_layers != 0 or settings.LLM_KV_TYPE != "f16" or model.wanted.kind == "embedding"


def threads() -> int:
    """LLM_THREADS, or one less than the cores this process may use: llama.cpp's threads spin, and one that
    shares its core with the web side slows both."""
    return int(settings.LLM_THREADS) or max(1, machine.cores() - 1)


# -- memory --


def memory_budget() -> int:
    """What all models together may take, in bytes."""
    if settings.LLM_MEMORY_MB:
        return int(settings.LLM_MEMORY_MB) << 20
    return machine.budget_bytes(machine.free_bytes())


def need(model: Served, *, slots: int) -> MemoryNeed:
    """What it takes with so many slots. Raises ModelBroken where its file cannot be read."""
    return memory_needed(model.path, llama_options(model, slots=slots))


def slots_of(model: Served, models: Sequence[Served], *, budget_bytes: int) -> int:
    """Its own, LLM_SLOTS, or as many as fit beside the others that are there. Raises ModelBroken."""
    fixed = model.wanted.slots or int(settings.LLM_SLOTS)
    if fixed:
        return fixed
    fits: list[Model] = []
    for each in models:
        if each == model or not each.lacks:
            try:
                fits.append(fit(each))
            except ModelBroken:  # it takes nothing from the others
                if each == model:
                    raise
    return fitting_slots(fits, budget_bytes)


def fit(model: Served) -> Model:
    """What it takes by its slots. Each takes the same again, so two headers are read and not sixteen."""
    one, two = (need(model, slots=slots).total for slots in (1, 2))
    return Model(lambda slots: one + (two - one) * (slots - 1), slots=model.wanted.slots, pinned=model.pinned)
