"""Signed links that requesters get by mail: to rate an answer, and to stop the mails (T11, T13)."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext as _

from common.exceptions import NotFound
from ticketing.models import Requester, Ticket
from ticketing.services.feedback import feedback_token

_STOP: Final = "switchyard.mail-stop"


def feedback_link(*, ticket: Ticket) -> str:
    """The address of the page where a ticket is rated, good as long as its token."""
    return site_address(reverse("portal:rate", args=[feedback_token(ticket=ticket)]))


def stop_token(*, requester: Requester) -> str:
    """Names a requester who may stop the automatic mails. Never expires: it must work when it is needed."""
    return signing.dumps(str(requester.uuid), salt=_STOP)


def stop_requester(*, token: str) -> Requester:
    """The requester of a token. Raises NotFound for a forged one."""
    try:
        uuid = signing.loads(token, salt=_STOP)
    except signing.BadSignature:
        raise NotFound(_("The link is not valid.")) from None
    requester: Requester | None = Requester.objects.filter(uuid=uuid).first()
    if requester is None:
        raise NotFound(_("The link is not valid."))
    return requester


def site_address(path: str) -> str:
    """A path of this installation as an address for mails."""
    return str(settings.SITE_URL).rstrip("/") + path
