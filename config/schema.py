"""What drf-spectacular cannot read off the views: our authentication, and which routes are documented."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

PREFIX = "/api/v1/"


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """API keys."""

    target_class = "teams.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer value that begins with ``sw_``."""
        return {"type": "http", "scheme": "bearer", "description": "An API key of one client (sw_…)."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The browser's session."""

    target_class = "teams.api.authentication.BrowserSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """The session cookie; writes need the CSRF token."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def only_versioned(endpoints: list[tuple[str, Any, str, Any]]) -> list[tuple[str, Any, str, Any]]:
    """The short routes are aliases; documenting them twice would give every operation two names."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(PREFIX)]
