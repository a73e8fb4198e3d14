"""The single checks of health; each is quick, bounded, and says in words what it found (O3)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import Error, connection
from django.db.models import Avg, Count, Q
from django.utils import timezone
from kombu import Connection
from kombu.exceptions import KombuError

from classifier.choices import Purpose, RunState
from classifier.models import WorkflowRun
from common.registries import health_checks

logger = structlog.get_logger(__name__)
Outcome = tuple[str, str]

HEARTBEAT_KEY: Final = "health:heartbeat"
HEARTBEAT_SECONDS: Final = 30
_STALE = timedelta(minutes=3)
_CACHE_SECONDS = 15
_DISK_WARN, _DISK_FULL = 0.80, 0.95
_TIMEOUT_SECONDS = 2.0


def database() -> Outcome:
    """One round trip."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return "ok", connection.vendor


def broker() -> Outcome:
    """Whether messages can be handed over. The embedded broker is a folder."""
    if not settings.REDIS_URL:
        return "ok", "files"
    with Connection(settings.CELERY_BROKER_URL, transport_options={"socket_connect_timeout": 2}) as link:
        link.ensure_connection(max_retries=1, timeout=_TIMEOUT_SECONDS)
    return "ok", "redis"


def cache_check() -> Outcome:
    """Write and read one value."""
    cache.set("health:probe", "1", 30)
    return ("ok", "") if cache.get("health:probe") == "1" else ("failed", "A value was not kept.")


def storage() -> Outcome:
    """Write, find and delete one small file, at most every few seconds."""
    known: Outcome | None = cache.get("health:storage")
    if known is not None:
        return known
    name = default_storage.save("health/probe.txt", ContentFile(b"ok"))
    default_storage.delete(name)
    outcome = ("ok", "S3" if settings.AWS_STORAGE_BUCKET_NAME else "local folder")
    cache.set("health:storage", outcome, _CACHE_SECONDS)
    return outcome


def scheduler() -> Outcome:
    """Scheduler and worker together leave a heartbeat."""
    seen = cache.get(HEARTBEAT_KEY)
    if seen is None:
        return "degraded", "No heartbeat yet; background work waits for worker and scheduler."
    age = timezone.now() - datetime.fromisoformat(str(seen))
    if age > _STALE:
        return "degraded", f"The last heartbeat is {age.total_seconds():.0f} s old."
    return "ok", f"{age.total_seconds():.0f} s ago"


def last_run() -> Outcome:
    """How long ago triage last finished, and whether work waits too long."""
    now = timezone.now()
    late = WorkflowRun.objects.due(now=now).filter(next_at__lt=now - timedelta(minutes=5)).count()
    last = WorkflowRun.objects.filter(state=RunState.COMPLETED).order_by("-finished_at").first()
    detail = last.finished_at.isoformat() if last and last.finished_at else "none yet"
    return ("degraded", f"{late} runs wait for more than five minutes.") if late else ("ok", detail)


def disk() -> Outcome:
    """Share of the disk that is used."""
    usage = shutil.disk_usage(settings.VAR_DIR)
    share = usage.used / usage.total
    state = "failed" if share > _DISK_FULL else "degraded" if share > _DISK_WARN else "ok"
    return state, f"{share:.0%} used"


def _zendesk() -> Outcome:
    return "off", "Not configured."


CHECKS: Final[dict[str, Callable[[], Outcome]]] = {
    "database": database,
    "broker": broker,
    "cache": cache_check,
    "storage": storage,
    "zendesk": _zendesk,
    "scheduler": scheduler,
    "last_run": last_run,
    "disk": disk,
}


def run_checks() -> dict[str, Outcome]:
    """Every check by name, the apps' own included; a check that breaks has failed."""
    registered = dict(health_checks.items())
    return {name: _guarded(name, check) for name, check in {**CHECKS, **registered}.items()}


def run_check(name: str) -> Outcome:
    """One of the built-in checks by name."""
    return _guarded(name, CHECKS[name])


def _guarded(name: str, check: Callable[[], Outcome]) -> Outcome:
    try:
        return check()
    except (Error, OSError, KombuError, ValueError, RuntimeError) as error:
        logger.warning("health_check_failed", check=name, error=type(error).__name__)
        return "failed", type(error).__name__


def overall(outcomes: dict[str, Outcome]) -> str:
    """unhealthy without the database, degraded when anything else is amiss."""
    if outcomes["database"][0] == "failed":
        return "unhealthy"
    bad = {"failed", "degraded"}
    return "degraded" if any(state in bad for state, _ in outcomes.values()) else "healthy"


def day_metrics() -> dict[str, float | int | None]:
    """Success rate, average latency in milliseconds and tickets of the last 24 hours."""
    since = timezone.now() - timedelta(hours=24)
    rows = WorkflowRun.objects.filter(purpose=Purpose.TRIAGE, created_at__gte=since)
    figures = rows.aggregate(
        done=Count("pk", filter=Q(state=RunState.COMPLETED)),
        stuck=Count("pk", filter=Q(state=RunState.STUCK)),
        latency=Avg("duration_ms", filter=Q(state=RunState.COMPLETED)),
    )
    ended = figures["done"] + figures["stuck"]
    return {
        "success_rate_24h": round(figures["done"] / ended, 4) if ended else None,
        "avg_latency_24h": round(figures["latency"], 1) if figures["latency"] is not None else None,
        "tickets_processed_24h": figures["done"],
    }
