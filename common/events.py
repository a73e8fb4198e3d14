"""Publishing domain events: each receiver in a savepoint of its own, its failure logged, never passed on."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import transaction
from django.dispatch import Signal

logger = structlog.get_logger(__name__)


class DomainEvent(Signal):
    """A signal whose receivers run one by one inside savepoints.

    A broken policy or connector must never cost a ticket: its savepoint is rolled back, the failure is
    logged and handed to ``on_failure``, and the sweepers repair what is missing.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def publish(self, **payload: Any) -> None:
        """Call every receiver with the payload; must run inside the service's transaction."""
        receivers, _ = self._live_receivers(None)
        for receiver in receivers:
            try:
                with transaction.atomic():
                    receiver(signal=self, sender=None, **payload)
            except Exception:
                name = f"{receiver.__module__}.{receiver.__qualname__}"
                logger.exception("event_receiver_failed", signal_name=self.name, receiver=name)
                receiver_failed.send(sender=None, event=self.name, receiver=name)


receiver_failed = Signal()
"""Sent outside the savepoint with ``event`` and ``receiver`` names; teams turns it into an alert."""
