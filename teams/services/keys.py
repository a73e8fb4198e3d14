"""API keys: made once, shown once, stored as a hash (A2)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import NotAllowed, ValidationFailed
from teams.choices import AlertSeverity, AlertState, Scope
from teams.models import Alert, ApiKey, Client
from teams.services.alerts import alert_raise

PREFIX = "sw_"
MISUSE_RULE = "key_misuse"
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key; ``secret`` is not stored and cannot be shown again."""

    key: ApiKey
    secret: str


def api_key_issue(
    *, client: Client, name: str, scopes: Sequence[str], actor: Actor, expires_at: datetime | None = None
) -> IssuedKey:
    """Make a key for a client. Raises NotAllowed for non-leads, ValidationFailed for unknown scopes."""
    if not (actor.is_lead and actor.may_see_client(client.pk)):
        raise NotAllowed(_("Only leads of the client issue keys."))
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown:
        raise ValidationFailed(fields={"scopes": [f"There is no scope “{scope}”." for scope in unknown]})
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ApiKey(
        client=client,
        name=name,
        prefix=secret[: len(PREFIX) + 6],
        key_hash=hash_of(secret),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
        created_by_id=actor.user_id,
    )
    key.full_clean()
    key.save()
    return IssuedKey(key=key, secret=secret)


def hash_of(secret: str) -> str:
    """SHA-256 of a key; keys have 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def api_key_use(*, secret: str, now: datetime) -> ApiKey | None:
    """The usable key behind a secret; notes the use at most once a minute.

    A key that was revoked or has expired and is still used is an alert: somebody holds it who should not, or
    a service was forgotten.
    """
    key = ApiKey.objects.select_related("client").filter(key_hash=hash_of(secret)).first()
    if key is None:
        return None
    if not ApiKey.objects.usable(now=now).filter(pk=key.pk).exists():
        _misused(key, now)
        return None
    if key.last_used_at is None or now - key.last_used_at > _TOUCH_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _misused(key: ApiKey, now: datetime) -> None:
    """Raise the alert, and count it at most once a minute: the caller may try thousands of times."""
    again = Alert.objects.filter(rule=MISUSE_RULE, subject=key.prefix, state=AlertState.OPEN)
    if not again.filter(last_seen_at__gt=now - _TOUCH_EVERY).exists():
        alert_raise(
            rule=MISUSE_RULE,
            subject=key.prefix,
            severity=AlertSeverity.CRITICAL,
            message=f"The API key “{key}” was used although it was revoked or has expired.",
            client=key.client,
            now=now,
        )


def api_key_revoke(*, key: ApiKey, actor: Actor) -> ApiKey:
    """End a key at once. Raises NotAllowed for non-leads."""
    if not (actor.is_lead and actor.may_see_client(key.client_id)):
        raise NotAllowed(_("Only leads of the client revoke keys."))
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at", "updated_at"])
    return key
