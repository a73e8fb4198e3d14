"""The innermost layer: the departure is recorded, then the adapter runs against the wall clock."""

from __future__ import annotations

from classifier.llm.adapter import Adapter
from classifier.llm.deadline import DeadlineExceededError, run_with_deadline
from classifier.llm.types import Completion, FailureKind, LlmError, LlmRequest, ParsedT


class DeadlineGuard:
    """Runs an adapter and leaves it behind when its time is over. The size cap sits in the wire."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter

    def send(self, request: LlmRequest[ParsedT]) -> Completion[ParsedT]:
        """Check, record the departure, send.

        Raises:
            LlmError: deadline_spent before anything left, timeout after.
        """
        config = self._adapter.config
        self._adapter.preflight(request.messages)
        deadline = request.deadline.within(config.timeout_seconds)
        if deadline.expired:
            raise LlmError(FailureKind.DEADLINE_SPENT, "No time is left to ask the provider.")
        if request.on_leave is not None:
            request.on_leave()
        try:
            return run_with_deadline(lambda: self._adapter.send(request), deadline)
        except DeadlineExceededError as error:
            raise LlmError(FailureKind.TIMEOUT, str(error)) from error
