"""API keys and browser sessions; user tokens come from simplejwt (A2)."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from teams.models import ApiKey
from teams.services.keys import PREFIX, api_key_use


class ServiceUser(AnonymousUser):
    """Stands for the service behind a key; not a row, not anonymous."""

    def __init__(self, key: ApiKey) -> None:
        super().__init__()
        self.key = key

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        """The key was checked."""
        return True

    @property
    def is_anonymous(self) -> bool:  # type: ignore[override]
        """The key was checked."""
        return False

    @property
    def pk(self) -> str:  # type: ignore[override]
        """What throttles count by."""
        return f"key:{self.key.prefix}"


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer sw_…``; other bearer values are left to the token authentication."""

    def authenticate(self, request: Request) -> tuple[ServiceUser, ApiKey] | None:
        """Return the service and its key. Raises AuthenticationFailed for a key that is not usable."""
        parts = get_authorization_header(request).split()
        if len(parts) != 2 or parts[0].lower() != b"bearer" or not parts[1].startswith(PREFIX.encode()):
            return None
        key = api_key_use(secret=parts[1].decode("ascii", "replace"), now=timezone.now())
        if key is None:
            raise AuthenticationFailed("The API key is not valid.")
        return ServiceUser(key), key

    def authenticate_header(self, request: Request) -> str:
        """Makes a missing log-in a 401."""
        return 'Bearer realm="switchyard"'


class BrowserSessionAuthentication(SessionAuthentication):
    """The browser's session with CSRF."""

    def authenticate(self, request: Request) -> Any:
        """As Django's, but inactive users are nobody."""
        return super().authenticate(request)
