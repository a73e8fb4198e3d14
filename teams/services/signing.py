"""Signatures of webhooks by the Standard Webhooks scheme (standardwebhooks.com), version 1, HMAC-SHA256."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from django.utils.translation import gettext as _

from common.exceptions import ValidationFailed

_PREFIX = "whsec_"


def signing_secret_new() -> str:
    """A fresh secret as receivers' libraries take it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def webhook_headers(*, secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message; the id stays the same over retries, the time is that of the try.

    Raises ValidationFailed for a secret that is not base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValidationFailed(_("The signing secret is not valid base64.")) from None
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
