"""Signed links that requesters get by mail: to rate an answer, and to stop the mails (T11, T13)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.urls import NoReverseMatch, reverse

from common.exceptions import NotFound
from ticketing.models import Requester, Ticket

FEEDBACK_DAYS: Final = 30
_FEEDBACK, _STOP = "switchyard.feedback", "switchyard.mail-stop"


def feedback_token(ticket: Ticket) -> str:
    """Names a ticket to whoever got the mail; good for 30 days."""
    return signing.dumps(str(ticket.uuid), salt=_FEEDBACK)


def feedback_ticket(token: str) -> Ticket:
    """The ticket of a token. Raises NotFound for one that is forged or too old."""
    try:
        uuid = signing.loads(token, salt=_FEEDBACK, max_age=timedelta(days=FEEDBACK_DAYS))
    except signing.BadSignature:
        raise NotFound("The link is no longer valid.") from None
    ticket: Ticket | None = Ticket.objects.select_related("client").filter(uuid=uuid).first()
    if ticket is None:
        raise NotFound("The link is no longer valid.")
    return ticket


def feedback_link(ticket: Ticket) -> str:
    """The address of the rating page; empty where this installation has none."""
    try:
        path = reverse("portal:feedback", args=[feedback_token(ticket)])
    except NoReverseMatch:
        return ""
    return site_address(path)


def stop_token(requester: Requester) -> str:
    """Names a requester who may stop the automatic mails. Never expires: it must work when it is needed."""
    return signing.dumps(str(requester.uuid), salt=_STOP)


def stop_requester(token: str) -> Requester:
    """The requester of a token. Raises NotFound for a forged one."""
    try:
        uuid = signing.loads(token, salt=_STOP)
    except signing.BadSignature:
        raise NotFound("The link is not valid.") from None
    requester: Requester | None = Requester.objects.filter(uuid=uuid).first()
    if requester is None:
        raise NotFound("The link is not valid.")
    return requester


def site_address(path: str) -> str:
    """A path of this installation as an address for mails."""
    return str(settings.SITE_URL).rstrip("/") + path
