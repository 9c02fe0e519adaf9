"""How models write calls of tools, and which notation a model was trained with, by its chat template."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notation:
    """`opener` and `closer` stand around a call. `arguments` is the key of its arguments. `between` separates
    calls. `is_bare`: an answer that begins with `{` may be a call too. `is_list`: calls stand in an array
    behind one opener."""

    name: str
    opener: str
    closer: str = ""
    arguments: str = "arguments"
    between: str = "\n"
    is_bare: bool = False
    is_list: bool = False

    def around(self, name: str) -> tuple[str, str]:
        """What stands before and behind the arguments of a call."""
        opener, closer = ("", "") if self.is_bare or self.is_list else (self.opener, self.closer)
        blank = "\n" if closer else ""
        written = json.dumps(name, ensure_ascii=False)
        return f'{opener}{blank}{{"name": {written}, "{self.arguments}": ', f"}}{blank}{closer}"

    def whole(self, calls: list[tuple[str, str]]) -> str:
        """Calls (name and arguments, as JSON) as a model would have written them."""
        written = [arguments.join(self.around(name)) for name, arguments in calls]
        text = self.between.join(written)
        return f"{self.opener}[{text}]" if self.is_list else text


# Qwen, Hermes, SmolLM, Granite and most others.
HERMES = Notation("hermes", "<tool_call>", "</tool_call>")
# Llama 3.1 and later.
LLAMA = Notation("llama", "<|python_tag|>", arguments="parameters", between="; ", is_bare=True)
# Mistral: an array, and since 2025 `[TOOL_CALLS]name[ARGS]{…}`.
MISTRAL = Notation("mistral", "[TOOL_CALLS]", between=", ", is_list=True)

# What a vocabulary may hold as a control token, and has to be read in an answer all the same.
MARKS = ("<tool_call>", "</tool_call>", "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]")


def notation_of(template: str) -> Notation:
    """By the marks in a chat template; Hermes' where there are none."""
    if "[TOOL_CALLS]" in template:
        return MISTRAL
    if "<tool_call>" not in template and ("<|python_tag|>" in template or '"parameters": ' in template):
        return LLAMA
    return HERMES
