"""Language models made ready for one client's tickets: models, prompt, examples, earned confidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from classifier.choices import ProviderStep
from classifier.engine.copies import is_copy
from classifier.engine.redaction import redact
from classifier.engine.types import TaxonomySpec, TriageInput
from classifier.llm.config import ProviderConfig
from classifier.llm.engine import LlmEngine
from classifier.llm.fused import Example
from classifier.llm.types import Asker
from classifier.selectors.llm_outcomes import confidence_maps
from classifier.selectors.neighbours import nearest_confirmed
from classifier.selectors.prompts import ChosenPrompt, prompt_choose
from classifier.services.examples import hash_of
from classifier.services.llm import llm_client, marker_secret, triage_models
from classifier.services.providers import layer_settings, provider_chain
from classifier.services.spaces import text_of_ticket
from classifier.steps.context import LlmEngines, MakeLlm
from teams.models import Client

_COPIES_LOOKED_PAST: Final = 20
"""So many near-copies of a text at most are passed over to find examples that are none."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How the models of both tiers are reached, and whether near-copies of a text may be its examples."""

    first: Callable[[tuple[ProviderConfig, ...]], Asker] = triage_models
    then: Callable[[tuple[ProviderConfig, ...]], Asker] = llm_client
    shows_copies: bool = True


DAILY: Final = Asking()


def llm_maker(
    *,
    client: Client,
    taxonomy_id: int,
    spec: TaxonomySpec,
    prompt: ChosenPrompt | None = None,
    prepared: Mapping[str, Asker] | None = None,
    asking: Asking = DAILY,
) -> MakeLlm | None:
    """What makes the engines of one ticket, from the seconds left, its reference and its text.

    None where nothing may be asked. ``prompt`` is used for every ticket instead of the drawn one.
    ``prepared`` holds, by reference, what answers for tickets that were asked about together before.
    """
    ready = prepared or {}
    chain = provider_chain(client_id=client.pk, step=ProviderStep.TRIAGE)
    if not chain.primary:
        return None

    def make(seconds: float, reference: str, item: TriageInput) -> LlmEngines:
        chosen = prompt or prompt_choose(client_id=client.pk, item=item, key=reference or item.text)
        count = chosen.examples
        answered = ready.get(reference)
        examples: list[Example] = []
        if not answered:
            examples = few_shot(
                client=client,
                taxonomy_id=taxonomy_id,
                item=item,
                count=count,
                with_copies=asking.shows_copies,
            )

        def build(configs: tuple[ProviderConfig, ...], models: Asker) -> LlmEngine:
            """Both tiers read the same prompt and examples; only the models differ."""
            longest = max([layer_settings().total_seconds, *(c.timeout_seconds for c in configs)])
            return LlmEngine(
                models,
                spec,
                client=str(client.pk),
                deadline_seconds=min(seconds, longest),
                reference=reference,
                prompt=chosen.prompt,
                marker_secret=marker_secret(),
                find_examples=lambda _: examples,
                earned=lambda model, version: confidence_maps(
                    client_id=client.pk, taxonomy_id=taxonomy_id, model=model, prompt_version=version
                ),
            )

        primary = build(chain.primary, answered or asking.first(chain.primary))
        if not chain.advanced:
            return LlmEngines(primary)
        return LlmEngines(primary, build(chain.advanced, asking.then(chain.advanced)))

    return make


def few_shot(
    *, client: Client, taxonomy_id: int, item: TriageInput, count: int, with_copies: bool = True
) -> list[Example]:
    """The confirmed examples nearest to a text, of the client and the shared ones, never another client's.

    Examples of a category that keeps its texts in the house stay there. A ticket that is judged again is an
    example by now, and must not be told its own answer; without copies nor by one that is nearly the same,
    which in daily work is the best example there is and in an evaluation gives the label away.
    """
    if not count:
        return []
    texts = [redact(text).text for text in (item.body, item.text)]
    own = {hash_of(text) for text in texts}
    more = 1 if with_copies else _COPIES_LOOKED_PAST
    nearest = nearest_confirmed(
        client=client,
        taxonomy_id=taxonomy_id,
        # As its vector is made, so that the ticket has one vector and not two.
        text=text_of_ticket(item.subject, item.body),
        k=count + more,
        leaving=True,
    )
    others = [row for row in nearest if hash_of(row.text) not in own]
    if not with_copies:
        others = [row for row in others if not any(is_copy(text, row.text) for text in texts)]
    return [Example(row.text, row.category) for row in others[:count]]
