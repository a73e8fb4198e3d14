"""Nudging the broker after a commit, without ever failing the request that owes the work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

if TYPE_CHECKING:
    from celery import Task

logger = structlog.get_logger(__name__)


def enqueue(task: Task, *args: Any) -> bool:
    """Publish a task now; a broker that is down is logged, not raised: the sweeper finds the row."""
    try:
        task.apply_async(args=args, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("broker_unreachable", task=task.name, error=type(error).__name__)
        return False
    return True


def enqueue_on_commit(task: Task, *args: Any) -> None:
    """Publish a task after the surrounding transaction commits.

    ``robust=True`` needs a plain function on Django 5.2 (FACTS 4), hence the closure.
    """

    def publish() -> None:
        enqueue(task, *args)

    transaction.on_commit(publish, robust=True)
