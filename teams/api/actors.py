"""From a request to the actor, once per request."""

from __future__ import annotations

from typing import Any

from common.actors import Actor
from teams.models import ApiKey
from teams.selectors import actor_for_key, actor_for_user


def actor_of(request: Any) -> Actor:
    """The actor of a Django or DRF request; cached on the request."""
    plain = getattr(request, "_request", request)
    cached = getattr(plain, "_switchyard_actor", None)
    if cached is None:
        auth = getattr(request, "auth", None)
        cached = actor_for_key(auth) if isinstance(auth, ApiKey) else actor_for_user(request.user)
        plain._switchyard_actor = cached
    return cached
