"""Changing reference data: who may, what must fit, and whose it is (T3, T4, R2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from common.actors import Actor, Role
from common.exceptions import Conflict, NotAllowed, ValidationFailed
from teams.models import Client, Team
from teams.services.presence import team_announce
from ticketing.models import Article, Category, ClientSettings, Module, Project, RoutingRule, Taxonomy


def writes_reference(actor: Actor) -> bool:
    """Leads, administrators, and services whose key's scope was checked at the edge."""
    return actor.is_lead or actor.role is Role.SERVICE


def may_change_taxonomy(*, taxonomy: Taxonomy, actor: Actor) -> bool:
    """Administrators always; a lead for the own client's, and for a shared one nobody else uses."""
    if not writes_reference(actor):
        return False
    if actor.sees_every_client:
        return True
    if taxonomy.client_id is not None:
        return actor.may_see_client(taxonomy.client_id)
    users = set(ClientSettings.objects.filter(taxonomy=taxonomy).values_list("client_id", flat=True))
    return bool(users) and all(actor.may_see_client(client_id) for client_id in users)


def may_change_owned(*, client_id: int | None, actor: Actor) -> bool:
    """Administrators always; a lead for rows of the own clients. Shared rows serve everybody."""
    if not writes_reference(actor):
        return False
    return actor.sees_every_client or (client_id is not None and actor.may_see_client(client_id))


@transaction.atomic
def reference_save(*, row: Model, values: Mapping[str, Any]) -> Any:
    """Set the values, validate, save. Raises ValidationFailed, and Conflict where the name is taken."""
    for name, value in values.items():
        setattr(row, name, value)
    try:
        row.full_clean()
        with transaction.atomic():
            row.save()
    except ValidationError as error:
        raise ValidationFailed(fields=error.message_dict) from error
    except IntegrityError as error:
        raise Conflict(_("Something with this name already exists.")) from error
    return row


@transaction.atomic
def taxonomy_save(*, taxonomy: Taxonomy, values: Mapping[str, Any], actor: Actor) -> Taxonomy:
    """Create or change a taxonomy. Raises NotAllowed, ValidationFailed."""
    allowed = (
        may_change_taxonomy(taxonomy=taxonomy, actor=actor)
        if taxonomy.pk
        else may_change_owned(client_id=taxonomy.client_id, actor=actor)
    )
    if not allowed:
        raise NotAllowed(_("This taxonomy serves other clients too; an administrator changes it."))
    saved: Taxonomy = reference_save(row=taxonomy, values=values)
    return saved


@transaction.atomic
def category_save(*, category: Category, values: Mapping[str, Any], actor: Actor) -> Category:
    """Create or change a category. Raises NotAllowed, ValidationFailed for a team of another client."""
    if not may_change_taxonomy(taxonomy=category.taxonomy, actor=actor):
        raise NotAllowed(_("This taxonomy serves other clients too; an administrator changes it."))
    team = values.get("default_team")
    if team is not None and team.client_id not in {None, category.taxonomy.client_id}:
        raise ValidationFailed(fields={"default_team": [_("There is no such team.")]})
    saved: Category = reference_save(row=category, values=values)
    return saved


@transaction.atomic
def client_settings_save(*, row: ClientSettings, values: Mapping[str, Any], actor: Actor) -> ClientSettings:
    """Change how ticketing works for one client. Raises NotAllowed, ValidationFailed."""
    if not may_change_owned(client_id=row.client_id, actor=actor):
        raise NotAllowed
    saved: ClientSettings = reference_save(row=row, values=values)
    return saved


@transaction.atomic
def project_save(*, project: Project, values: Mapping[str, Any], actor: Actor) -> Project:
    """Create or change a project. Raises NotAllowed, ValidationFailed."""
    if not may_change_owned(client_id=project.client_id, actor=actor):
        raise NotAllowed
    saved: Project = reference_save(row=project, values=values)
    return saved


@transaction.atomic
def module_save(*, module: Module, values: Mapping[str, Any], actor: Actor) -> Module:
    """Create or change a module of a project. Raises NotAllowed, ValidationFailed."""
    if not may_change_owned(client_id=module.project.client_id, actor=actor):
        raise NotAllowed
    saved: Module = reference_save(row=module, values=values)
    return saved


@transaction.atomic
def rule_save(*, rule: RoutingRule, values: Mapping[str, Any], actor: Actor) -> RoutingRule:
    """Create or change a routing rule. Raises NotAllowed, ValidationFailed for a foreign team or taxonomy."""
    if not may_change_owned(client_id=rule.client_id, actor=actor):
        raise NotAllowed(_("Rules that serve every client are changed by an administrator."))
    for name in ("team", "taxonomy"):
        other = values.get(name)
        if other is not None and other.client_id not in {None, rule.client_id}:
            raise ValidationFailed(fields={name: [_("There is no such %(name)s.") % {"name": name}]})
    saved: RoutingRule = reference_save(row=rule, values=values)
    return saved


@transaction.atomic
def article_save(*, article: Article, values: Mapping[str, Any], actor: Actor) -> Article:
    """Create or change an article. Raises NotAllowed, ValidationFailed for a foreign category."""
    if not may_change_owned(client_id=article.client_id, actor=actor):
        raise NotAllowed(_("Articles that serve every client are changed by an administrator."))
    category = values.get("category")
    if category is not None and category.taxonomy.client_id not in {None, article.client_id}:
        raise ValidationFailed(fields={"category": [_("There is no such category.")]})
    saved: Article = reference_save(row=article, values=values)
    return saved


@transaction.atomic
def team_save(*, team: Team, values: Mapping[str, Any], actor: Actor) -> Team:
    """Create or change a team. Raises NotAllowed, ValidationFailed."""
    if not may_change_owned(client_id=team.client_id, actor=actor):
        raise NotAllowed(_("Teams that serve every client are changed by an administrator."))
    saved: Team = reference_save(row=team, values=values)
    team_announce(team=saved)
    return saved


def owner_of(*, client: Client | None, actor: Actor) -> Client | None:
    """Whose a new row is: the named client; shared only by an administrator. Raises NotAllowed."""
    if client is None and not actor.sees_every_client:
        raise NotAllowed(_("Name the client this is for."))
    return client
