"""Figures of triage that are watched (S7): the last hour, and what waits now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Avg, Count, Q, Sum

from classifier.choices import CallPurpose, Purpose, RunState
from classifier.models import LlmCall, WorkflowRun
from common.registries import Indicator, Reading, indicators

_HOUR = timedelta(hours=1)
_RUNS, _CALLS = 20, 20
_P95 = 0.95
_P95_OVER_MEAN = 1.5
_GOOD = 0.99


def _ended(now: datetime) -> Any:
    return WorkflowRun.objects.filter(
        purpose=Purpose.TRIAGE,
        state__in=[RunState.COMPLETED, RunState.STUCK],
        finished_at__gte=now - _HOUR,
        finished_at__lte=now,
    )


def _share(now: datetime, state: str) -> list[Reading]:
    counts = _ended(now).aggregate(all=Count("pk"), these=Count("pk", filter=Q(state=state)))
    return [Reading(counts["these"] / counts["all"] if counts["all"] else 0, counts["all"])]


def success_rate(now: datetime) -> list[Reading]:
    """Of the runs that ended, the share that was completed."""
    return _share(now, RunState.COMPLETED)


def failure_rate(now: datetime) -> list[Reading]:
    """Of the runs that ended, the share that needs a person."""
    return _share(now, RunState.STUCK)


def _timed(now: datetime) -> Any:
    return _ended(now).filter(state=RunState.COMPLETED, duration_ms__isnull=False)


def mean_seconds(now: datetime) -> list[Reading]:
    """The mean duration of a completed run."""
    found = _timed(now).aggregate(mean=Avg("duration_ms"), count=Count("pk"))
    return [Reading((found["mean"] or 0) / 1000, found["count"])]


def p95_seconds(now: datetime) -> list[Reading]:
    """The duration that 95 % of the completed runs stay within."""
    rows = _timed(now).order_by("duration_ms").values_list("duration_ms", flat=True)
    count = rows.count()
    value = rows[min(int(_P95 * count), count - 1)] if count else 0
    return [Reading(value / 1000, count)]


def llm_failure_rate(now: datetime) -> list[Reading]:
    """Of the calls of daily work, the share that brought no usable answer; a trial may fail without alarm."""
    rows = LlmCall.objects.filter(created_at__gte=now - _HOUR, created_at__lte=now, purpose=CallPurpose.WORK)
    found = rows.aggregate(all=Count("pk"), bad=Count("pk", filter=~Q(outcome="ok")))
    return [Reading(found["bad"] / found["all"] if found["all"] else 0, found["all"])]


def queue_depth(now: datetime) -> list[Reading]:
    """Runs that are due and that nobody has begun."""
    return [Reading(WorkflowRun.objects.filter(state=RunState.PENDING, next_at__lte=now).count())]


def cost_per_ticket(now: datetime) -> list[Reading]:
    """Dollars for language models a completed run."""
    found = _ended(now).filter(state=RunState.COMPLETED).aggregate(spent=Sum("cost"), count=Count("pk"))
    return [Reading(float(found["spent"] or 0) / found["count"] if found["count"] else 0, found["count"])]


def register() -> None:
    """Fill the slots; called once when the app is ready."""
    watched = {
        "success_rate": Indicator(
            "The success rate of triage",
            success_rate,
            lambda: _GOOD,
            direction="below",
            unit="share",
            sample=50,
        ),
        "failure_rate": Indicator(
            "The failure rate of triage",
            failure_rate,
            lambda: settings.ALERT_ON_FAILURE_RATE,
            severity="critical",
            unit="share",
            sample=_RUNS,
        ),
        "mean_latency": Indicator(
            "The mean duration of triage",
            mean_seconds,
            lambda: settings.ALERT_ON_SLOW_PROCESSING,
            unit="s",
            sample=_RUNS,
        ),
        "p95_latency": Indicator(
            "The 95th percentile of triage's duration",
            p95_seconds,
            lambda: settings.ALERT_ON_SLOW_PROCESSING * _P95_OVER_MEAN,
            unit="s",
            sample=_RUNS,
        ),
        "llm_failures": Indicator(
            "The failure rate of language models",
            llm_failure_rate,
            lambda: settings.ALERT_ON_LLM_FAILURE_RATE,
            unit="share",
            sample=_CALLS,
        ),
        "queue_depth": Indicator(
            "The number of runs that wait", queue_depth, lambda: settings.ALERT_ON_QUEUE_DEPTH
        ),
        "cost_per_ticket": Indicator(
            "The cost of a ticket",
            cost_per_ticket,
            lambda: settings.ALERT_ON_COST_PER_TICKET,
            unit="$",
            sample=10,
        ),
    }
    for name, indicator in watched.items():
        indicators.register(name, indicator)
