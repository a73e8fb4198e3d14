"""Asking language models about labelled texts: how they answer, what it costs, what fails (C25)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Final

import structlog
from django.conf import settings
from django.utils import timezone

from classifier.choices import CallPurpose, ProviderStep, StepStatus
from classifier.engine.evaluation import Evaluation, evaluation_of, latency_of
from classifier.engine.guard import guard
from classifier.engine.local import LocalEngine
from classifier.engine.paired import Labelled
from classifier.engine.types import Prediction, TriageInput
from classifier.llm.config import ProviderConfig
from classifier.llm.tokens import estimate_messages
from classifier.llm.types import Departure, FailureKind, LlmError, Settlement
from classifier.selectors.prompts import ChosenPrompt
from classifier.services.context import triage_context
from classifier.services.language import Asking, llm_maker
from classifier.services.llm import LedgerRows, chain_with, models_with
from classifier.services.providers import provider_chain
from classifier.steps.context import MakeLlm, TriageContext
from classifier.steps.job import TriageJob
from classifier.steps.judge import Answers, judge
from classifier.steps.record import StepLog
from common.exceptions import NotAllowed, NotFound, ValidationFailed
from teams.models import Client
from ticketing.models import Category, Taxonomy

logger = structlog.get_logger(__name__)

_LATER: Final = frozenset({FailureKind.RATE_LIMITED, FailureKind.THROTTLED, FailureKind.BREAKER_OPEN})
"""Failures that pass when the model is left alone for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """In whose name language models are asked: whose models, permission, examples and budgets count.

    ``prompt`` is used for every text instead of the one a ticket would draw. ``budget`` is in dollars and
    bounds this evaluation alone, ``limit`` is the most texts judged. ``patience_seconds`` is waited, once a
    text, where a model wants to be left alone.
    """

    client: Client
    prompt: ChosenPrompt | None = None
    budget: Decimal | None = None
    limit: int | None = None
    patience_seconds: float = 0.0

    @property
    def prompt_version(self) -> str:
        """The name of the one prompt; empty where each text draws its own."""
        return self.prompt.prompt.version if self.prompt else ""


@dataclass(slots=True)
class Spending:
    """What asking took. ``failures`` counts texts by kind: they are no answers, so no wrong ones either.

    ``kept_home`` are texts of categories that may not leave the house, ``not_reached`` those that were left
    when the money was spent; ``cost`` is in dollars. ``unsettled`` is what calls that timed out may have cost
    besides: whoever hangs up is charged and not told.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    unsettled: Decimal = Decimal(0)
    texts: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    kept_home: int = 0
    not_reached: int = 0
    stopped: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and text."""
        return {**asdict(self), "cost": float(self.cost), "unsettled": float(self.unsettled)}


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What came of one text: an answer (None: the engine has none), or the kind of failure.

    ``counts`` is False where nobody was asked, because the text stays in the house.
    """

    prediction: Prediction | None = None
    failure: str = ""
    is_kept_home: bool = False
    counts: bool = True


class _Purse:
    """The ledger of an evaluation: keeps and counts every call; none leaves that may cost too much."""

    def __init__(self, budget: Decimal | None, configs: Iterable[ProviderConfig]) -> None:
        self._rows = LedgerRows(CallPurpose.EVALUATION)
        self._budget = budget
        self._configs = {(config.name, config.model, config.credential): config for config in configs}
        self._held: dict[int, Decimal] = {}
        self.is_spent = False
        self.spending = Spending()

    def left(self, departure: Departure) -> None:
        """Set aside what the call may cost at most. Raises LlmError where that is more than is left."""
        config = self._configs[departure.provider, departure.model, departure.credential]
        worst = config.cost(estimate_messages(departure.messages), config.max_tokens)
        spent = self.spending.cost + self.spending.unsettled
        committed = spent + sum(self._held.values(), Decimal(0)) + worst
        if self._budget is not None and worst and committed > self._budget:
            self.is_spent = True
            raise LlmError(FailureKind.BUDGET_SPENT, "The budget of this evaluation is spent.")
        self._rows.left(departure)
        self._held[id(departure)] = worst
        self.spending.calls += 1

    def settled(self, settlement: Settlement) -> None:
        """Replace what was set aside by what it cost."""
        self._rows.settled(settlement)
        held = self._held.pop(id(settlement.departure), Decimal(0))
        if settlement.kind is FailureKind.TIMEOUT:
            self.spending.unsettled += held
        self.spending.cost += settlement.cost
        self.spending.tokens_in += settlement.usage.input_tokens
        self.spending.tokens_out += settlement.usage.output_tokens

    @property
    def unpriced(self) -> list[str]:
        """Models whose cost nobody knows: no budget can stop them."""
        return sorted({c.model for c in self._configs.values() if not (c.price_input or c.price_output)})


class AskedModels:
    """The language models of one client, ready to be asked about labelled texts.

    ``alone`` asks the first tier about every text; otherwise the cascade is asked, as for a live ticket.
    Raises NotFound for another client's taxonomy, ValidationFailed where no model may be asked.
    """

    def __init__(self, *, taxonomy: Taxonomy, payer: Payer, alone: bool) -> None:
        if taxonomy.client_id not in {None, payer.client.pk}:
            raise NotFound("There is no such taxonomy.")
        self._payer, self._is_alone = payer, alone
        chain = provider_chain(client_id=payer.client.pk, step=ProviderStep.TRIAGE)
        self._purse = _Purse(payer.budget, (*chain.primary, *chain.advanced))
        self._context, self._make = self._ready(taxonomy)
        home = Category.objects.filter(taxonomy=taxonomy, allow_external_llm=False)
        self._home = frozenset(home.values_list("slug", flat=True))

    @property
    def local(self) -> LocalEngine | None:
        """The local engine in use, where the client's tickets have one."""
        return self._context.local

    @property
    def protocol(self) -> str:
        """In whose name and with which words models are asked, and which no budget holds."""
        name = self._payer.client.name
        sentences = [f"Models are asked in the name of {name}; no near-copy of a text is its example."]
        if self._payer.prompt_version:
            sentences.append(f"The prompt is {self._payer.prompt_version}.")
        if self._payer.budget is not None and self._purse.unpriced:
            sentences.append(f"No budget holds {', '.join(self._purse.unpriced)}, which has no price.")
        return " ".join(sentences)

    def _ready(self, taxonomy: Taxonomy) -> tuple[TriageContext, MakeLlm]:
        """What live tickets are judged with, but nothing from the cache and no near-copy as an example."""
        client = self._payer.client
        context = triage_context(client=client, taxonomy=taxonomy)
        asking = Asking(
            # One stack for all texts, as in daily work: each has a pool of connections.
            first=lru_cache(maxsize=4)(partial(models_with, ledger=self._purse)),
            then=lru_cache(maxsize=4)(partial(chain_with, ledger=self._purse)),
            shows_copies=False,
        )
        maker = llm_maker(
            client=client,
            taxonomy_id=taxonomy.pk,
            spec=context.spec,
            prompt=self._payer.prompt,
            asking=asking,
        )
        if maker is None or context.make_llm is None or not context.ai_classification:
            raise ValidationFailed(f"No language model may be asked for {client.name}.")
        return context, maker

    def evaluate(
        self, cases: Iterable[tuple[Labelled, LocalEngine | None]], count: int
    ) -> tuple[Evaluation, Spending]:
        """Ask about each text once, with the local engine that may answer it; ``count`` texts are planned.

        Texts about which every model failed are counted apart. Raises NotAllowed where the client's texts
        may not leave the house, ValidationFailed where nothing was answered.
        """
        judged: list[Labelled] = []
        found: list[Prediction | None] = []
        milliseconds: list[float] = []
        failures: Counter[str] = Counter()
        for place, (case, local) in enumerate(cases):
            attempt, took = self._asked(case, local)
            spending = self._purse.spending
            if self._purse.is_spent or attempt.failure == FailureKind.BUDGET_SPENT:
                spending.stopped = self._why_stopped()
                spending.not_reached = count - place
                break
            spending.kept_home += attempt.is_kept_home
            if attempt.failure:
                failures[attempt.failure] += 1
            elif attempt.counts:
                judged.append(case)
                found.append(attempt.prediction)
                milliseconds.append(took)
        spending = self._purse.spending
        spending.failures = dict(failures)
        return _measured(judged, found, milliseconds, spending), spending

    def _why_stopped(self) -> str:
        if self._purse.is_spent:
            return f"the next call might have exceeded the budget of ${self._payer.budget}"
        return "the budget of the client or of the credential is spent"

    def _asked(self, case: Labelled, local: LocalEngine | None) -> tuple[_Attempt, float]:
        """One text's answer and the milliseconds it took; a second try where the model wanted a pause."""
        ask = self._alone if self._is_alone else self._in_cascade
        before = self._purse.spending.calls
        attempt, took = _timed(ask, case, local)
        if attempt.failure in _LATER and self._payer.patience_seconds:
            time.sleep(self._payer.patience_seconds)
            attempt, took = _timed(ask, case, local)
        if attempt.failure == FailureKind.BLOCKED_BY_CLIENT:
            raise NotAllowed(f"{self._payer.client.name} does not allow external language models.")
        self._purse.spending.texts += self._purse.spending.calls > before
        return attempt, took

    def _alone(self, case: Labelled, local: LocalEngine | None) -> _Attempt:
        """The first tier's answer, whoever else would have been sure."""
        seen = TriageInput(body=guard(case.text).text)
        guess = local.predict([seen])[0].get("category") if local else None
        if self._home & {case.label, guess.value if guess else ""}:
            return _Attempt(is_kept_home=True, counts=False)
        outcome = self._make(settings.WORKFLOW_TIMEOUT_SECONDS, "", seen).primary.triage(seen)
        if outcome.error is not None:
            return _Attempt(failure=outcome.error.kind.value)
        return _Attempt(outcome.trusted.get("category"))

    def _in_cascade(self, case: Labelled, local: LocalEngine | None) -> _Attempt:
        """The answer a live ticket would get: a model is asked only where the local engine is unsure."""
        seen = TriageInput(body=guard(case.text).text)
        context = replace(
            self._context, local=local, make_llm=None if case.label in self._home else self._make
        )
        predicted = local.predict([seen])[0] if local else {}
        job = TriageJob(
            subject="", body=seen.body, now=timezone.now(), llm_seconds=settings.WORKFLOW_TIMEOUT_SECONDS
        )
        log = StepLog()
        answers = Answers(rules=context.rules.analyse(seen), local=predicted)
        category = judge(job=job, seen=seen, context=context, answers=answers, log=log).predictions.get(
            "category"
        )
        records = [record for record in log.records if record.engine == "llm"]
        failed = [r for r in records if r.status in {StepStatus.DEGRADED, StepStatus.FAILED}]
        if failed and not any(r.status == StepStatus.COMPLETED and r.model for r in records):
            return _Attempt(failure=failed[0].error_kind)
        skipped = any(record.status == StepStatus.SKIPPED for record in records)
        return _Attempt(category, is_kept_home=skipped or case.label in self._home)


def _timed(
    ask: Callable[[Labelled, LocalEngine | None], _Attempt], case: Labelled, local: LocalEngine | None
) -> tuple[_Attempt, float]:
    started = time.perf_counter()
    attempt = ask(case, local)
    return attempt, (time.perf_counter() - started) * 1000


def _measured(
    judged: Sequence[Labelled],
    found: Sequence[Prediction | None],
    milliseconds: Sequence[float],
    spending: Spending,
) -> Evaluation:
    """Raises ValidationFailed where there is no answer to measure."""
    if not judged:
        reasons = [f"{count} × {kind}" for kind, count in spending.failures.items()]
        if spending.kept_home:
            reasons.append(f"{spending.kept_home} texts stay in the house")
        if spending.stopped:
            reasons.append(spending.stopped)
        raise ValidationFailed(f"Nothing was answered: {', '.join(reasons) or 'there is no text'}.")
    return evaluation_of(judged, found, latency_of(milliseconds))
