"""Putting a message into the form of its channel, and sending it. ``transmit`` touches no table."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone

from common.exceptions import ApplicationError
from common.outbound import OutboundError, post
from common.registries import notification_renderers
from common.wording import site_language
from teams.choices import Channel
from teams.models import Notification
from teams.services.credentials import secret_decrypt
from teams.services.owing import HOUSE_SLACK
from teams.services.signing import webhook_headers

SUBJECT_LIMIT = 200
_REFUSED_FOR_GOOD = 500
_CHAT_LIMIT = 2_800


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready to leave: either a mail, or a body for a URL."""

    mail: EmailMultiAlternatives | None = None
    url: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a try. ``unreachable``: the server is at fault, others behind it need not be tried."""

    error: str = ""
    status: int | None = None
    permanent: bool = False
    unreachable: bool = False
    gone: bool = False
    retry_after: int = 0
    duration_ms: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether the other side has taken the message."""
        return not self.error


def mail_parts(template: str, *, subject: str, context: Mapping[str, Any]) -> dict[str, str]:
    """Subject, text and HTML of a mail from ``<app>/email/<name>``: the text is not escaped, the HTML is."""
    values = {**context, "subject": one_line(subject), "site_url": settings.SITE_URL}
    with site_language():
        text = render_to_string(f"{template}.txt", values).strip() + "\n"
        html = render_to_string(f"{template}.html", values)
    return {"subject": values["subject"], "text": text, "html": html}


def one_line(text: str, limit: int = SUBJECT_LIMIT) -> str:
    """Text fit for a header: no line breaks, no control or direction marks, not endless."""
    plain = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return plain if len(plain) <= limit else plain[: limit - 1].rstrip() + "…"


def compose(row: Notification) -> Outgoing:
    """Render a row for its channel.

    Raises KeyError for a kind nobody renders, ValueError for a channel or a target that is not there,
    ApplicationError where a secret cannot be opened, and what a renderer raises.
    """
    if row.channel not in Channel.values:
        raise ValueError(f"Nothing delivers to the channel {row.channel}.")
    parts = notification_renderers.get(row.kind)(row.payload)
    if row.channel == Channel.EMAIL:
        return Outgoing(mail=_mail(row, parts))
    url = _url(row)
    if row.channel == Channel.WEBHOOK:
        return _webhook(row, url, parts)
    make = _slack if row.channel == Channel.SLACK else _msteams
    body = json.dumps(make(parts)).encode()
    return Outgoing(url=url, body=body, headers={"content-type": "application/json"})


def _url(row: Notification) -> str:
    if row.recipient == HOUSE_SLACK:
        return str(settings.SLACK_WEBHOOK_URL)
    if row.target is None or not row.target.secret_url:
        raise ValueError("The target of this message is not there any more.")
    return secret_decrypt(bytes(row.target.secret_url))


def _mail(row: Notification, parts: Mapping[str, str]) -> EmailMultiAlternatives:
    headers = {"Message-ID": message_id(row=row)}
    if parts.get("author") != "person":
        headers |= {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    names = {"in_reply_to": "In-Reply-To", "references": "References", "reply_to": "Reply-To"}
    headers |= {name: one_line(parts[key], 900) for key, name in names.items() if parts.get(key)}
    if parts.get("unsubscribe"):
        headers["List-Unsubscribe"] = f"<{parts['unsubscribe']}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message = EmailMultiAlternatives(
        subject=one_line(parts["subject"]),
        body=parts["text"],
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[row.recipient],
        headers=headers,
    )
    if parts.get("html"):
        message.attach_alternative(parts["html"], "text/html")
    return message


def message_id(*, row: Notification) -> str:
    """The same for every try, so that a mail server can drop a double."""
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    return f"<{row.uuid.hex}@{host}>"


def _slack(parts: Mapping[str, str]) -> dict[str, Any]:
    """Slack's text: its three signs escaped, so that nobody in a ticket can ring the channel."""
    text = f"{parts['subject']}\n{parts['text'][:_CHAT_LIMIT]}"
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    head, _, rest = escaped.partition("\n")
    return {"text": f"*{head}*\n{rest}".strip(), "unfurl_links": False}


def _msteams(parts: Mapping[str, str]) -> dict[str, Any]:
    """An adaptive card; text runs, so that nothing in it is read as Markdown."""

    def block(text: str, **more: Any) -> dict[str, Any]:
        run = {"type": "TextRun", "text": text, **more}
        return {"type": "RichTextBlock", "inlines": [run]}

    blocks = [block(parts["subject"], weight="bolder"), block(parts["text"][:_CHAT_LIMIT])]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [content]}


def _webhook(row: Notification, url: str, parts: Mapping[str, str]) -> Outgoing:
    """Type, time of the event and data; signed where the target has a secret."""
    data = {**row.payload, "subject": parts["subject"], "text": parts["text"]}
    body = json.dumps({"type": row.kind, "timestamp": row.created_at.isoformat(), "data": data}).encode()
    headers = {"content-type": "application/json"}
    if row.target is not None and row.target.signing_secret:
        secret = secret_decrypt(bytes(row.target.signing_secret))
        now = int(timezone.now().timestamp())
        headers |= webhook_headers(secret=secret, message_id=f"msg_{row.uuid.hex}", timestamp=now, body=body)
    return Outgoing(url=url, body=body, headers=headers)


def transmit(outgoing: Outgoing) -> Outcome:
    """Send over the network. Never raises: every failure is an outcome that says whether to try again."""
    started = time.monotonic()
    outcome = _mailed(outgoing.mail) if outgoing.mail is not None else _posted(outgoing)
    took = int(1000 * (time.monotonic() - started))
    return Outcome(
        error=outcome.error,
        status=outcome.status,
        permanent=outcome.permanent,
        unreachable=outcome.unreachable,
        gone=outcome.gone,
        retry_after=outcome.retry_after,
        duration_ms=took,
    )


def _mailed(mail: EmailMultiAlternatives) -> Outcome:
    try:
        mail.send()
    except SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        final = bool(codes) and min(codes) >= _REFUSED_FOR_GOOD
        return Outcome(error="SMTPRecipientsRefused", status=min(codes, default=None), permanent=final)
    except SMTPDataError as error:
        final = error.smtp_code >= _REFUSED_FOR_GOOD
        return Outcome(error="SMTPDataError", status=error.smtp_code, permanent=final)
    except ValueError as error:
        return Outcome(error=type(error).__name__)
    except (SMTPException, OSError) as error:
        return Outcome(error=type(error).__name__, unreachable=True)
    return Outcome()


def _posted(outgoing: Outgoing) -> Outcome:
    allow = settings.WEBHOOK_ALLOW_PRIVATE_ADDRESSES
    try:
        status = post(outgoing.url, outgoing.body, outgoing.headers, allow_private=allow)
    except OutboundError as error:
        return Outcome(
            error=error.message[:300],
            status=error.status,
            permanent=error.permanent,
            unreachable=True,
            gone=error.status == 410,
            retry_after=error.retry_after,
        )
    return Outcome(status=status)


COMPOSING_FAILS = (KeyError, ValueError, ApplicationError)
"""What ``compose`` raises where a row cannot be put into a message."""
