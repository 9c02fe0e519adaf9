"""What a backend is asked for: an `Ask` in its sanitized words."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from inference.backends import Called, Format, Generation, Message, Tool, ToolUse
from prompts.asks import Ask, Said, stop_part
from sanitization.chain import Sanitized
from sanitization.text import join


@dataclass(frozen=True, slots=True)
class Wording:
    """`text_of` has the sanitized text of each part of the ask; `system` puts the operator's own system
    prompt before the caller's."""

    ask: Ask
    text_of: Callable[[str], Sanitized]
    system: Callable[[Sanitized], Sanitized]

    def generation(self, model: str) -> Generation[Sanitized]:
        ask = self.ask
        text = None if ask.text is None else self.system(self.text_of("/prompt"))
        return Generation(
            messages=self._messages() if text is None else (),
            text=text,
            model=model,
            max_tokens=ask.max_tokens,
            sampling=ask.sampling,
            caller=str(ask.user_id),
            request_id=ask.request_id,
            stop=tuple(self.text_of(stop_part(number)) for number in range(len(ask.stop))),
            choices=ask.choices,
            logprobs=ask.logprobs,
            format=self._format(),
            priority=ask.priority,
            deadline_seconds=ask.deadline_seconds,
            tools=self._tools(),
            tool_use=self._tool_use(),
            streamed=ask.streamed,
            reasoning_effort=ask.reasoning_effort,
            verbosity=ask.verbosity,
        )

    def _messages(self) -> tuple[Message[Sanitized], ...]:
        """The conversation, the operator's own system prompt first. What else is said to the system before
        anybody speaks joins it: many chat templates take one such message, and refuse a second."""
        said = [
            Message(
                one.role,
                self.text_of(one.part),
                self._calls(one),
                one.call_id,
                self.text_of(one.reasoning_part) if one.reasoning else None,
                one.media,
            )
            for one in self.ask.messages
        ]
        told = list(takewhile(lambda one: one.role == "system", said))
        del said[: len(told)]
        if system := self.system(join((one.content for one in told if one.content), between="\n\n")):
            said.insert(0, Message("system", system))
        return tuple(said)

    def _calls(self, said: Said) -> tuple[Called[Sanitized], ...]:
        return tuple(
            Called(
                call.id,
                self.text_of(said.call_part(number, "name")),
                self.text_of(said.call_part(number, "arguments")),
            )
            for number, call in enumerate(said.calls)
        )

    def _tools(self) -> tuple[Tool[Sanitized], ...]:
        """Those that may be called."""
        if self.ask.tool_use is None:
            return ()
        return tuple(
            Tool(
                self.text_of(self.ask.tool_part(number, "name")),
                self.text_of(self.ask.tool_part(number, "description")),
                self.text_of(self.ask.tool_part(number, "parameters")),
                tool.strict,
            )
            for number, tool in enumerate(self.ask.tools)
        )

    def _tool_use(self) -> ToolUse[Sanitized]:
        use = self.ask.tool_use
        if use is None:
            return ToolUse()
        names = (
            self.text_of(self.ask.tool_part(number, "name"))
            for number, tool in enumerate(self.ask.tools)
            if tool.name == use.name
        )
        return ToolUse(use.kind, next(names, None), use.is_parallel)

    def _format(self) -> Format[Sanitized] | None:
        asked = self.ask.format
        if asked is None or asked.text is None:
            return None if asked is None else Format(asked.kind)
        return Format(asked.kind, self.text_of(self.ask.format_part))
