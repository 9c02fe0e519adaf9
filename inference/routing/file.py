"""
`backends.toml` becomes a `Table`. Everything that is wrong with it is said at once, in sentences that say
where and what to do; none repeats a key.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

from inference.backends import DEFAULT, MEDIA_FIELDS, ModelCard
from inference.remote.options import EVERY_FIELD, KINDS, LOCAL, Kind, Patience, RemoteOptions
from inference.routing.reader import Reader
from inference.routing.table import Model, Server, Table, Target

MAX_FILE_BYTES = 1 << 20


class TableInvalid(Exception):
    """`problems` are sentences for the operator."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def load(
    path: Path, *, secret: Callable[[str], str], local: Mapping[str, ModelCard], total_seconds: float
) -> Table:
    """The table in the file. `secret` gives the value of an environment variable; `local` are the models of
    this process; an answer may take `total_seconds` where the file does not say. Raises TableInvalid."""
    return read(_text(path), secret=secret, local=local, total_seconds=total_seconds)


def uses_local(path: Path) -> bool:
    """Whether the file names the models of this process, as far as it can be read; to be safe, else yes."""
    try:
        backends = tomllib.loads(_text(path)).get("backends")
    except (TableInvalid, tomllib.TOMLDecodeError):
        return True
    listed = backends.values() if isinstance(backends, dict) else ()
    return any(isinstance(one, dict) and one.get("kind") == LOCAL for one in listed)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TableInvalid((f"{path.name} has more than {MAX_FILE_BYTES >> 20} MiB.",))
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise TableInvalid((f"{path.name} is not UTF-8.",)) from None
    except OSError as error:
        raise TableInvalid((f"BACKENDS_FILE: {path}: {error.strerror}.",)) from None


def read(
    text: str, *, secret: Callable[[str], str], local: Mapping[str, ModelCard], total_seconds: float = 300.0
) -> Table:
    """The same from its text."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TableInvalid((f"This is no TOML: {place_of(error)}.",)) from None
    top = Reader(document, "the file")
    default = top.text("default")
    servers = {
        name: _server(name, Reader(given, f"[backends.{name}]", top.problems), secret, total_seconds)
        for name, given in top.tables("backends").items()
    }
    models = [
        _model(name, Reader(given, f'[models."{name}"]', top.problems), servers, local)
        for name, given in top.tables("models").items()
    ]
    top.close()
    problems = top.problems
    if not servers:
        problems.append("No backend is declared: add a table like [backends.gpu1].")
    if not models:
        problems.append('No model is declared: add a table like [models."llama-3.1-8b"].')
    problems += _names(models, default)
    if problems:
        raise TableInvalid(tuple(dict.fromkeys(problems)))
    first = default or models[0].name
    return Table(tuple(servers.values()), tuple(sorted(models, key=lambda model: model.name != first)))


def place_of(error: tomllib.TOMLDecodeError) -> str:
    """Where, without what stands there: it could be a key."""
    found = re.search(r"\(at [^()]*\)$", str(error))
    return found.group()[1:-1] if found else "somewhere"


# -- servers --


def _server(name: str, given: Reader, secret: Callable[[str], str], total_seconds: float) -> Server:
    kind = given.choice("kind", (*KINDS, LOCAL))
    limit = given.whole("max_concurrent", least=1)
    draining = given.flag("draining", False)
    if kind == LOCAL:
        given.close(f"a backend of the kind {LOCAL}")
        return Server(name, kind, None, limit, 0, is_local=True, draining=draining)
    probe_seconds = given.number("probe_seconds", 10.0, least=0, most=3600)
    is_local = given.flag("local", False)
    if kind not in KINDS:  # of the rest nobody knows what it should be
        return Server(name, kind)
    remote = _remote(kind, KINDS[kind], given, secret, total_seconds)
    given.close()
    return Server(name, kind, remote, limit, probe_seconds, is_local, draining)


def _media(given: Reader) -> frozenset[str]:
    """What of what is no text its models take: no kind of server says that."""
    media = frozenset(given.texts("media") or ())
    if unknown := sorted(media.difference(MEDIA_FIELDS.values())):
        known = ", ".join(sorted(MEDIA_FIELDS.values()))
        given.complain(f"media has {', '.join(unknown)}; known are {known}")
    return media


def _remote(
    kind: str, known: Kind, given: Reader, secret: Callable[[str], str], total_seconds: float
) -> RemoteOptions:
    fields = given.texts("fields")
    if fields is not None and (unknown := sorted(set(fields) - EVERY_FIELD)):
        given.complain(f"fields has {', '.join(unknown)}; known are {', '.join(sorted(EVERY_FIELD))}")
    return RemoteOptions(
        kind=kind,
        base_url=_base_url(given),
        api_key=_key(given, secret),
        fields=(known.fields if fields is None else frozenset(fields)) | _media(given),
        max_tokens_field=given.choice(
            "max_tokens_field", ("max_tokens", "max_completion_tokens"), default="max_tokens"
        ),
        probe=given.text("probe") or known.probe,
        patience=Patience(
            connect_seconds=given.number("connect_seconds", 5.0, least=0.01, most=60),
            first_byte_seconds=given.number("first_byte_seconds", 60.0, least=0.01, most=3600),
            idle_seconds=given.number("idle_seconds", 60.0, least=0.01, most=3600),
            total_seconds=given.number("total_seconds", total_seconds, least=0.01, most=86_400),
        ),
        max_line_bytes=given.whole("max_line_bytes", least=1024) or 1 << 20,
        max_answer_bytes=given.whole("max_answer_bytes", least=1024) or 64 << 20,
        always_stream=given.flag("always_stream", False),
    )


def _base_url(given: Reader) -> str:
    url = (given.text("base_url") or "").rstrip("/")
    if not url:
        given.complain('base_url is missing: write it as "http://gpu1:8000/v1"')
        return ""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, has_host = urlsplit(""), False
    if parts.scheme not in ("http", "https") or not has_host:
        given.complain('base_url is no address: write it as "http://gpu1:8000/v1"')
    elif "@" in parts.netloc:
        given.complain("base_url holds a credential: name an environment variable by api_key_env instead")
    elif parts.query or parts.fragment:
        given.complain("base_url has something behind its path: take it away")
    return url


def _key(given: Reader, secret: Callable[[str], str]) -> str:
    if given.take("api_key") is not None:
        given.complain("api_key does not belong into a file: name an environment variable by api_key_env")
    name = given.text("api_key_env")
    if not name:
        return ""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        given.complain("api_key_env must be the name of an environment variable, and not the key")
        return ""
    key = secret(name)
    if not key:
        given.complain(f"api_key_env names {name}, which is not set: set it, or {name}_FILE")
    elif not (key.isascii() and key.isprintable() and " " not in key):
        given.complain(f"the key in {name} has characters that no header can carry")
        return ""
    return key


# -- models --


def _model(name: str, given: Reader, servers: Mapping[str, Server], local: Mapping[str, ModelCard]) -> Model:
    revision = given.text("revision") or ""
    kind = given.choice("kind", get_args(ModelCard.__annotations__["kind"]), default="chat")
    is_said = given.has("context_tokens")
    context = given.whole("context_tokens", least=1)
    targets = []
    for one in given.items("backends"):
        target, card = _target(name, one, given, servers, local)
        targets.append(target)
        if card is not None:
            context = min(context or card.context_tokens, card.context_tokens)
            if card.kind != kind:
                given.complain(f'the model of this process is of the kind "{card.kind}": write it here too')
    if not targets:
        given.complain('backends is missing: write it as ["gpu1", {backend = "gpu2", weight = 2}]')
    if context is None and not is_said:
        given.complain("context_tokens is missing: the tokens of prompt and answer together")
    fallbacks = tuple(given.texts("fallbacks") or ())
    if kind == "embedding" and fallbacks:
        given.complain("an embedding model has no fallbacks: vectors of two models do not compare")
    aliases = tuple(given.texts("aliases") or ())
    given.close()
    return Model(name, tuple(targets), context or 1, revision, kind, fallbacks, aliases)  # type: ignore[arg-type]


def _target(
    name: str, one: Any, model: Reader, servers: Mapping[str, Server], local: Mapping[str, ModelCard]
) -> tuple[Target, ModelCard | None]:
    given = Reader(
        {"backend": one} if isinstance(one, str) else one, f"{model.where} backends", model.problems
    )
    server = given.text("backend") or ""
    called, weight = given.text("model") or name, given.number("weight", 1.0, least=0.001, most=1000)
    revision = given.text("revision") or ""
    given.close()
    card = None
    if server not in servers:
        given.complain(f"there is no [backends.{server}]")
    elif servers[server].kind == LOCAL:
        card = local.get(called.lower())
        if card is None:
            given.complain(f"this process has no model {called}: LLM_NAME and LLM_MODELS list its own")
    return Target(server, called, weight, revision or (card.revision if card else "")), card


def _names(models: list[Model], default: str | None) -> list[str]:
    """What is wrong between models."""
    problems, taken = [], {DEFAULT: DEFAULT}
    kinds = {model.name: model.kind for model in models}
    for model in models:
        for name in (model.name, *model.aliases):
            if name.lower() in taken:
                problems.append(f"Two models are called {name}: rename one of them.")
            taken[name.lower()] = model.name
        for name in model.fallbacks:
            if kinds.get(name) != "chat" or name == model.name:
                problems.append(f'[models."{model.name}"]: the fallback {name} is no other chat model.')
    if default is not None and default not in kinds:
        problems.append(f"default names {default}, which is no model of this file.")
    first = default or (models[0].name if models else None)
    if kinds.get(first or "") == "embedding":
        problems.append("The default model is an embedding model, which answers no prompt: set default.")
    return problems
