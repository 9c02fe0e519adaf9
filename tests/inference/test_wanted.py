"""How LLM_MODELS is written."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from gateway import env
from inference.wanted import Wanted, parse


def test_models_and_their_options_are_read():
    assert parse(
        "smollm2-135m:pinned, qwen3-4b:context=8192:slots=4:gpu_layers=-1,\n"
        "/models/e5 base.gguf : kind = embedding : name=e5,"
    ) == (
        Wanted("smollm2-135m", pinned=True),
        Wanted("qwen3-4b", context=8192, slots=4, gpu_layers=-1),
        Wanted("/models/e5 base.gguf", kind="embedding", name="e5"),
    )


def test_nothing_is_no_model():
    assert parse("") == parse(" , ") == ()


def test_what_was_read_is_shown_as_it_was_written():
    assert [str(entry) for entry in parse("a:pinned, b")] == ["a:pinned", "b"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("a,:pinned", "“:pinned” names no model"),
        ("a:pin", "“a:pin”: pin is none of pinned, name, kind, context, slots, gpu_layers"),
        ("a:", "“a:”: an empty option is none of"),
        ("a:slots", "“a:slots”: slots needs a whole number of 1 or more"),
        ("a:slots=0", "slots needs"),
        ("a:context=4k", "“a:context=4k”: context needs"),
        ("a:gpu_layers=-2", "of -1 or more"),
        ("a:kind=image", "kind is chat or embedding"),
        ("a:name=b c", "name needs letters"),
        ("a:pinned=yes", "pinned stands alone"),
        ("a:slots=1:slots=2", "“a:slots=1:slots=2” has slots twice"),
        ("a,b:name=A", "a stands there twice"),
    ],
)
def test_what_cannot_be_read_is_quoted_with_its_variable(monkeypatch, raw, said):
    monkeypatch.setenv("LLM_MODELS", raw)
    with pytest.raises(ImproperlyConfigured, match=r"^LLM_MODELS: ") as caught:
        env.read("LLM_MODELS")
    assert said in str(caught.value)
