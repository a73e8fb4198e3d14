"""Answers in the chat without a model: the state of tickets, what was found, and what to do next (C22)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from classifier.choices import ChatAudience
from classifier.selectors.chat_sources import ChatFindings, ChatSource
from common.wording import recorded
from ticketing.choices import Status
from ticketing.models import Ticket
from ticketing.selectors.articles import query_stems
from ticketing.selectors.portal import respond_by

_THANKS: Final = re.compile(r"^\W*(?:thanks?|thank you|thx|danke|vielen dank|merci)\b.{0,40}$", re.IGNORECASE)
_FOR_REQUESTER: Final = {
    Status.NEW: "was received and waits for its first reply",
    Status.OPEN: "is being worked on",
    Status.PENDING: "waits for your answer",
    Status.ON_HOLD: "waits for somebody outside",
    Status.RESOLVED: "is resolved",
    Status.CLOSED: "is closed",
}
_GREETING: Final = {
    ChatAudience.REQUESTER: "Ask your question in your own words, or name a ticket such as SW-12 to hear how "
    "it stands.",
    ChatAudience.AGENT: "Ask for an article, for how a like trouble was solved, or name a ticket: SW-12.",
}
_NOTHING: Final = {
    ChatAudience.REQUESTER: "I found nothing in the articles or in your tickets that answers this. Turn the "
    "conversation into a ticket, and a person takes it from here; nothing you wrote is lost.",
    ChatAudience.AGENT: "I found no article and no resolved ticket that answers this.",
}


@dataclass(frozen=True, slots=True)
class TemplateAnswer:
    """The words, the sources they name, and whether a ticket is the next step."""

    text: str
    sources: Sequence[ChatSource] = ()
    suggest_ticket: bool = False


def small_talk(*, question: str, audience: str) -> TemplateAnswer | None:
    """The answer to a greeting or to thanks; None for a question."""
    if _THANKS.match(question):
        return TemplateAnswer("You are welcome. Ask again whenever something else comes up.")
    return None if query_stems(question) else TemplateAnswer(_GREETING[ChatAudience(audience)])


def template_answer(*, findings: ChatFindings, audience: str) -> TemplateAnswer:
    """An answer put together from what was found and from nothing else."""
    requester = audience == ChatAudience.REQUESTER
    parts = [ticket_words(ticket, requester=requester) for ticket in findings.named]
    parts += [_unknown(reference, requester=requester) for reference in findings.unknown]
    if findings.lists_own:
        parts += _own(findings.own)
    told = len(findings.named) + len(findings.own)
    if parts:
        return TemplateAnswer("\n\n".join(parts), findings.tickets[:told])
    if not findings.sources:
        return TemplateAnswer(_NOTHING[ChatAudience(audience)], suggest_ticket=requester)
    return TemplateAnswer(
        _may_help(findings, requester=requester), findings.sources, suggest_ticket=requester
    )


def _may_help(findings: ChatFindings, *, requester: bool) -> str:
    parts = []
    if findings.articles:
        noun = "This article may help" if len(findings.articles) == 1 else "These articles may help"
        parts.append(f"{noun}: {_titles(findings.articles)}.")
    if findings.tickets:
        noun = "You wrote about something alike in" if requester else "Something alike was solved in"
        parts.append(f"{noun} {_references(findings.tickets)}.")
    if requester:
        parts.append("If that does not solve it, turn the conversation into a ticket.")
    return " ".join(parts)


def _titles(sources: Sequence[ChatSource]) -> str:
    return _listed([f"“{source.line['title']}”" for source in sources])


def _references(sources: Sequence[ChatSource]) -> str:
    return _listed([f"{source.line['reference']} “{source.line['title']}”" for source in sources])


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _own(tickets: Sequence[Ticket]) -> list[str]:
    if not tickets:
        return ["You have no open ticket."]
    return [ticket_words(ticket, requester=True) for ticket in tickets]


def ticket_words(ticket: Ticket, *, requester: bool) -> str:
    """How a ticket stands, from its fields alone."""
    state = (
        _FOR_REQUESTER[Status(ticket.status)]
        if requester
        else f"is {recorded(Status(ticket.status).label).lower()}"
    )
    where = f" with {ticket.team.name}" if ticket.team and ticket.is_open else ""
    words = [
        f"{ticket.reference} “{ticket.subject}” {state}{where}. Last change: {_when(ticket.updated_at)}."
    ]
    due = respond_by(ticket)
    if due is not None and ticket.is_open:
        words.append(f"A first reply is due by {_when(due)}.")
    if requester and ticket.status == Status.RESOLVED:
        words.append("If it is not solved, reply on the ticket's page and it opens again.")
    return " ".join(words)


def _unknown(reference: str, *, requester: bool) -> str:
    whose = "among your tickets" if requester else "among the tickets you may see"
    return f"I find no {reference} {whose}."


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")
