"""What every template may know about the installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Product version and whether the demo accounts exist."""
    return {"version": settings.VERSION, "demo": settings.DEMO}
