"""What every template may know about the installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from classifier.models import ReviewItem
from teams.api.actors import actor_of


def site(request: HttpRequest) -> dict[str, Any]:
    """Product version, whether the demo accounts exist, and whether the person works on tickets."""
    return {
        "version": settings.VERSION,
        "demo": settings.DEMO,
        "works_here": SimpleLazyObject(lambda: actor_of(request).is_staff),
        "review_count": SimpleLazyObject(lambda: _review_count(request)),
    }


def _review_count(request: HttpRequest) -> int:
    """Items that wait for a reviewer; asked for only where a page shows it."""
    return ReviewItem.objects.visible_to(actor_of(request)).open().count()
