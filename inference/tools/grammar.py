"""A grammar (GBNF) under which an answer is a call of tools: what `tool_choice: required` is made of."""

from collections.abc import Callable

from inference.backends import Format, Generation, Tool
from inference.gbnf import literal, renamed
from inference.tools.notations import Notation

MOST_CALLS = 16  # in one answer; a model that is unsure would go on until its tokens are spent

Compile = Callable[[Format[str]], str]


def grammar_of(generation: Generation[str], notation: Notation, compile: Compile) -> str:
    """The grammar of all that the generation asks for, empty where it asks for nothing. `compile` makes one
    of a format. Raises FormatRefused."""
    own = compile(generation.format) if generation.format is not None else ""
    use = generation.tool_use
    if not generation.tools or (use.kind == "auto" and not own):
        return own
    tools = [tool for tool in generation.tools if use.kind != "named" or tool.name == use.name]
    rules = _calls(tools, notation, compile, most=MOST_CALLS if use.is_parallel else 1)
    if own and use.kind == "auto":  # an answer in this format, or calls
        return "\n".join(["root ::= calls | own-root", rules, renamed(own, "own-")])
    return "\n".join(["root ::= calls", rules])


def _calls(tools: list[Tool[str]], notation: Notation, compile: Compile, *, most: int) -> str:
    calls, rules = [], []
    for number, tool in enumerate(tools):
        format: Format[str] = Format("json_object")
        if tool.parameters:
            format = Format("json_schema", tool.parameters)
        before, behind = notation.around(tool.name)
        calls.append(f"{literal(before)} t{number}-root {literal(behind)}")
        rules.append(renamed(compile(format), f"t{number}-"))
    more = f" ({literal(notation.between)} call){{0,{most - 1}}}" if most > 1 else ""
    first, last = (f"{literal(notation.opener + '[')} ", ' "]"') if notation.is_list else ("", "")
    return "\n".join([f"calls ::= {first}call{more}{last}", f"call ::= {' | '.join(calls)}", *rules])
