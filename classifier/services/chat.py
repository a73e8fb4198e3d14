"""The chat: questions kept, answers found, checked and kept, a conversation turned into a ticket (C22)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from classifier.choices import ChatAudience, ChatRole, ProviderStep
from classifier.engine.guard import guard
from classifier.llm.answering import ChatTurn, GroundedAnswer, answer_question
from classifier.llm.client import total_cost
from classifier.llm.deadline import Deadline
from classifier.llm.drafting import Material
from classifier.llm.types import LlmError
from classifier.models import ChatConvo, ChatMessage
from classifier.selectors.chat_sources import ChatFindings, ChatSource, chat_findings
from classifier.services.chat_words import TemplateAnswer, small_talk, template_answer
from classifier.services.draft_words import may_leave
from classifier.services.llm import llm_client, marker_secret
from classifier.services.providers import provider_chain
from common.actors import Actor, system_actor
from common.exceptions import TooMany, ValidationFailed
from common.letters import shortened
from teams.models import Client, User
from teams.selectors import flags_enabled
from ticketing.choices import AttachmentStatus, Channel, TriageIntent
from ticketing.models import Attachment, Requester, Ticket
from ticketing.selectors.articles import query_stems
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.requesters import RequesterIdentity, requester_resolve
from ticketing.services.tickets import BODY_LIMIT, NewTicket, ticket_open

QUESTION_LIMIT: Final = 4_000
MOST_FILES: Final = 5
_TITLE: Final = 80
_TURNS: Final = 8
_FILE_CHARACTERS: Final = 4_000
_FEW_WORDS: Final = 4
_MATERIALS: Final = 5
_WINDOW: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person sends: words, files that were stored before, and the ticket it is about, if any."""

    text: str
    files: Sequence[Attachment] = ()
    about: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """What is being done while the person waits."""

    text: str


@transaction.atomic
def chat_ask(
    *, client: Client, question: Question, actor: Actor, convo: ChatConvo | None = None
) -> ChatMessage:
    """Keep a question, in a conversation of its own or in the one given.

    The conversation and the ticket have come through ``visible_to``. Raises ValidationFailed for an empty or
    too long question, too many files or a file that belongs to a ticket; TooMany over the limit of a minute.
    """
    text = question.text.replace("\x00", "").strip()
    _check(text, question, client)
    _within_limit(actor)
    convo = convo or _open(client, question, actor, title=text)
    message = ChatMessage.objects.create(
        convo=convo, role=ChatRole.USER, body=text or "Please look at the file."
    )
    message.files.set(question.files)
    convo.save(update_fields=["updated_at"])
    return message


def _check(text: str, question: Question, client: Client) -> None:
    if not text and not question.files:
        raise ValidationFailed(fields={"message": [_("Write a question.")]})
    if len(text) > QUESTION_LIMIT:
        raise ValidationFailed(
            fields={"message": [_("At most %(limit)s characters.") % {"limit": f"{QUESTION_LIMIT:,}"}]}
        )
    if len(question.files) > MOST_FILES:
        raise ValidationFailed(
            fields={"attachments": [_("At most %(limit)s files at once.") % {"limit": MOST_FILES}]}
        )
    if any(row.client_id != client.pk or row.ticket_id for row in question.files):
        raise ValidationFailed(fields={"attachments": [_("There is no such file.")]})


def _within_limit(actor: Actor) -> None:
    """Counted in the database, which all processes share."""
    since = timezone.now() - _WINDOW
    asked = ChatMessage.objects.asked().filter(convo__caller=actor.id, created_at__gte=since)
    if asked.count() >= settings.CHAT_QUESTIONS_PER_MINUTE:
        oldest = asked.order_by("created_at").values_list("created_at", flat=True).first() or since
        wait = max(1, math.ceil((oldest - since).total_seconds()))
        raise TooMany(_("Too many questions in a minute; wait a moment."), retry_after_seconds=wait)


def _open(client: Client, question: Question, actor: Actor, *, title: str) -> ChatConvo:
    first = title.splitlines()[0] if title else ", ".join(row.name for row in question.files)
    convo = ChatConvo(
        client=client,
        user_id=actor.user_id,
        caller=actor.id,
        audience=ChatAudience.AGENT if actor.is_staff else ChatAudience.REQUESTER,
        about=question.about,
        title=shortened(first, _TITLE),
    )
    convo.full_clean()
    convo.save()
    return convo


def chat_answer(*, question: ChatMessage, actor: Actor) -> ChatMessage:
    """Answer a question; slow where a model is asked, so it is called outside of any transaction."""
    for item in chat_answer_stages(question=question, actor=actor):
        if isinstance(item, ChatMessage):
            return item
    raise AssertionError("The stages end with the answer.")


def chat_answer_stages(*, question: ChatMessage, actor: Actor) -> Iterator[Stage | ChatMessage]:
    """What is being done, then the answer as it was kept; no word of it is shown before the checks."""
    started = time.monotonic()
    convo = question.convo
    answer = ChatMessage(convo=convo, role=ChatRole.ASSISTANT, engine="template")
    words = None if question.files.exists() else small_talk(question=question.body, audience=convo.audience)
    if words is None:
        agent = convo.audience == ChatAudience.AGENT
        yield Stage(f"Searching articles and {'resolved' if agent else 'your'} tickets…")
        findings = _find(question, actor)
        words = template_answer(findings=findings, audience=convo.audience)
        leaving = [source for source in findings.sources if source.may_leave][:_MATERIALS]
        if leaving and _may_ask(convo):
            yield Stage("Writing an answer…")
            written = _ask_model(question, findings, leaving, answer)
            words = _merged(written, words, leaving) if written is not None else words
    words = _admit_unread(question, words)
    yield _keep(answer, words, milliseconds=round((time.monotonic() - started) * 1000))


def _admit_unread(question: ChatMessage, words: TemplateAnswer) -> TemplateAnswer:
    """Say first what the answer does not know."""
    unread = [row.name for row in question.files.exclude(status=AttachmentStatus.PARSED)]
    if not unread:
        return words
    names = ", ".join(f"“{name}”" for name in unread)
    return replace(words, text=f"I could not read {names}; this answer does without.\n\n{words.text}")


def _find(question: ChatMessage, actor: Actor) -> ChatFindings:
    texts = [row.text[:_FILE_CHARACTERS] for row in question.files.filter(status=AttachmentStatus.PARSED)]
    if len(query_stems(question.body)) < _FEW_WORDS:
        # "And on Windows?" is about what was asked before.
        earlier = question.convo.messages.filter(role=ChatRole.USER, pk__lt=question.pk).order_by("-pk")
        texts += list(earlier.values_list("body", flat=True)[:1])
    return chat_findings(convo=question.convo, actor=actor, question=question.body, context="\n".join(texts))


def _may_ask(convo: ChatConvo) -> bool:
    on = flags_enabled("ENABLE_ENGINE_LLM", "ENABLE_LLM_CHAT", client_id=convo.client_id)
    category = convo.about.category if convo.about else None
    return all(on.values()) and may_leave(client=convo.client, category=category)


def _ask_model(
    question: ChatMessage, findings: ChatFindings, leaving: Sequence[ChatSource], answer: ChatMessage
) -> GroundedAnswer | None:
    """The model's words; None where there is no model, or its answer cannot be used."""
    convo = question.convo
    chain = provider_chain(client_id=convo.client_id, step=ProviderStep.CHAT).primary
    if not chain or (findings.unknown and not findings.named):
        return None
    reader: Literal["requester", "agent"] = "agent" if convo.audience == ChatAudience.AGENT else "requester"
    try:
        written = answer_question(
            llm_client(chain),
            _turns(question),
            [Material(source.line["title"], source.text) for source in leaving],
            reader=reader,
            client=str(convo.client_id),
            deadline=Deadline.after(settings.CHAT_DEADLINE_SECONDS),
            secret=marker_secret(),
            reference=convo.about.reference if convo.about else "",
        )
    except LlmError as error:
        answer.error_kind, answer.cost = error.kind.value, total_cost(error)
        answer.model = f"{error.provider} {error.model}".strip()[:160]
        return None
    completion = written.completion
    answer.model = f"{completion.provider} {completion.model}"[:160]
    answer.prompt_version, answer.cost = completion.prompt_version, completion.cost
    if not written.text:
        return None
    answer.engine = "llm"
    return written


def _turns(question: ChatMessage) -> list[ChatTurn]:
    """The end of the conversation without hidden text, the files before the question."""
    rows = list(question.convo.messages.filter(pk__lt=question.pk).order_by("-pk")[:_TURNS])
    turns = [ChatTurn(guard(row.body).text, own=row.role == ChatRole.USER) for row in reversed(rows)]
    files = [
        ChatTurn(guard(row.text[:_FILE_CHARACTERS]).text, own=False, speaker="File")
        for row in question.files.filter(status=AttachmentStatus.PARSED)
    ]
    return [*turns, *files, ChatTurn(guard(question.body).text)]


def _merged(written: GroundedAnswer, words: TemplateAnswer, leaving: Sequence[ChatSource]) -> TemplateAnswer:
    sources = [leaving[place] for place in written.used]
    return TemplateAnswer(written.text, sources, suggest_ticket=words.suggest_ticket)


@transaction.atomic
def _keep(answer: ChatMessage, words: TemplateAnswer, *, milliseconds: int) -> ChatMessage:
    answer.body, answer.sources = words.text, [source.line for source in words.sources]
    answer.suggests_ticket = words.suggest_ticket
    answer.duration_ms = milliseconds
    answer.save()
    answer.convo.save(update_fields=["updated_at"])
    return answer


def suggested_ticket(*, answer: ChatMessage) -> dict[str, str] | None:
    """The ticket an answer proposes; None where there is nothing to do or it is open already."""
    if not answer.suggests_ticket or answer.convo.ticket_id:
        return None
    return {"subject": answer.convo.title, "body": own_words(convo=answer.convo)}


def own_words(*, convo: ChatConvo) -> str:
    """What the person wrote, without the assistant's answers: the request, and all that triage reads."""
    return "\n\n".join(row.body for row in convo.messages.all() if row.role == ChatRole.USER)[:BODY_LIMIT]


def transcript(*, convo: ChatConvo) -> str:
    """The whole conversation for colleagues: the person's own words, the assistant's as quotes."""
    parts = []
    for row in convo.messages.all():
        own = row.role == ChatRole.USER
        parts.append(row.body if own else "\n".join(f"> {line}" for line in row.body.splitlines()))
    return "\n\n".join(parts)[:BODY_LIMIT]


@transaction.atomic
def chat_ticket_open(
    *, convo: ChatConvo, actor: Actor, intent: str = TriageIntent.BACKGROUND
) -> tuple[Ticket, bool]:
    """The conversation as a ticket, with its files; True where it was opened just now.

    The ticket says what the person wrote; what the assistant answered stands in an internal note.
    A second call answers with the first one's ticket. Raises ValidationFailed for a conversation without a
    question. Emits ``ticket_opened``.
    """
    # Without joins: PostgreSQL reads the locked row anew, but not the rows joined to it.
    locked = ChatConvo.objects.select_for_update().get(pk=convo.pk)
    if locked.ticket is not None:
        return locked.ticket, False
    if not locked.messages.asked().exists():
        raise ValidationFailed(_("Ask something first; the conversation is empty."))
    files = Attachment.objects.filter(chat_messages__convo=locked, ticket=None).distinct()
    ticket = ticket_open(
        new=NewTicket(
            client=locked.client,
            requester=requester_resolve(client=locked.client, identity=_identity(locked)),
            subject=locked.title,
            body=own_words(convo=locked),
            channel=Channel.CHAT,
            metadata={"chat": str(locked.uuid)},
            attachments=tuple(files),
            intent=intent,
        ),
        actor=actor,
    )
    if locked.messages.exclude(role=ChatRole.USER).exclude(body="").exists():
        note = NewMessage(body=transcript(convo=locked), is_public=False)
        message_add(ticket=ticket, new=note, actor=system_actor("Assistant"))
    locked.ticket = ticket
    locked.save(update_fields=["ticket", "updated_at"])
    return ticket, True


def _identity(convo: ChatConvo) -> RequesterIdentity:
    user: User | None = convo.user
    if user is None:
        return RequesterIdentity()
    return RequesterIdentity(email=user.email, name=user.display_name, user=user)


def chat_erase(requester_id: int) -> int:
    """Remove what a requester asked as a requester; returns how many messages went (O4)."""
    rows = _of_requester(requester_id)
    count = ChatMessage.objects.filter(convo__in=rows).count()
    rows.delete()
    return count


def chat_export(requester_id: int) -> list[dict[str, object]]:
    """The conversations of a requester, for a copy of the own data (O4)."""
    messages = ChatMessage.objects.filter(convo__in=_of_requester(requester_id)).select_related("convo")
    return [
        {
            "conversation": str(row.convo.uuid),
            "at": row.created_at.isoformat(),
            "role": row.role,
            "text": row.body,
        }
        for row in messages
    ]


def _of_requester(requester_id: int) -> QuerySet[ChatConvo]:
    owner = Requester.objects.filter(pk=requester_id, user__isnull=False)
    found: QuerySet[ChatConvo] = ChatConvo.objects.filter(
        user__in=owner.values("user"), client__in=owner.values("client"), audience=ChatAudience.REQUESTER
    )
    return found
