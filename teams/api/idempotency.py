"""``@idempotent`` for creating POST handlers (A2)."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from common.exceptions import ValidationFailed
from teams.api.actors import actor_of
from teams.services.idempotency import idempotency_abandon, idempotency_begin, idempotency_finish

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Answer a repeated request with the first answer and ``Idempotent-Replayed: true``.

    Server errors and 429 free the key: the same request may be tried again.
    """

    @functools.wraps(handler)
    def wrapper(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key", "").strip()
        if not key:
            return handler(self, request, *args, **kwargs)
        if len(key) > 200:
            raise ValidationFailed(fields={"Idempotency-Key": [_("At most 200 characters.")]})
        begun = idempotency_begin(
            caller=actor_of(request).id[:80],
            route=f"{request.method} {request.path.rstrip('/')}"[:200],
            key=key,
            body_hash=_body_hash(request),
            now=timezone.now(),
        )
        if begun.replay is not None:
            status_code, data = begun.replay
            return Response(data, status=status_code, headers={"Idempotent-Replayed": "true"})
        response = _answer(self, handler, request, args, kwargs)
        if response.status_code >= 500 or response.status_code == 429:
            idempotency_abandon(record=begun.record)
        else:
            data = json.loads(JSONRenderer().render(response.data) or b"null")
            idempotency_finish(record=begun.record, status_code=response.status_code, response=data)
        return response

    return wrapper


def _answer(view: Any, handler: Handler, request: Request, args: Any, kwargs: Any) -> Response:
    """The handler's answer, errors included, as the view would send it."""
    try:
        return handler(view, request, *args, **kwargs)
    except Exception as error:  # noqa: BLE001  every outcome must be stored; handle_exception re-raises faults
        return view.handle_exception(error)


def _body_hash(request: Request) -> str:
    """SHA-256 over the fields and files of the request."""
    digest = hashlib.sha256()
    data = request.data
    items = sorted(data.lists()) if hasattr(data, "lists") else [("", [data])]
    for name, values in items:
        for value in values:
            digest.update(name.encode())
            if isinstance(value, UploadedFile):
                for chunk in value.chunks():
                    digest.update(chunk)
                value.seek(0)
            else:
                digest.update(json.dumps(value, sort_keys=True, default=str).encode())
    return digest.hexdigest()
