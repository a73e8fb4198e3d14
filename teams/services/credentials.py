"""Secrets for outside systems: encrypted when they are stored, readable only where they are used."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext as _

from common.exceptions import Conflict
from teams.models import Credential


def secret_encrypt(secret: str) -> bytes:
    """Encrypt with the newest key. Raises Conflict where no key is set."""
    return _box().encrypt(secret.encode())


def credential_secret(*, credential: Credential) -> str:
    """The stored secret in clear. Raises Conflict when no present key opens it."""
    return secret_decrypt(bytes(credential.secret), name=f"The credential “{credential}”")


def secret_decrypt(stored: bytes, *, name: str = "A stored secret") -> str:
    """What ``secret_encrypt`` has made, in clear. Raises Conflict when no present key opens it."""
    try:
        return _box().decrypt(stored).decode()
    except InvalidToken:
        raise Conflict(_("%(name)s cannot be opened with the present keys.") % {"name": name}) from None


def _box() -> MultiFernet:
    if not settings.CREDENTIAL_KEYS:
        raise Conflict(_("Secrets cannot be stored or read: CREDENTIAL_KEYS is not set."))
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])
