"""Setting an accept bound by the precision a lead wants (C8)."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from classifier.choices import ModelState
from classifier.engine.thresholds import ThresholdChoice
from classifier.models import LocalModel
from classifier.selectors.quality import threshold_choice
from common.actors import Actor
from common.exceptions import NotFound, ValidationFailed
from ticketing.models import Category, ClientSettings
from ticketing.services.reference import category_save, client_settings_save


@transaction.atomic
def client_threshold_set(
    *, model: LocalModel, client_slug: str, precision: float, actor: Actor
) -> ClientSettings:
    """Let a client accept from the bound that keeps the precision over all categories of the model.

    The bound follows from the figures stored with the model, never from what a page sent. Raises NotFound for
    a client that is not the actor's or does not use the taxonomy, NotAllowed, ValidationFailed where no bound
    keeps the precision.
    """
    rows = ClientSettings.objects.visible_to(actor).filter(taxonomy_id=model.taxonomy_id)
    row = rows.filter(client__slug=client_slug).first()
    if row is None:
        raise NotFound
    values = {"accept_threshold": _proved(model, precision, "").threshold}
    return client_settings_save(row=row, values=values, actor=actor)


@transaction.atomic
def category_threshold_set(
    *, model: LocalModel, category_slug: str, precision: float, actor: Actor
) -> Category:
    """Let one category be accepted from the bound that keeps the precision among its own answers.

    Raises NotFound for a category that is not the actor's to see, NotAllowed for a taxonomy that serves other
    clients too, ValidationFailed where no bound keeps the precision.
    """
    rows = Category.objects.visible_to(actor).filter(taxonomy_id=model.taxonomy_id)
    category = rows.filter(slug=category_slug).select_related("taxonomy").first()
    if category is None:
        raise NotFound
    values = {"accept_threshold": _proved(model, precision, category_slug).threshold}
    return category_save(category=category, values=values, actor=actor)


def _proved(model: LocalModel, precision: float, value: str) -> ThresholdChoice:
    if model.field != "category":
        raise ValidationFailed(_("Only the category has an accept bound of its own."))
    if model.state != ModelState.ACTIVE:
        raise ValidationFailed(_("Only the figures of the model in use say what may be accepted."))
    choice = threshold_choice(model=model, precision=precision, value=value)
    if choice is None:
        raise ValidationFailed(_("No bound proves this precision with these examples."))
    return choice
