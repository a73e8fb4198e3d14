"""The shared call of a bulk run: its words, its cache per ticket, and what its failure means (C10)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import structlog
from django.conf import settings
from django.core.cache import cache

from classifier.engine.redaction import redact
from classifier.engine.types import TriageInput
from classifier.llm.acceptance import Answer, accept
from classifier.llm.bulk import (
    TOKENS_AN_ANSWER,
    BulkQuestion,
    BulkTicket,
    all_alike,
    bulk_answers,
    bulk_question,
    bulk_version,
    shared_cost,
)
from classifier.llm.client import total_cost
from classifier.llm.config import ProviderConfig
from classifier.llm.deadline import Deadline
from classifier.llm.fused import Example, TriageAnswer, answer_schema
from classifier.llm.schemas import strict_schema
from classifier.llm.types import Completion, FailureClass, LlmError, Message, ParsedT, Usage
from classifier.selectors.prompts import ChosenPrompt
from classifier.services.examples import hash_of
from classifier.services.language import few_shot
from classifier.services.llm import llm_client, marker_secret
from classifier.services.providers import layer_settings
from classifier.steps.context import TriageContext

logger = structlog.get_logger(__name__)
_PLACEHOLDER: Final = re.compile(r"\[[A-Z]{2,12}_\d{1,6}\]")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a shared call said of one ticket: answers like a client that is asked about it alone."""

    outcome: Completion[TriageAnswer] | LlmError

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[ParsedT],
        *,
        client: str,
        deadline: Deadline,
        prompt_version: str = "",
        reference: str = "",
    ) -> Completion[ParsedT]:
        """Return the stored answer in the asked form, or raise the stored ``LlmError``."""
        if isinstance(self.outcome, LlmError):
            raise self.outcome
        said = self.outcome
        parsed = accept(Answer(said.raw, said.model, said.usage), schema)
        return Completion(
            parsed=parsed,
            usage=said.usage,
            model=said.model,
            provider=said.provider,
            latency_ms=said.latency_ms,
            cost=said.cost,
            raw=said.raw,
            cached=said.cached,
            repaired=said.repaired,
            prompt_version=said.prompt_version,
            placeholders=said.placeholders,
        )


def most_in_call(chain: Sequence[ProviderConfig]) -> int:
    """How many answers fit into the longest answer of every model of a chain; 0 without a model."""
    return min((config.max_tokens // TOKENS_AN_ANSWER for config in chain), default=0)


def answers_ask(
    *,
    context: TriageContext,
    chain: tuple[ProviderConfig, ...],
    chosen: ChosenPrompt,
    items: Mapping[str, TriageInput],
    guesses: Mapping[str, str],
) -> dict[str, Prepared]:
    """Ask about tickets of one client in one call; both mappings are by reference.

    A ticket is missing where nothing usable was said of it and it should be asked about alone. Where the
    model itself is in trouble every ticket gets that failure: asking ten more times would not help.
    """
    keys = {reference: _cache_key(context, chain, chosen, item) for reference, item in items.items()}
    found = {reference: _from_cache(context, keys[reference], chosen) for reference in items}
    prepared = {reference: Prepared(answer) for reference, answer in found.items() if answer is not None}
    open_items = [BulkTicket(ref, item) for ref, item in items.items() if ref not in prepared]
    if len(open_items) < 2:
        return prepared
    question = bulk_question(
        open_items,
        context.spec,
        prompt=chosen.prompt,
        secret=marker_secret(),
        examples=_examples(context, chosen, open_items),
    )
    try:
        answers = _sent(question, context, chain)
    except LlmError as error:
        return prepared | _failed(error, open_items)
    if all_alike(answers, guesses):
        logger.warning("bulk_answers_all_alike", client=context.client.slug, tickets=len(answers))
        return prepared
    for reference, answer in answers.items():
        _to_cache(keys[reference], answer)
    return prepared | {reference: Prepared(answer) for reference, answer in answers.items()}


def _sent(
    question: BulkQuestion, context: TriageContext, chain: tuple[ProviderConfig, ...]
) -> dict[str, Completion[TriageAnswer]]:
    """One call under one deadline; the ledger has a row for each ticket."""
    longest = max([layer_settings().total_seconds, *(config.timeout_seconds for config in chain)])
    completion = llm_client(chain).complete(
        question.messages,
        question.schema,
        client=str(context.client.pk),
        deadline=Deadline.after(min(settings.WORKFLOW_TIMEOUT_SECONDS, longest)),
        prompt_version=question.prompt_version,
    )
    return bulk_answers(question, completion, context.spec.slugs)


def _failed(error: LlmError, tickets: Sequence[BulkTicket]) -> dict[str, Prepared]:
    """What a failure means for each ticket: nothing where one text may be at fault, else the failure."""
    logger.warning("bulk_call_failed", kind=error.kind.value, tickets=len(tickets))
    if error.failure_class is FailureClass.TICKET:
        return {}
    return {
        ticket.reference: Prepared(
            LlmError(
                error.kind,
                error.message,
                retry_after_seconds=error.retry_after_seconds,
                cost=cost,
                provider=error.provider,
                model=error.model,
            )
        )
        for ticket, cost in zip(tickets, shared_cost(total_cost(error), len(tickets)), strict=True)
    }


def _examples(context: TriageContext, chosen: ChosenPrompt, tickets: Sequence[BulkTicket]) -> list[Example]:
    """The confirmed example nearest to each ticket, as many as a prompt shows; none is one of the tickets."""
    own = {hash_of(redact(text).text) for t in tickets for text in (t.item.body, t.item.text)}
    found: dict[str, Example] = {}
    for ticket in tickets:
        if len(found) >= chosen.examples:
            break
        for example in few_shot(
            client=context.client, taxonomy_id=context.taxonomy.pk, item=ticket.item, count=1
        ):
            if hash_of(example.text) not in own:
                found.setdefault(example.text, example)
    return list(found.values())


def _cache_key(
    context: TriageContext, chain: Sequence[ProviderConfig], chosen: ChosenPrompt, item: TriageInput
) -> str:
    """Names the question about one ticket, whoever stood beside it. Clients never share an answer."""
    identity = [
        context.client.pk,
        [config.key for config in chain],
        bulk_version(chosen.prompt),
        strict_schema(answer_schema(context.spec.slugs)),
        [[category.slug, category.name, category.description] for category in context.spec.categories],
        item.channel,
        item.file_type,
        redact(item.text).text,
    ]
    text = json.dumps(identity, sort_keys=True)
    return f"llm:bulk:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _to_cache(key: str, answer: Completion[TriageAnswer]) -> None:
    """Keep an answer that names no placeholder: in another call the same one stands for something else."""
    seconds = layer_settings().cache_seconds
    if seconds > 0 and not _PLACEHOLDER.search(answer.raw):
        stored = {"raw": answer.raw, "model": answer.model, "provider": answer.provider}
        cache.set(key, stored, seconds)


def _from_cache(context: TriageContext, key: str, chosen: ChosenPrompt) -> Completion[TriageAnswer] | None:
    """An answer given before, accepted anew: the schema in the code may have changed since."""
    stored = cache.get(key) if layer_settings().cache_seconds > 0 else None
    if not isinstance(stored, Mapping):
        return None
    raw, model = str(stored.get("raw", "")), str(stored.get("model", ""))
    try:
        parsed = accept(Answer(raw, model, None), answer_schema(context.spec.slugs))
    except LlmError:
        return None
    return Completion(
        parsed=parsed,
        usage=Usage(),
        model=model,
        provider=str(stored.get("provider", "")),
        latency_ms=0,
        cost=Decimal(0),
        raw=raw,
        cached=True,
        prompt_version=bulk_version(chosen.prompt),
    )
