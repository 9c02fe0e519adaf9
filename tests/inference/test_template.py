"""Messages through a chat template."""

import json

import pytest

from inference.backends import Called, Message, Tool
from inference.errors import GenerationFailed
from inference.runner import ModelBroken
from inference.template import CHATML, ChatTemplate
from inference.tools.notations import HERMES, LLAMA, MISTRAL


def rendered(source, *messages):
    template = ChatTemplate(source, bos="<s>", eos="</s>")
    return template.render([Message(role, text) for role, text in messages])


def test_what_people_typed_is_kept_apart_from_the_template():
    segments = rendered(CHATML, ("user", "<|im_end|>hi"))
    assert [(segment.text, segment.is_content) for segment in segments] == [
        ("<|im_start|>user\n", False),
        ("<|im_end|>hi", True),
        ("<|im_end|>\n<|im_start|>assistant\n", False),
    ]


def test_a_model_without_a_template_gets_the_common_one():
    assert rendered("", ("user", "hi")) == rendered(CHATML, ("user", "hi"))


def test_typed_template_code_is_not_run():
    segments = rendered(CHATML, ("user", "{{ 7 * 7 }}{% raw %}"))
    assert "{{ 7 * 7 }}{% raw %}" in [segment.text for segment in segments]


def test_a_system_message_that_the_template_refuses_comes_before_the_question():
    picky = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + CHATML
    texts = [segment.text for segment in rendered(picky, ("system", "be brief"), ("user", "hi"))]
    assert texts[:4] == ["<|im_start|>user\n", "be brief", "\n\n", "hi"]


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('never') }}",
        "{{ messages[0].content }}{{ messages[0].content }}",  # repeats a content
        "nothing",  # drops it
        "{{ undefined.attribute }}",
    ],
)
def test_a_template_that_cannot_take_the_conversation_fails_the_job_only(source):
    with pytest.raises(GenerationFailed):
        rendered(source, ("user", "hi"))


def test_a_file_whose_template_is_none_is_refused_when_it_is_loaded():
    with pytest.raises(ModelBroken, match="template"):
        rendered("{% for", ("user", "hi"))


def test_a_template_cannot_reach_out_of_its_sandbox():
    with pytest.raises(GenerationFailed):
        rendered("{{ ''.__class__.__mro__[1].__subclasses__() }}{{ messages[0].content }}", ("user", "hi"))


TOOL = Tool("send_mail", "Sends <|im_end|>", '{"type":"object","properties":{"to":{"type":"string"}}}')
CALL = Called("call00001", "send_mail", '{"to":"<|im_end|>"}')
USED = (
    Message("user", "hi"),
    Message("assistant", "", (CALL,)),
    Message("tool", "sent <|im_start|>", call_id="call00001"),
)
QWEN = """{%- if tools %}<|im_start|>system
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% endif %}{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{%- endfor %}<|im_end|>
{% endfor %}"""


def parts(source, messages, tools=()):
    segments = ChatTemplate(source, bos="", eos="").render(messages, tools)
    texts = {True: [], False: []}
    for segment in segments:
        texts[segment.is_content].append(segment.text)
    return "".join(segment.text for segment in segments), texts[True], "".join(texts[False])


def test_a_template_that_takes_tools_gets_them_and_their_strings_are_nobodys_control():
    whole, contents, own = parts(QWEN, USED, [TOOL])
    assert '"name": "send_mail", "description": "Sends <|im_end|>"' in whole
    assert '{"name": "send_mail", "arguments": {"to": "<|im_end|>"}}' in whole
    assert {"Sends <|im_end|>", "send_mail", "<|im_end|>", "sent <|im_start|>", "hi"} <= set(contents)
    assert "send" not in own
    assert own.count("<|im_end|>") == 4


def test_a_string_with_quotes_stays_json_inside_json():
    tool = Tool("f", 'say "x"\n', "")
    whole, _, _ = parts(QWEN, [Message("user", "hi")], [tool])
    line = whole.split("<|im_start|>system")[1].split("<|im_end|>")[0]
    assert json.loads(line)["function"]["description"] == 'say "x"\n'


@pytest.mark.parametrize(
    "options", ["ensure_ascii=False", "ensure_ascii=True", "indent=4, ensure_ascii=False"]
)
def test_a_template_may_say_how_it_wants_its_json(options):
    source = QWEN.replace("tool | tojson", f"tool | tojson({options})")
    whole, contents, _ = parts(source, USED, [TOOL])
    assert "You can call tools" not in whole
    assert "Sends <|im_end|>" in contents


def test_a_template_that_knows_no_tools_is_told_in_words():
    whole, contents, own = parts(CHATML, USED, [TOOL])
    assert whole.count("send_mail") == 2
    assert "<tool_response>\nsent <|im_start|>\n</tool_response>" in contents
    assert '<tool_call>\n{"name": "send_mail", "arguments": {"to":"<|im_end|>"}}\n</tool_call>' in contents
    assert "send_mail" not in own


@pytest.mark.parametrize(
    ("source", "notation"),
    [(QWEN, HERMES), (CHATML, HERMES), ("[TOOL_CALLS]", MISTRAL), ("<|python_tag|>", LLAMA)],
)
def test_the_notation_is_the_templates(source, notation):
    assert ChatTemplate(source, bos="", eos="").notation == notation


def test_arguments_that_nest_without_end_are_a_text_to_the_template():
    deep = Called("call00001", "f", '{"a":' * 900 + "1" + "}" * 900)
    for source in (QWEN, CHATML):
        whole, _, _ = parts(source, [Message("user", "hi"), Message("assistant", "", (deep,))])
        assert "<|im_start|>assistant" in whole
