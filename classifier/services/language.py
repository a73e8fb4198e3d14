"""Language models made ready for one client's tickets: models, prompt, examples, earned confidence."""

from __future__ import annotations

from collections.abc import Callable

from classifier.choices import ProviderStep
from classifier.engine.types import TaxonomySpec, TriageInput
from classifier.llm.config import ProviderConfig
from classifier.llm.engine import LlmEngine
from classifier.selectors.llm_outcomes import confidence_maps
from classifier.selectors.prompts import prompt_choose
from classifier.services.llm import llm_client, marker_secret
from classifier.services.providers import layer_settings, provider_chain
from classifier.steps.context import LlmEngines, MakeLlm
from teams.models import Client


def llm_maker(*, client: Client, spec: TaxonomySpec) -> MakeLlm | None:
    """What makes the engines of one ticket, from the seconds left, its reference and its text.

    None where nothing may be asked.
    """
    chain = provider_chain(client_id=client.pk, step=ProviderStep.TRIAGE)
    if not chain.primary:
        return None

    def make(seconds: float, reference: str, item: TriageInput) -> LlmEngines:
        build = _builder(client, spec, seconds, reference, item)
        return LlmEngines(build(chain.primary), build(chain.advanced) if chain.advanced else None)

    return make


def _builder(
    client: Client, spec: TaxonomySpec, seconds: float, reference: str, item: TriageInput
) -> Callable[[tuple[ProviderConfig, ...]], LlmEngine]:
    """Both tiers read the same prompt; only the models differ."""
    chosen = prompt_choose(client_id=client.pk, item=item, key=reference or item.text)

    def build(configs: tuple[ProviderConfig, ...]) -> LlmEngine:
        longest = max([layer_settings().total_seconds, *(config.timeout_seconds for config in configs)])
        return LlmEngine(
            llm_client(configs),
            spec,
            client=str(client.pk),
            deadline_seconds=min(seconds, longest),
            reference=reference,
            prompt=chosen.prompt,
            marker_secret=marker_secret(),
            earned=lambda model, version: confidence_maps(model=model, prompt_version=version),
        )

    return build
