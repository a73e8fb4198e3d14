"""Prompts: Jinja templates in a sandbox, with a version that follows from their text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import StrictUndefined, Template
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

PROMPT_FOLDER = Path(__file__).resolve().parent.parent / "prompts"


@dataclass(frozen=True, slots=True)
class Prompt:
    """The three parts of a prompt about one ticket: static instructions, what stands before, what after.

    Built from the files of ``classifier/prompts`` or from a record that a lead wrote.
    """

    name: str
    system: str
    before: str
    after: str

    @property
    def version(self) -> str:
        """Name and fingerprint: the same text is the same version everywhere."""
        text = "\x1f".join((self.system, self.before, self.after))
        return f"{self.name}@{hashlib.sha256(text.encode()).hexdigest()[:12]}"


@cache
def load_prompt(name: str) -> Prompt:
    """Return the shipped prompt of that name."""
    parts = (PROMPT_FOLDER / f"{name}_{part}.j2" for part in ("system", "before", "after"))
    return Prompt(name, *(part.read_text(encoding="utf-8") for part in parts))


class _PromptEnvironment(ImmutableSandboxedEnvironment):
    """A template cannot make work of its own: no ``range``, no arithmetic that multiplies texts."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: object, operator: str, left: object, right: object) -> object:
        """Refuse what makes much out of little."""
        raise SecurityError(f"The operator {operator} is not allowed in a prompt.")


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    # The result is a prompt, not HTML: escaping would change the words the model reads.
    environment = _PromptEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("range", "lipsum", "cycler", "joiner", "namespace"):
        environment.globals.pop(name, None)
    return environment


def render(template: str, values: Mapping[str, object]) -> str:
    """Render a template in the sandbox, which can walk through what it is given and nothing else.

    Raises:
        jinja2.TemplateError: the template is broken, reaches for what the sandbox forbids, or names a
            value that is not given.
    """
    return _compiled(template).render(values)


@lru_cache(maxsize=256)
def _compiled(template: str) -> Template:
    """Compiling costs milliseconds; a prompt's text is the same for every ticket."""
    return _environment().from_string(template)
