"""Answers whose format is looked at once they are whole. Most have none."""

import asyncio

from inference.backends import Ending, Format


class Unchecked:
    """The text of an answer, where its format has to be looked at when it is whole."""

    def __init__(self, format: Format[str] | None) -> None:
        self._schema = format.text if format is not None and format.kind == "json_schema" else None
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        if self._schema is not None:
            self._texts.append(text)

    async def check(self, ending: Ending) -> None:
        """Raises AnswerUnfit. An answer that was cut off is as good as it can be."""
        if self._schema is not None and ending.finish_reason == "stop":
            await asyncio.to_thread(_check, "".join(self._texts), self._schema)


def _check(answer: str, schema: str) -> None:
    from inference.formats import check  # only where a schema was given: its library takes 4 MB

    check(answer, schema)
