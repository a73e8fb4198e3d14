"""What a run keeps of each step: status, engine, duration, redacted input and output, error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import structlog

from classifier.choices import StepStatus
from classifier.engine.redaction import scrub

T = TypeVar("T")
logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class StepRecord:
    """One step as it will be stored: no personal data; costs in the budget's currency."""

    position: int
    name: str
    engine: str = ""
    status: str = StepStatus.COMPLETED
    model: str = ""
    prompt_version: str = ""
    input: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    duration_ms: int = 0
    error_kind: str = ""
    error: str = ""

    def degrade(self, kind: str, message: str) -> None:
        """Note that the step gave less than it should; the run goes on with what there is."""
        self.status = StepStatus.DEGRADED
        self.error_kind, self.error = kind[:40], scrub(message)

    def skip(self, reason: str) -> None:
        """Note that the step was not needed or is switched off."""
        self.status = StepStatus.SKIPPED
        self.output = {"reason": reason}


class StepLog:
    """Runs steps and keeps their records; safe to use from the threads of one run."""

    def __init__(self) -> None:
        self._records: list[StepRecord] = []
        self._lock = threading.Lock()

    @property
    def records(self) -> list[StepRecord]:
        """The records in the order in which the steps were begun."""
        return sorted(self._records, key=lambda record: record.position)

    @property
    def degraded(self) -> list[str]:
        """Names of the steps that failed or fell back."""
        bad = {StepStatus.DEGRADED, StepStatus.FAILED}
        return [record.name for record in self.records if record.status in bad]

    def begin(self, name: str, *, engine: str = "", given: Mapping[str, Any] | None = None) -> StepRecord:
        """Open a record; ``given`` is the input worth keeping, without personal data."""
        with self._lock:
            record = StepRecord(len(self._records) + 1, name, engine, input=dict(given or {}))
            self._records.append(record)
        return record

    def run(
        self, record: StepRecord, work: Callable[[StepRecord], T], *, fallback: T, wanted: bool = True
    ) -> T:
        """Do one step; a step that fails is recorded and answered by its fallback (C1)."""
        if not wanted:
            record.skip("Not needed.")
            return fallback
        started = time.perf_counter()
        try:
            return work(record)
        except Exception as error:
            logger.exception("step_failed", step=record.name)
            record.status = StepStatus.FAILED
            record.error_kind, record.error = type(error).__name__[:40], scrub(str(error))[:500]
            return fallback
        finally:
            record.duration_ms = round((time.perf_counter() - started) * 1000)
