"""A resolved ticket as the draft of an article, without the people in it (C23)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from classifier.engine.redaction import redact
from common.actors import Actor
from common.exceptions import Conflict, NotAllowed, Unprocessable
from common.letters import letter_matter
from ticketing.choices import ArticleVisibility, StatusCategory
from ticketing.models import Article, Message, Ticket
from ticketing.services.audit import Change, events_append
from ticketing.services.reference import reference_save
from ticketing.services.tickets import ticket_lock

_PLACEHOLDER: Final = re.compile(r"\[([A-Z]{2,12})_\d{1,6}\]")
_WORDS: Final = {
    "EMAIL": "e-mail address", "PHONE": "telephone number", "CARD": "card number", "IBAN": "account number",
    "IP": "IP address", "NAME": "name", "SECRET": "secret",
}  # fmt: skip
_MOST_CHARACTERS: Final = 9_000
_SHORT_NAME: Final = 3


class NothingToTell(Unprocessable):
    """The ticket holds no public answer of an agent, so there is nothing to learn from it."""

    code = "no_answer"
    default_message = gettext_lazy(
        "Nobody answered this ticket in public; there is nothing to write an article from."
    )


@transaction.atomic
def article_from_ticket(*, ticket: Ticket, actor: Actor) -> tuple[Article, bool]:
    """The draft of an article: internal and unpublished, until a lead has read it. True where it is new.

    Personal data and secrets are taken out for good, the names of those who wrote as well. A second call
    answers with the draft that is there. Raises NotAllowed, Conflict for an open ticket, NothingToTell.
    """
    if not actor.is_staff:
        raise NotAllowed(_("Articles are written by staff."))
    locked = ticket_lock(ticket_id=ticket.pk)
    found = Article.objects.filter(source_ticket=locked).first()
    if found is not None:
        return found, False
    if locked.status_category not in {StatusCategory.RESOLVED, StatusCategory.CLOSED}:
        raise Conflict(_("Resolve the ticket first; then it can become an article."))
    values = _values(locked)
    article: Article = reference_save(row=Article(client=locked.client, source_ticket=locked), values=values)
    change = Change("article.drafted", new=str(article.uuid))
    events_append(ticket=locked, actor=actor, changes=[change])
    return article, True


def _values(ticket: Ticket) -> dict[str, object]:
    replies = ticket.messages.filter(is_public=True, author_kind=Message.AuthorKind.AGENT)
    answers = [letter_matter(row.body) for row in replies.select_related("author_user")]
    if not answers:
        raise NothingToTell
    names = _names(ticket)
    title = without_people(ticket.subject, names)
    asked = without_people(letter_matter(ticket.body), names)[:_MOST_CHARACTERS]
    told = "\n\n".join(without_people(answer, names) for answer in answers)[:_MOST_CHARACTERS]
    return {
        "title": title[:200],
        "slug": f"{slugify(title)[:80] or 'ticket'}-{ticket.reference.lower()}",
        "body": f"## What happened\n\n{asked}\n\n## What helped\n\n{told}",
        "category": ticket.category,
        "visibility": ArticleVisibility.INTERNAL,
        "is_published": False,
    }


def _names(ticket: Ticket) -> list[str]:
    """The names of everybody who took part, whole and in their parts."""
    authors = Message.objects.filter(ticket=ticket, author_user__isnull=False).select_related("author_user")
    people = [ticket.requester.name, *(row.author_user.display_name for row in authors if row.author_user)]
    whole = {name for name in people if name}
    parts = {part for name in whole for part in name.split() if len(part) >= _SHORT_NAME}
    return sorted(whole | parts, key=len, reverse=True)


def without_people(text: str, names: Iterable[str]) -> str:
    """A text in which words stand for the personal data; nothing is kept that could bring it back."""
    # Names come last: a name taken out of an address would leave the rest of it unrecognised.
    text = _PLACEHOLDER.sub(_word, redact(text).text)
    for name in names:
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "(name)", text, flags=re.IGNORECASE)
    return text


def _word(match: re.Match[str]) -> str:
    return f"({_WORDS.get(match.group(1), match.group(1).lower())})"
