"""One limit per caller and minute, counted atomically, announced in standard headers (A2)."""

from __future__ import annotations

import math
import time
from typing import Any

from django.conf import settings
from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

WINDOW_SECONDS = 60


class CallerThrottle(BaseThrottle):
    """Counts by key, user or address in a fixed window. ``incr`` is atomic on Redis and in memory."""

    def __init__(self) -> None:
        self.reset_seconds = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request and remember the figures for the headers."""
        authenticated = bool(request.user and request.user.is_authenticated)
        limit = (
            settings.API_THROTTLE_PER_MINUTE if authenticated else settings.API_THROTTLE_ANONYMOUS_PER_MINUTE
        )
        ident = f"user:{request.user.pk}" if authenticated else f"address:{self.get_ident(request)}"
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        self.reset_seconds = math.ceil((window + 1) * WINDOW_SECONDS - now)
        count = self._count(f"throttle:{ident}:{window}")
        request._request.rate_limit = (limit, max(0, limit - count), self.reset_seconds)  # type: ignore[attr-defined]
        return count <= limit

    def _count(self, key: str) -> int:
        cache = caches["throttle"]
        cache.add(key, 0, WINDOW_SECONDS + 5)
        try:
            return cache.incr(key)
        except ValueError:
            # The entry expired between the two calls: this is the first request of a new window.
            cache.set(key, 1, WINDOW_SECONDS + 5)
            return 1

    def wait(self) -> float | None:
        """Seconds until the window ends."""
        return float(self.reset_seconds)
