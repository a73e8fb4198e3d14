"""What triage of one client needs at hand: taxonomy, engines, thresholds, field patterns."""

from __future__ import annotations

import json
from functools import lru_cache

from django.conf import settings
from django.db import connection

from classifier.engine.custom_fields import CustomField
from classifier.engine.extraction import Extractor
from classifier.engine.rules import RulesEngine
from classifier.engine.thresholds import Thresholds
from classifier.engine.types import CategorySpec, TaxonomySpec
from classifier.services.language import llm_maker
from classifier.services.local_models import local_engine
from classifier.steps.context import TriageContext
from common.memory import ShortMemory
from teams.models import Client
from teams.selectors import flags_enabled
from ticketing.models import Category, ClientSettings, Project, Taxonomy

FIELD_ACCEPT = {"severity": 0.6, "sentiment": 0.5, "root_cause": 0.5, "language": 0.5}
"""Accept bounds of fields whose mistakes cost little; category and team keep the general one.

A ticket without a severity has no promise to keep, so a likely severity is better than none.
"""

_FLAGS = ("ENABLE_ENGINE_LOCAL", "ENABLE_ENGINE_LLM", "ENABLE_AI_CLASSIFICATION", "ENABLE_AI_EXTRACTION")


_contexts: ShortMemory[TriageContext] = ShortMemory()


def triage_context(*, client: Client, taxonomy: Taxonomy | None = None) -> TriageContext:
    """The context of a client, for its own taxonomy unless another is named; seconds old at most.

    Whether texts may leave the house is not part of it: that is asked anew before every call.
    """
    key = (str(connection.settings_dict["NAME"]), client.pk, taxonomy.pk if taxonomy else None)
    return _contexts.get(key, lambda: _collect(client, taxonomy))


def _collect(client: Client, taxonomy: Taxonomy | None) -> TriageContext:
    own = client.ticketing_settings
    taxonomy = taxonomy or own.taxonomy
    rows = list(
        taxonomy.categories.filter(is_active=True)
        .prefetch_related("custom_fields")
        .order_by("position", "pk")
    )
    spec = taxonomy_spec(taxonomy=taxonomy, categories=rows)
    on = flags_enabled(*_FLAGS, client_id=client.pk)
    local = local_engine(taxonomy_id=taxonomy.pk) if on["ENABLE_ENGINE_LOCAL"] else None
    maker = llm_maker(client=client, taxonomy_id=taxonomy.pk, spec=spec) if on["ENABLE_ENGINE_LLM"] else None
    thresholds = _thresholds(own, rows)
    return TriageContext(
        client=client,
        settings=own,
        taxonomy=taxonomy,
        spec=spec,
        categories={row.slug: row for row in rows},
        rules=_rules_engine(_spec_key(spec)),
        local=local,
        extractor=_extractor(client, spec, rows),
        custom_names={row.slug: frozenset(f.name for f in row.custom_fields.all()) for row in rows},
        thresholds=thresholds,
        make_llm=maker,
        ai_classification=on["ENABLE_AI_CLASSIFICATION"],
        ai_extraction=on["ENABLE_AI_EXTRACTION"],
    )


def taxonomy_spec(*, taxonomy: Taxonomy, categories: list[Category]) -> TaxonomySpec:
    """The taxonomy in the form the engines read."""
    return TaxonomySpec(
        slug=taxonomy.slug,
        categories=tuple(
            CategorySpec(
                slug=row.slug,
                name=row.name,
                description=row.description,
                keywords=tuple(row.keywords),
                required_fields=tuple(row.required_fields),
                accept_threshold=row.accept_threshold,
            )
            for row in categories
        ),
        severity_indicators={level: tuple(words) for level, words in taxonomy.severity_indicators.items()},
    )


def _spec_key(spec: TaxonomySpec) -> str:
    """Everything the rules depend on, as a key: an edited category makes a new engine."""
    categories = [[c.slug, c.name, c.description, list(c.keywords)] for c in spec.categories]
    indicators = {level: list(words) for level, words in spec.severity_indicators.items()}
    return json.dumps([spec.slug, categories, indicators], sort_keys=True)


@lru_cache(maxsize=32)
def _rules_engine(key: str) -> RulesEngine:
    """Building the phrase index costs milliseconds; it is shared until a category changes."""
    slug, categories, indicators = json.loads(key)
    specs = tuple(CategorySpec(c[0], c[1], c[2], tuple(c[3])) for c in categories)
    words = {level: tuple(phrases) for level, phrases in indicators.items()}
    return RulesEngine(TaxonomySpec(slug, specs, words))


def _extractor(client: Client, spec: TaxonomySpec, rows: list[Category]) -> Extractor:
    customs = [
        CustomField(name=field.name, pattern=field.pattern, validator=field.validator)
        for row in rows
        for field in row.custom_fields.all()
    ]
    products = tuple(
        Project.objects.filter(client=client, is_active=True).values_list("name", flat=True)[:200]
    )
    return Extractor(
        custom_fields=tuple(customs), products=products, severity_indicators=spec.severity_indicators
    )


def _thresholds(own: ClientSettings, rows: list[Category]) -> Thresholds:
    """Defaults from the environment, then the client's, then each category's own."""
    accept = own.accept_threshold if own.accept_threshold is not None else settings.AI_ACCEPT_THRESHOLD
    suggest = own.suggest_threshold if own.suggest_threshold is not None else settings.AI_CONFIDENCE_THRESHOLD
    per_category = {row.slug: row.accept_threshold for row in rows if row.accept_threshold is not None}
    per_field = {name: min(bound, accept) for name, bound in FIELD_ACCEPT.items()}
    return Thresholds(
        accept=accept, suggest=min(suggest, accept), per_field=per_field, per_category=per_category
    )
