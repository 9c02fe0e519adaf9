"""One table from exceptions to problem documents."""

import importlib
import pkgutil

import pytest
from django.db import OperationalError
from rest_framework.exceptions import ValidationError

import accounts
import inference
import prompts
import sanitization
from gateway import problems
from inference.errors import ModelUnavailable, QueueFull


def leaves(kind):
    below = kind.__subclasses__()
    return [kind] if not below else [leaf for child in below for leaf in leaves(child)]


def error_leaves():
    for app in (accounts, inference, prompts, sanitization):
        names = [module.name for module in pkgutil.iter_modules(app.__path__)]
        assert "errors" in names, f"{app.__name__} has no errors module"
        errors = importlib.import_module(f"{app.__name__}.errors")
        for kind in vars(errors).values():
            if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == errors.__name__:
                yield from leaves(kind)


@pytest.mark.parametrize("kind", sorted(set(error_leaves()), key=lambda kind: kind.__qualname__))
def test_every_domain_error_has_a_row(kind):
    assert any(base in problems.TABLE for base in kind.__mro__)


def test_every_code_is_kebab_case_and_every_status_an_error():
    for row in problems.TABLE.values():
        assert row.code == row.code.lower().replace("_", "-")
        assert 400 <= row.status < 600


def test_a_full_queue_says_when_to_come_back():
    answer = problems.handle(QueueFull(retry_after_seconds=7), {})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "7"
    assert "7 s" in answer.data["detail"]
    assert answer.content_type == "application/problem+json"


def test_every_503_has_a_retry_after():
    assert problems.handle(ModelUnavailable("The model is loading."), {}).headers["Retry-After"] == "5"
    assert problems.handle(OperationalError("server at 10.0.0.1 closed"), {}).headers["Retry-After"] == "5"


def test_no_detail_quotes_the_exception():
    answer = problems.handle(OperationalError("password authentication failed for ann"), {})
    assert "ann" not in str(answer.data)


def test_a_wrong_field_is_named():
    answer = problems.handle(ValidationError({"email": ["Enter a valid address."]}), {})
    assert answer.data["errors"] == {"email": ["Enter a valid address."]}


def test_a_bug_has_no_row():
    assert problems.handle(ZeroDivisionError(), {}) is None
