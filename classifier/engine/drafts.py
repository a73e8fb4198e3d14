"""Reply drafts from templates (C16): always there, promising nothing that is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml

TONES: Final = ("formal", "friendly", "technical")
DEFAULT_TONE: Final = "friendly"
GENERIC: Final = "generic"
_PARTS: Final = ("acknowledgment", "explanation")
_LISTS: Final = ("action_items", "suggested_actions")
_TONE_KEYS: Final = (
    "greeting",
    "greeting_anonymous",
    "apology",
    "critical",
    "details",
    "ask",
    "steps",
    "sources",
    "timeline",
    "timeline_unknown",
    "closing",
    "closing_reference",
)
_MAX_SOURCES: Final = 5
_MAX_VALUE_CHARS: Final = 80


class DraftTemplatesInvalid(ValueError):
    """The template file lacks a text; the message names it."""


@dataclass(frozen=True, slots=True)
class CategoryTexts:
    """What is said for one category: sentences by tone, and lists for requester and agent."""

    acknowledgment: Mapping[str, str]
    explanation: Mapping[str, str]
    action_items: tuple[str, ...]
    suggested_actions: tuple[str, ...]
    wish: str = ""
    """The entry used instead where a ticket asks for something; empty where these texts fit both."""


@dataclass(frozen=True, slots=True)
class DraftTemplates:
    """All texts a draft is made of."""

    tones: Mapping[str, Mapping[str, str]]
    categories: Mapping[str, CategoryTexts]
    fields: Mapping[str, str]
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """A resolved ticket or an article the draft points to."""

    title: str
    reference: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """What is known when a draft is written; ``sla_target`` is the text of the real target ("4 hours")."""

    category: str
    severity: str = "medium"
    sentiment: str = "neutral"
    tone: str = DEFAULT_TONE
    customer_name: str = ""
    reference: str = ""
    sla_target: str = ""
    missing_required: Sequence[str] = ()
    extracted: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Source] = ()
    is_wish: bool = False
    """Something is asked for; nothing is broken (``classifier.engine.asking``)."""


@dataclass(frozen=True, slots=True)
class OwnWords:
    """What somebody else wrote for this ticket in place of the category's sentences."""

    acknowledgment: str
    explanation: str
    action_items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply in its parts and as one text; ``suggested_actions`` are for the agent alone."""

    content: str
    tone: str
    template_used: str
    greeting: str
    acknowledgment: str
    explanation: str
    action_items: tuple[str, ...]
    timeline: str
    closing: str
    suggested_actions: tuple[str, ...]
    requires_escalation: bool
    sources: tuple[Source, ...]


def load_templates(source: Path | str | None = None) -> DraftTemplates:
    """Load templates from a path or from YAML text; without either the shipped ones.

    Raises ``DraftTemplatesInvalid`` when a text is missing.
    """
    if source is None:
        return _shipped_templates()
    return _parse(source.read_text(encoding="utf-8") if isinstance(source, Path) else source)


@lru_cache(maxsize=1)
def _shipped_templates() -> DraftTemplates:
    shipped = resources.files("classifier").joinpath("defaults", "drafts.yaml")
    return _parse(shipped.read_text(encoding="utf-8"))


def _parse(text: str) -> DraftTemplates:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DraftTemplatesInvalid(f"The draft templates are not valid YAML: {error}.") from error
    if not isinstance(data, dict):
        raise DraftTemplatesInvalid("The draft templates must be a mapping.")
    tones = _mapping(data, "tones")
    for tone in TONES:
        missing = [key for key in _TONE_KEYS if not str(_mapping(tones, tone).get(key, "")).strip()]
        if missing:
            raise DraftTemplatesInvalid(f"The tone {tone} lacks: {', '.join(missing)}.")
    categories = _mapping(data, "categories")
    if GENERIC not in categories:
        raise DraftTemplatesInvalid("The draft templates lack the category generic.")
    for slug, data_of in categories.items():
        if data_of.get("wish") and data_of["wish"] not in categories:
            raise DraftTemplatesInvalid(f"{slug}.wish names no category: {data_of['wish']}.")
    return DraftTemplates(
        tones={tone: dict(_mapping(tones, tone)) for tone in TONES},
        categories={slug: _category(slug, _mapping(categories, slug)) for slug in categories},
        fields=dict(_mapping(data, "fields")),
        details=dict(_mapping(data, "details")),
    )


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if not isinstance(value, dict):
        raise DraftTemplatesInvalid(f"The draft templates lack the mapping {key}.")
    return value


def _category(slug: str, data: Mapping[str, Any]) -> CategoryTexts:
    for part in _PARTS:
        absent = [tone for tone in TONES if not str(_mapping(data, part).get(tone, "")).strip()]
        if absent:
            raise DraftTemplatesInvalid(f"{slug}.{part} lacks the tones: {', '.join(absent)}.")
    for name in _LISTS:
        if not isinstance(data.get(name), list) or not data[name]:
            raise DraftTemplatesInvalid(f"{slug}.{name} must be a list with at least one entry.")
    return CategoryTexts(
        acknowledgment=dict(data["acknowledgment"]),
        explanation=dict(data["explanation"]),
        action_items=tuple(str(item) for item in data["action_items"]),
        suggested_actions=tuple(str(item) for item in data["suggested_actions"]),
        wish=str(data.get("wish", "")),
    )


def requires_escalation(severity: str, sentiment: str) -> bool:
    """Tell whether a lead should see the ticket: it is critical, or serious and the writer is upset."""
    return severity == "critical" or (severity == "high" and sentiment == "negative")


def write_draft(
    request: DraftRequest, templates: DraftTemplates | None = None, *, words: OwnWords | None = None
) -> Draft:
    """Write the reply for ``request``; an unknown tone or category falls back to the general one.

    ``words`` take the place of the template's acknowledgment, explanation and steps; greeting, time, sources
    and closing stay ours.
    """
    texts = templates or load_templates()
    tone = request.tone if request.tone in texts.tones else DEFAULT_TONE
    frame = texts.tones[tone]
    template = _template_of(request, texts)
    category = texts.categories[template]
    if words is not None:
        own = ({tone: words.acknowledgment}, {tone: words.explanation}, words.action_items)
        category = CategoryTexts(*own, category.suggested_actions)
    escalate = requires_escalation(request.severity, request.sentiment)
    draft = Draft(
        content="",
        tone=tone,
        template_used="" if words is not None else f"{template}.{tone}",
        greeting=_greeting(frame, request.customer_name),
        acknowledgment=_acknowledgment(request, frame, category, tone, texts),
        explanation=category.explanation[tone],
        action_items=_action_items(request, texts, category),
        timeline=_timeline(frame, request.sla_target),
        closing=_closing(frame, request.reference),
        suggested_actions=_suggestions(request, category, escalate=escalate),
        requires_escalation=escalate,
        sources=tuple(request.sources[:_MAX_SOURCES]),
    )
    return _with_content(draft, request, texts, frame, category)


def _template_of(request: DraftRequest, texts: DraftTemplates) -> str:
    """The entry of the category; the one for wishes where the category's own would speak of a fault."""
    template = request.category if request.category in texts.categories else GENERIC
    return texts.categories[template].wish or template if request.is_wish else template


def _fill(template: str, **values: str) -> str:
    return Template(template).safe_substitute(values)


def _one_line(value: str) -> str:
    """Values come from outside: one line, bounded, without control characters."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in value[:500]).split())
    return clean[:_MAX_VALUE_CHARS]


def _greeting(frame: Mapping[str, str], name: str) -> str:
    clean = _one_line(name)
    return _fill(frame["greeting"], name=clean) if clean else frame["greeting_anonymous"]


def _acknowledgment(
    request: DraftRequest, frame: Mapping[str, str], category: CategoryTexts, tone: str, texts: DraftTemplates
) -> str:
    parts = [category.acknowledgment[tone]]
    if request.sentiment == "negative":
        parts.append(frame["apology"])
    if request.severity == "critical":
        parts.append(frame["critical"])
    noted = [
        _fill(wording, value=_one_line(request.extracted[name]))
        for name, wording in texts.details.items()
        if _one_line(request.extracted.get(name, ""))
    ]
    if noted:
        listed = noted[0] if len(noted) == 1 else f"{', '.join(noted[:-1])} and {noted[-1]}"
        parts.append(_fill(frame["details"], details=listed))
    return " ".join(parts)


def _asked_for(request: DraftRequest, texts: DraftTemplates) -> tuple[str, ...]:
    return tuple(
        texts.fields.get(name, f"the {name.replace('_', ' ')}")
        for name in dict.fromkeys(request.missing_required)
    )


def _action_items(request: DraftRequest, texts: DraftTemplates, category: CategoryTexts) -> tuple[str, ...]:
    asked = tuple(f"Please send us {wording}." for wording in _asked_for(request, texts))
    return asked + category.action_items


def _timeline(frame: Mapping[str, str], target: str) -> str:
    clean = _one_line(target)
    return _fill(frame["timeline"], target=clean) if clean else frame["timeline_unknown"]


def _closing(frame: Mapping[str, str], reference: str) -> str:
    clean = _one_line(reference)
    return _fill(frame["closing_reference"], reference=clean) if clean else frame["closing"]


def _suggestions(request: DraftRequest, category: CategoryTexts, *, escalate: bool) -> tuple[str, ...]:
    first: list[str] = []
    if escalate:
        first.append("Inform the lead before answering.")
    if request.missing_required:
        first.append("Wait for the missing details before starting work that depends on them.")
    return (*first, *category.suggested_actions)


def _with_content(
    draft: Draft,
    request: DraftRequest,
    texts: DraftTemplates,
    frame: Mapping[str, str],
    category: CategoryTexts,
) -> Draft:
    blocks = [draft.greeting, draft.acknowledgment, draft.explanation]
    asked = _asked_for(request, texts)
    if asked:
        blocks.append("\n".join((frame["ask"], *(f"- {wording}" for wording in asked))))
    if category.action_items:
        blocks.append("\n".join((frame["steps"], *(f"- {item}" for item in category.action_items))))
    if draft.sources:
        blocks.append("\n".join((frame["sources"], *(f"- {_cite(source)}" for source in draft.sources))))
    blocks += [draft.timeline, draft.closing]
    return replace(draft, content="\n\n".join(blocks))


def _cite(source: Source) -> str:
    title = _one_line(source.title) or source.reference
    where = ", ".join(part for part in (_one_line(source.reference), source.url.strip()[:300]) if part)
    return f"{title} ({where})" if where and where != title else title
