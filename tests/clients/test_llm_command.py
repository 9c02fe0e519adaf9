"""The `llm` command, with the gateway as one of its models in extra-openai-models.yaml."""

import json

import pytest

from tests.clients.conftest import run_in
from tests.clients.programs.names import MODEL

pytestmark = [pytest.mark.clients, pytest.mark.server, pytest.mark.model]
EMAIL = "ann.smith@example.com"
REPEAT = f"Repeat exactly: {EMAIL}"
YAML = """
- model_id: gateway
  model_name: {model}
  api_base: {base}/v1
  api_key_name: gateway
  supports_schema: true
  supports_tools: true
"""


@pytest.fixture(scope="module")
def llm(clients_python, gateway, key, surroundings, tmp_path_factory):
    """Runs it with these arguments."""
    home = tmp_path_factory.mktemp("llm")
    (home / "extra-openai-models.yaml").write_text(YAML.format(model=MODEL, base=gateway.base))
    command = [clients_python.with_name("llm")]
    known = {**surroundings, "LLM_USER_PATH": str(home)}
    run_in([*command, "keys", "set", "gateway", "--value", key], known)

    def run(*arguments, said=""):
        asked = ["prompt", "-m", "gateway", "-o", "temperature", "0", "-o", "max_tokens", "60", *arguments]
        return run_in([*command, *asked], known, said=said)

    return run


def test_a_streamed_answer_and_a_whole_one_have_the_callers_own_values(llm):
    assert EMAIL in llm(REPEAT)
    assert EMAIL in llm("--no-stream", REPEAT)


def test_a_system_prompt_a_pipe_and_the_usage(llm):
    assert llm("-s", "You are a pirate and answer in one short sentence.", said="Hello!").strip()
    assert llm("-c", "And again?").strip()


def test_a_schema_is_the_form_of_the_answer(llm):
    answer = json.loads(llm("--schema", "name,country", "Paris is a city in France. Give both as JSON."))
    assert set(answer) == {"name", "country"}


def test_tools_are_offered(llm):
    """Its tools are always `auto`, and whether the small model calls one is its own affair."""
    weather = 'def weather(city: str) -> str:\n    "The weather of a city."\n    return "rain"\n'
    assert llm("--functions", weather, "How is the weather in Oslo?") is not None


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--key", "sk-nothing", "Hello!"], "", "invalid_api_key"),
        ([], "many words " * 3000, "context_length_exceeded"),
    ],
)
def test_an_error_is_said_and_ends_it(llm, arguments, said, code):
    with pytest.raises(AssertionError, match=code):
        llm(*arguments, said=said)
