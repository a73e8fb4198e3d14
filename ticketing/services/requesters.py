"""Finding or making the requester a door names."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from common.exceptions import ValidationFailed
from teams.models import Client, User
from ticketing.models import Requester, RequesterAddress
from ticketing.services.search import search_requester_write


@dataclass(frozen=True, slots=True, kw_only=True)
class RequesterIdentity:
    """What a door knows of the person who asks; everything may be empty."""

    email: str = ""
    name: str = ""
    external_id: str = ""
    user: User | None = None


def requester_resolve(*, client: Client, identity: RequesterIdentity) -> Requester:
    """The client's requester with this log-in, external id or address; a new one where there is none.

    An identity without any of them is the client's anonymous requester. Raises ValidationFailed for an
    address that is none. Two doors at once end with one row: the loser of the race reads the winner's.
    """
    email = _clean_email(identity.email)
    found = _find(client, identity, email)
    if found is None:
        try:
            with transaction.atomic():
                found = _create(client, identity, email)
        except IntegrityError:
            found = _find(client, identity, email)
            if found is None:
                raise
    _complete(found, identity, email)
    return found


def _clean_email(email: str) -> str:
    email = email.strip().lower()
    if not email:
        return ""
    try:
        validate_email(email)
    except ValidationError as error:
        raise ValidationFailed(
            _("The e-mail address is not valid."), fields={"email": [_("Enter a valid e-mail address.")]}
        ) from error
    return email


def _find(client: Client, identity: RequesterIdentity, email: str) -> Requester | None:
    rows = Requester.objects.filter(client=client)
    if identity.user is not None:
        found = rows.filter(user=identity.user).first()
        if found:
            return found
    if identity.external_id:
        return rows.filter(external_id=identity.external_id).first()
    if email:
        return rows.filter(addresses__email=email).first()
    if identity.user is None:
        return rows.filter(is_anonymous=True).first()
    return None


def _create(client: Client, identity: RequesterIdentity, email: str) -> Requester:
    anonymous = not (email or identity.external_id or identity.user)
    user = identity.user
    requester = Requester(
        client=client,
        user=user,
        name=(identity.name or (user.display_name if user else "") or ("Anonymous" if anonymous else ""))[
            :200
        ],
        external_id="anonymous" if anonymous else identity.external_id[:120],
        is_anonymous=anonymous,
    )
    requester.full_clean()
    requester.save()
    return requester


@transaction.atomic
def _complete(requester: Requester, identity: RequesterIdentity, email: str) -> None:
    """Add what was not known before; never overwrite what is there. Search follows."""
    learned = False
    if email and not requester.is_anonymous:
        taken = RequesterAddress.objects.filter(client=requester.client, email=email).exists()
        if not taken:
            RequesterAddress.objects.create(requester=requester, client=requester.client, email=email)
            learned = True
    if identity.name and not requester.name:
        requester.name = identity.name[:200]
        requester.save(update_fields=["name", "updated_at"])
        learned = True
    if learned:
        search_requester_write(requester=requester)
