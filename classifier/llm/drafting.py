"""The draft of a reply by a language model: grounded in sources, checked before anybody sees it (C16)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from classifier.engine.drafts import OwnWords
from classifier.engine.guard import neutralise
from classifier.engine.redaction import redact, restore
from classifier.engine.types import TriageInput
from classifier.llm.client import LlmClient
from classifier.llm.deadline import Deadline
from classifier.llm.fused import fence, first_of, plain
from classifier.llm.prompts import Prompt, load_prompt, render
from classifier.llm.schemas import strict_schema
from classifier.llm.types import Completion, FailureKind, LlmError, Message

_MOST_SOURCES: Final = 5
_SOURCE_CHARACTERS: Final = 1_500
_PLACEHOLDER: Final = re.compile(r"\[[A-Z]{2,12}_\d{1,6}\]")
_CONTACT: Final = re.compile(
    r"https?://[^\s)>\]]+|[\w.+-]+@[\w-]+\.[\w.]+|(?<![\w@])(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24}(?:/[^\s)>\]]*)?"
    r"|\+?\d[\d ()/.-]{2,}\d",
    re.IGNORECASE,
)
"""Links with or without a scheme, addresses, and numbers of four digits and more."""


class DraftAnswer(BaseModel):
    """What the model writes; greeting, time and closing are ours."""

    model_config = ConfigDict(frozen=True)

    acknowledgment: Annotated[str, plain(600), Field(min_length=1)]
    explanation: Annotated[str, plain(2_000), Field(min_length=1)]
    action_items: Annotated[Sequence[Annotated[str, plain(300)]], first_of(5)]
    used_sources: Annotated[Sequence[int], first_of(_MOST_SOURCES)]


@dataclass(frozen=True, slots=True)
class Material:
    """A source the draft may rest on: an article or a resolved ticket with its answer."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class DraftBrief:
    """What is known besides the text."""

    tone: str
    category: str = ""
    severity: str = ""
    missing: Sequence[str] = ()
    materials: Sequence[Material] = ()


@dataclass(frozen=True, slots=True)
class WrittenDraft:
    """The checked words, the places of the sources they rest on, and the call they came from."""

    words: OwnWords
    used: tuple[int, ...]
    completion: Completion[DraftAnswer]


def write_words(
    llm: LlmClient,
    ticket: TriageInput,
    brief: DraftBrief,
    *,
    client: str,
    deadline: Deadline,
    reference: str = "",
    secret: bytes,
) -> WrittenDraft:
    """Ask for a draft and check it.

    Raises LlmError when no model answers acceptably, or the answer names a placeholder that was not issued
    for this ticket (FACTS 17), or a contact that stands neither in the ticket nor in a source.
    """
    prompt = load_prompt("draft")
    completion = llm.complete(
        build_draft_messages(ticket, brief, prompt=prompt, secret=secret),
        DraftAnswer,
        client=client,
        deadline=deadline,
        prompt_version=prompt.version,
        reference=reference,
    )
    answer = completion.parsed
    texts = [answer.acknowledgment, answer.explanation, *answer.action_items]
    _check(texts, ticket, brief, completion)
    restored = [restore(text, completion.placeholders) for text in texts]
    used = tuple(place for place in dict.fromkeys(answer.used_sources) if 1 <= place <= len(brief.materials))
    words = OwnWords(restored[0], restored[1], tuple(restored[2:]))
    return WrittenDraft(words, tuple(place - 1 for place in used), completion)


def build_draft_messages(
    ticket: TriageInput, brief: DraftBrief, *, prompt: Prompt, secret: bytes
) -> tuple[Message, ...]:
    """The static part first, then the sources, then the ticket.

    Sources are stripped of personal data for good: what belongs to another requester has no placeholder here
    that could be restored into this one's answer.
    """
    schema = json.dumps(strict_schema(DraftAnswer), separators=(",", ":"), ensure_ascii=False)
    facts = {
        "tone": brief.tone,
        "category": brief.category.replace("_", " "),
        "severity": brief.severity,
        "ask_for": [name.replace("_", " ") for name in brief.missing],
    }
    sources = sources_text(brief.materials)
    return (
        Message(role="system", before=render(prompt.system, {"schema": schema})),
        Message(
            role="user",
            before=f"Known: {json.dumps(facts, ensure_ascii=False)}\nSources:\n",
            content=sources,
        ),
        fence(ticket, prompt, secret=secret),
    )


def sources_text(materials: Sequence[Material]) -> str:
    """The sources by number, without the personal data in them: nothing of it can be restored."""
    listed = "\n\n".join(
        f"Source {place}: {_bare(item.title)}\n{_bare(item.text)[:_SOURCE_CHARACTERS]}"
        for place, item in enumerate(materials[:_MOST_SOURCES], start=1)
    )
    return listed or "There are no sources."


def _bare(text: str) -> str:
    return _PLACEHOLDER.sub("(removed)", redact(neutralise(text)).text)


def _check(
    texts: Sequence[str], ticket: TriageInput, brief: DraftBrief, completion: Completion[DraftAnswer]
) -> None:
    """Refuse what the model cannot know.

    Contacts are compared whole: the beginning of a longer address is another address.
    """
    given = " ".join((ticket.text, *(f"{item.title} {item.text}" for item in brief.materials)))
    problem = unfounded(texts, given=given, placeholders=set(completion.placeholders))
    if problem:
        raise refused(f"The draft names {problem}.", completion)


def unfounded(texts: Sequence[str], *, given: str, placeholders: Collection[str]) -> str:
    """What the texts name that nobody gave: a placeholder, or a link, address or number; empty if nothing."""
    known = {_bare_contact(found) for found in _CONTACT.findall(given)}
    for text in texts:
        if set(_PLACEHOLDER.findall(text)) - set(placeholders):
            return "a placeholder that was not issued"
        if any(_bare_contact(found) not in known for found in _CONTACT.findall(text)):
            return "a contact that nobody gave it"
    return ""


def _bare_contact(found: str) -> str:
    return re.sub(r"[\s()/-]", "", found.rstrip(".,;:!?/")).casefold()


def refused(message: str, completion: Completion[Any]) -> LlmError:
    """An answer that was paid for and cannot be used."""
    return LlmError(
        FailureKind.SCHEMA_INVALID,
        message,
        usage=completion.usage,
        cost=completion.cost,
        provider=completion.provider,
        model=completion.model,
    )
