"""Mails to the person who asked: owed with the change that causes them, worded when they leave (T13).

The row in the outbox holds ids only. Nothing a sender wrote comes back in an automatic mail, and nobody gets
more of them than a few a day at an address that is not verified: a forged sender must not turn the desk into
a cannon.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from common.actors import Actor
from common.registries import Obsolete, notification_renderers, response_targets
from common.wording import within_sentence, written_in
from teams.choices import NotificationState
from teams.models import Notification
from teams.services.channels import one_line
from teams.services.notifications import notification_owe
from ticketing.choices import Channel, RequesterMail, Status, StatusCategory
from ticketing.models import Message, Requester, RequesterMailTemplate, Ticket, TicketFeedback
from ticketing.services.audit import Change, events_append
from ticketing.services.mail_links import feedback_link, site_address, stop_token
from ticketing.services.rendering import render_body
from ticketing.services.wording import DEFAULTS

AREA: Final = "requester"
_TOLD: Final = frozenset({Status.PENDING, Status.ON_HOLD, Status.RESOLVED})
_SILENT: Final = frozenset({Channel.IMPORT, Channel.ZENDESK, Channel.SAP})
"""Imported history is told to nobody; other systems tell their requesters themselves."""

_ROBOTS: Final = ("mailer-daemon@", "postmaster@", "no-reply@", "noreply@", "do-not-reply@", "donotreply@")
_ENOUGH: Final = "The address is not verified and has had its automatic mails of today."
_SETTLING: Final = timedelta(seconds=60)
"""The acknowledgement waits for triage, so that it can name the category."""


def acknowledgement_owe(*, ticket: Ticket) -> bool:
    """Owe “it has arrived”. False where nobody is to be told."""
    if ticket.metadata.get("auto_submitted"):
        return False
    return _owe(
        ticket, RequesterMail.ACKNOWLEDGEMENT, str(ticket.uuid), not_before=timezone.now() + _SETTLING
    )


def reply_owe(*, ticket: Ticket, message: Message) -> bool:
    """Owe a public answer of a person. Automations and the requester's own messages are not mailed."""
    by_person = message.is_public and message.author_kind == Message.AuthorKind.AGENT
    if not by_person or message.is_first:
        return False
    return _owe(ticket, RequesterMail.REPLY, str(message.uuid), message=str(message.uuid))


def status_owe(*, ticket: Ticket, old: str, new: str) -> bool:
    """Owe news of a state that concerns the requester, and after a resolution the request to rate it."""
    if new not in _TOLD:
        return False
    key = f"{ticket.uuid}:{ticket.version}"
    owed = _owe(ticket, RequesterMail.STATUS, key, status=new)
    if new == Status.RESOLVED:
        later = timezone.now() + timedelta(hours=settings.RATING_REQUEST_HOURS)
        _owe(ticket, RequesterMail.RATING, key, not_before=later, resolved=_resolution(ticket))
    return owed


def _resolution(ticket: Ticket) -> str:
    """Names one resolution of a ticket."""
    return ticket.resolved_at.isoformat() if ticket.resolved_at else ""


def _owe(
    ticket: Ticket, kind: RequesterMail, key: str, *, not_before: datetime | None = None, **more: str
) -> bool:
    address, verified = _address(ticket.requester)
    if not address or not _may_write(ticket, kind, address):
        return False
    automatic = kind != RequesterMail.REPLY
    skipped = ""
    if automatic and not verified and _automatic(address).count() >= settings.REQUESTER_MAIL_PER_DAY:
        skipped = _ENOUGH
    return notification_owe(
        event_key=f"{AREA}:{kind}:{key}",
        kind=f"{AREA}.{kind}",
        channel="email",
        recipient=address,
        payload={"ticket": str(ticket.uuid), **more},
        client=ticket.client,
        not_before=not_before,
        skipped=skipped,
    )


def _may_write(ticket: Ticket, kind: RequesterMail, address: str) -> bool:
    if not settings.REQUESTER_MAIL_ENABLED or ticket.channel in _SILENT:
        return False
    if not ticket.client.ticketing_settings.requester_mail:
        return False
    if kind != RequesterMail.REPLY and ticket.requester.mail_stopped_at is not None:
        return False
    return not address.startswith(_ROBOTS) and address != one_line(settings.DEFAULT_FROM_EMAIL).lower()


def _address(requester: Requester) -> tuple[str, bool]:
    """Where the requester is reached, and whether the address is known to be the person's own."""
    if requester.is_anonymous:
        return "", False
    first = requester.addresses.order_by("pk").first()
    if first is not None:
        return first.email, first.is_verified
    return (requester.user.email.lower(), True) if requester.user and requester.user.email else ("", False)


def _automatic(address: str) -> Any:
    """Automatic mails of a day to an address."""
    since = timezone.now() - timedelta(days=1)
    rows = Notification.objects.filter(recipient=address, kind__startswith=f"{AREA}.", created_at__gt=since)
    return rows.exclude(kind=f"{AREA}.{RequesterMail.REPLY}").exclude(state=NotificationState.SKIPPED)


@transaction.atomic
def requester_mail_stop(*, requester: Requester, stopped: bool, actor: Actor) -> Requester:
    """End or resume the automatic mails to a requester; noted in the history of the open tickets."""
    if (requester.mail_stopped_at is not None) != stopped:
        requester.mail_stopped_at = timezone.now() if stopped else None
        requester.save(update_fields=["mail_stopped_at", "updated_at"])
        verb = "requester.mail_stopped" if stopped else "requester.mail_resumed"
        for ticket in Ticket.objects.filter(requester=requester).open():
            events_append(ticket=ticket, actor=actor, changes=[Change(verb)])
    return requester


def register() -> None:
    """Fill the slots; called once when the app is ready."""
    for kind in RequesterMail:
        notification_renderers.register(f"{AREA}.{kind}", _renderer(kind))


def _renderer(kind: RequesterMail) -> Any:
    def render(payload: Mapping[str, Any]) -> Mapping[str, str]:
        return render_mail(kind, payload)

    return render


def render_mail(kind: RequesterMail, payload: Mapping[str, Any]) -> Mapping[str, str]:
    """Word a mail from what the ticket is by now. Raises Obsolete where it is pointless by now."""
    ticket = (
        Ticket.objects.select_related("client", "requester", "category")
        .filter(uuid=payload["ticket"])
        .first()
    )
    if ticket is None:
        raise Obsolete("The ticket is gone.")
    _still_wanted(kind, ticket, payload)
    own = RequesterMailTemplate.objects.filter(client=ticket.client, kind=kind, is_active=True).first()
    # The client's own words are in the language the client chose; ours follow the requester's.
    with written_in("" if own else ticket.language):
        return _written(kind, ticket, payload, own)


def _written(
    kind: RequesterMail, ticket: Ticket, payload: Mapping[str, Any], own: RequesterMailTemplate | None
) -> Mapping[str, str]:
    """The mail in the language that is active."""
    values = _values(kind, ticket, payload)
    subject, body = (own.subject, own.body) if own else _shipped(kind)
    text = RequesterMailTemplate.fill(body, values)
    stop = site_address(reverse("mail:stop", args=[stop_token(requester=ticket.requester)]))
    person = kind == RequesterMail.REPLY
    line = one_line(RequesterMailTemplate.fill(subject, values))
    context = {
        "subject": line,
        "html": render_body(text, "markdown"),
        "text": text if person else text.replace("**", ""),
        "reference": ticket.reference,
        "client": ticket.client.name,
        "link": values["link"],
        "rating_link": values["rating_link"],
        "stop_link": "" if person else stop,
    }
    return {
        "subject": line,
        "text": render_to_string("ticketing/email/requester.txt", context).strip() + "\n",
        "html": render_to_string("ticketing/email/requester.html", context),
        "author": "person" if person else "system",
        "unsubscribe": "" if person else stop,
        **_thread(ticket),
    }


def _still_wanted(kind: RequesterMail, ticket: Ticket, payload: Mapping[str, Any]) -> None:
    if kind != RequesterMail.REPLY and ticket.requester.mail_stopped_at is not None:
        raise Obsolete("The requester has stopped automatic mails.")
    if kind == RequesterMail.STATUS and ticket.status != payload["status"]:
        raise Obsolete("The ticket has moved on since.")
    if kind != RequesterMail.REPLY:
        _not_too_many(ticket)
    over = {StatusCategory.RESOLVED, StatusCategory.CLOSED}
    if kind == RequesterMail.RATING and ticket.status_category not in over:
        raise Obsolete("The ticket was opened again.")
    if kind == RequesterMail.RATING and payload["resolved"] != _resolution(ticket):
        raise Obsolete("The ticket was resolved again later, which is asked about instead.")
    if kind == RequesterMail.RATING and TicketFeedback.objects.filter(ticket=ticket).exists():
        raise Obsolete("The requester has rated already.")


def _not_too_many(ticket: Ticket) -> None:
    """Judged again when it leaves: requests in parallel do not see each other's rows when they owe."""
    address, verified = _address(ticket.requester)
    sent = _automatic(address).filter(state=NotificationState.SENT).count()
    if not verified and sent >= settings.REQUESTER_MAIL_PER_DAY:
        raise Obsolete(_ENOUGH)


def _shipped(kind: RequesterMail) -> tuple[str, str]:
    """Subject and body as they are shipped."""
    words = DEFAULTS[kind]
    return _(words.subject), _(words.body)


def _values(kind: RequesterMail, ticket: Ticket, payload: Mapping[str, Any]) -> dict[str, str]:
    status = payload.get("status", ticket.status)
    return {
        "reference": ticket.reference,
        "category": ticket.category.name if ticket.category else _("being sorted"),
        "status": within_sentence(str(Status(status).label)),
        "next_steps": _next_steps(ticket, status),
        "client": ticket.client.name,
        "requester": ticket.requester.name if kind == RequesterMail.REPLY else "",
        "link": site_address(reverse("portal:ticket", args=[ticket.uuid])),
        "rating_link": feedback_link(ticket=ticket) if kind == RequesterMail.RATING else "",
        "reply": _reply(payload) if kind == RequesterMail.REPLY else "",
    }


def _next_steps(ticket: Ticket, status: str) -> str:
    """What happens now, in one sentence."""
    if status == Status.PENDING:
        return _("We wait for your answer: reply to this mail or on the ticket's page.")
    if status == Status.ON_HOLD:
        return _("We wait for somebody else and come back to you without your doing anything.")
    if status == Status.RESOLVED:
        return _("If it is not solved, reply, and the ticket is opened again.")
    target = response_targets.get("sla")(ticket.pk) if "sla" in response_targets else ""
    if not target:
        return _("A person looks at it and answers here.")
    return _("A person answers within %(within)s.") % {"within": target}


def _reply(payload: Mapping[str, Any]) -> str:
    message = Message.objects.filter(uuid=payload["message"]).first()
    if message is None or not message.is_public:
        raise Obsolete("The answer is gone.")
    return strip_tags(message.html) if message.format == Message.Format.HTML else message.body


def _thread(ticket: Ticket) -> dict[str, str]:
    """Every mail of a ticket answers the same first one, and the requester's own last mail if any."""
    root = thread_root(ticket)
    theirs = ticket.messages.filter(author_kind=Message.AuthorKind.REQUESTER).exclude(email_message_id="")
    last = theirs.order_by("-created_at").values_list("email_message_id", flat=True).first()
    return {"in_reply_to": last or root, "references": f"{root} {last}" if last else root}


def thread_root(ticket: Ticket) -> str:
    """The Message-ID that all mails of a ticket refer to."""
    host = site_address("").partition("://")[2].partition("/")[0].partition(":")[0]
    return f"<ticket-{ticket.uuid.hex}@{host or 'localhost'}>"
