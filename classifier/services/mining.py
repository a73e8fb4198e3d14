"""Rules proposed from what people confirmed, adopted with one click (C29)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext

from classifier.choices import ExampleSource, ProposalKind, ProposalState
from classifier.engine.copies import last_of_each
from classifier.engine.mining import MinedPhrase, mine_phrases
from classifier.engine.phrases import words_of
from classifier.models import LabelledExample, RuleProposal
from common.actors import Actor
from common.exceptions import Conflict
from teams.models import Client, Team
from ticketing.models import Category, RoutingRule, Taxonomy
from ticketing.services.reference import category_save, rule_save

_LEAST_EXAMPLES: Final = 40
_ORDER: Final = 50
"""Before the shipped rules, which begin at a hundred: what people's labels say is more particular."""


def rules_mine(*, client: Client) -> list[RuleProposal]:
    """Propose what the client's confirmed tickets show, and renew the figures of what is proposed already.

    Only labels of people count, and near copies of a text count once: a form or a campaign sent fifty times
    is one thing somebody said. What was adopted or dismissed is not proposed again.
    """
    taxonomy = client.ticketing_settings.taxonomy
    rows = list(
        LabelledExample.objects.filter(client=client, taxonomy=taxonomy, is_active=True)
        .exclude(source=ExampleSource.STARTER)
        .order_by("pk")
        .values_list("text", "category__slug", "team_slug")
    )
    rows = [rows[place] for place in last_of_each([row[0] for row in rows])]
    if len(rows) < _LEAST_EXAMPLES:
        return []
    texts = [row[0] for row in rows]
    categories = {row.slug: row for row in taxonomy.categories.filter(is_active=True)}
    known = {slug: {_folded(word) for word in row.keywords} for slug, row in categories.items()}
    proposals = [
        _propose(client, taxonomy, ProposalKind.KEYWORD, item, category=categories[item.label])
        for item in mine_phrases(texts, [row[1] for row in rows], known=known)
        if item.label in categories
    ]
    return proposals + _team_proposals(client, taxonomy, rows, categories)


def _team_proposals(
    client: Client, taxonomy: Taxonomy, rows: list[Any], categories: dict[str, Category]
) -> list[RuleProposal]:
    """Phrases whose tickets people give to another team than the category's own."""
    default = {slug: row.default_team.slug if row.default_team else "" for slug, row in categories.items()}
    labels = [team if team and team != default.get(category, "") else "" for _, category, team in rows]
    teams = {team.slug: team for team in Team.objects.for_client(client.pk)}
    return [
        _propose(client, taxonomy, ProposalKind.ROUTING, item, team=teams[item.label])
        for item in mine_phrases([row[0] for row in rows], labels)
        if item.label in teams
    ]


def _folded(text: str) -> str:
    return " ".join(word.form for word in words_of(text))


def _propose(
    client: Client, taxonomy: Taxonomy, kind: ProposalKind, item: MinedPhrase, **outcome: Any
) -> RuleProposal:
    figures = {"support": item.support, "right": item.right, "bound": item.bound}
    proposal, created = RuleProposal.objects.get_or_create(
        client=client,
        taxonomy=taxonomy,
        kind=kind,
        phrase=item.phrase[:120],
        defaults={**figures, "category": None, "team": None, **outcome},
    )
    if not created and proposal.state == ProposalState.PROPOSED:
        RuleProposal.objects.filter(pk=proposal.pk).update(**figures, **outcome, updated_at=timezone.now())
        proposal.refresh_from_db()
    return proposal


@transaction.atomic
def proposal_adopt(*, proposal: RuleProposal, actor: Actor) -> RuleProposal:
    """Make the rule: a keyword of the category, or a routing rule of the client.

    Raises Conflict when it was decided before, NotAllowed for a taxonomy that serves other clients too.
    """
    locked = _locked(proposal)
    if locked.kind == ProposalKind.KEYWORD and locked.category is not None:
        # Read under its lock: two adoptions at once must not lose one of the words.
        category = Category.objects.select_for_update(of=("self",), no_key=True).get(pk=locked.category.pk)
        words = list(dict.fromkeys([*category.keywords, locked.phrase]))
        category_save(category=category, values={"keywords": words}, actor=actor)
    elif locked.team is not None:
        name = f"“{locked.phrase}” to {locked.team.name}"
        rule = RoutingRule(client=locked.client, slug=slugify(f"mined-{locked.pk}-{locked.phrase}")[:80])
        values = {
            "name": name[:160],
            "order": _ORDER,
            "taxonomy": locked.taxonomy,
            "team": locked.team,
            "conditions": {"keywords": [locked.phrase]},
        }
        rule_save(rule=rule, values=values, actor=actor)
    return _decide(locked, ProposalState.ADOPTED, actor, timezone.now())


@transaction.atomic
def proposal_dismiss(*, proposal: RuleProposal, actor: Actor) -> RuleProposal:
    """Propose it never again. Raises Conflict when it was decided before."""
    return _decide(_locked(proposal), ProposalState.DISMISSED, actor, timezone.now())


def _locked(proposal: RuleProposal) -> RuleProposal:
    rows = RuleProposal.objects.select_for_update(of=("self",), no_key=True)
    row: RuleProposal = rows.select_related("category__taxonomy", "team", "client", "taxonomy").get(
        pk=proposal.pk
    )
    if row.state != ProposalState.PROPOSED:
        raise Conflict(gettext("Somebody has decided on this proposal already."))
    return row


def _decide(row: RuleProposal, state: ProposalState, actor: Actor, now: datetime) -> RuleProposal:
    row.state, row.decided_by_id, row.decided_at = state, actor.user_id, now
    row.save(update_fields=["state", "decided_by", "decided_at", "updated_at"])
    return row
