"""How an API words and writes its refusals. Each API has a subclass; nothing else knows its sentences or the shape of its error body."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from core.problem import Message, Problem


class Dialect:
    """The plainest body: `{"detail": message}`; field errors as they are.

    sentences: the words of each Message, by its code, with its details in braces: {"maxLength": "At most {limit} characters."}. A sentence
    for one field has the field's name before the code: {"name:maxLength": "…"}. A code without a sentence stands for itself. What core says of its own
    services (the database is away) is no Message.
    error, field_errors: the names of the schemas (below schemas/) of a body without and with field errors.
    """

    sentences: ClassVar[Mapping[str, str]] = {}
    error: ClassVar[str]
    field_errors: ClassVar[str]

    def body(self, problem: Problem) -> Any:
        """The response body, as a value. All messages of `problem` are text."""
        return problem.fields if problem.fields is not None else {"detail": problem.message, **problem.extra}

    def render(self, problem: Problem) -> str:
        """The response body, as JSON text."""
        return json.dumps(self.body(self.worded(problem)), ensure_ascii=False, separators=(",", ":"))

    def worded(self, problem: Problem) -> Problem:
        """The same refusal with text for each Message."""
        return Problem(
            problem.status,
            problem.slug,
            self._words(problem.message),
            self._words(problem.fields),
            headers=problem.headers,
            extra=problem.extra,
        )

    def _words(self, said: Any, field: str = "") -> Any:
        if isinstance(said, Message):
            sentence = self.sentences.get(f"{field}:{said.code}") or self.sentences.get(said.code, said.code)
            return sentence.format(**said.details)
        if isinstance(said, dict):
            return {name: self._words(inner, name) for name, inner in said.items()}
        if isinstance(said, list):
            words = [self._words(inner, field) for inner in said]
            # Two rules may share a sentence, which then stands there once.
            return list(dict.fromkeys(words)) if any(isinstance(inner, Message) for inner in said) else words
        return said
