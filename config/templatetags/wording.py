"""Words of the interface that depend on the reader's language; every template has them."""

from __future__ import annotations

from typing import Any

from django import template

from common.phrases import deeds_retold, retold
from common.wording import as_label, within_sentence

register = template.Library()


@register.filter
def label_of(code: Any) -> str:
    """The label of a stored code in the reader's language: ``on_track`` becomes ``On track``."""
    return as_label(str(code)) if code else ""


@register.filter
def midsentence(label: Any) -> str:
    """A label as it stands inside a sentence."""
    return within_sentence(str(label)) if label else ""


@register.filter(name="retold")
def retold_reason(text: Any) -> str:
    """A reason that a row keeps, in the reader's language."""
    return retold(str(text)) if text else ""


@register.filter
def deeds(text: Any) -> str:
    """What a bulk change did, in the reader's language."""
    return deeds_retold(str(text)) if text else ""
