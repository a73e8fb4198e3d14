"""Labels in the reader's language: rows keep codes, people read words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, gettext_noop

_CODES = (
    gettext_noop("User"),
    gettext_noop("Requester"),
    gettext_noop("Service"),
    gettext_noop("Rule"),
    gettext_noop("Local model"),
    gettext_noop("Llm"),
    gettext_noop("Sync"),
    gettext_noop("System"),
    gettext_noop("Automation"),
    gettext_noop("Assistant"),
    gettext_noop("Policy"),
    gettext_noop("Assignee"),
    gettext_noop("Team"),
    gettext_noop("Tags"),
    gettext_noop("Rating"),
    gettext_noop("Merged into"),
    gettext_noop("Duplicate"),
    gettext_noop("Related"),
    gettext_noop("Parent"),
    gettext_noop("Child"),
    gettext_noop("Metadata"),
    gettext_noop("Project"),
    gettext_noop("Module"),
    gettext_noop("Client"),
    gettext_noop("Reference"),
)
"""Labels of codes that have no set of choices, so that they are found for translation."""


def as_label(code: str) -> str:
    """A stored code as a label: ``on_track`` becomes the translation of ``On track``."""
    label = code.replace("_", " ")
    return gettext(label[:1].upper() + label[1:]) if label else ""


def within_sentence(label: str) -> str:
    """A label inside a sentence: English writes it small, German keeps the capitals of its nouns."""
    return label if (get_language() or "").startswith("de") else label.lower()


@contextmanager
def site_language() -> Iterator[None]:
    """What is kept or sent is written in the language of the site and in its zone, whoever acts."""
    with translation.override(settings.LANGUAGE_CODE), timezone.override(settings.TIME_ZONE):
        yield


@contextmanager
def written_in(language: str) -> Iterator[None]:
    """As ``site_language``, but in the language of who reads it, where it is known and spoken here."""
    spoken = language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    with translation.override(spoken), timezone.override(settings.TIME_ZONE):
        yield


def recorded(label: Any) -> str:
    """A label as rows, mails and prompts hold it."""
    with translation.override(settings.LANGUAGE_CODE):
        return str(label)


def share_words(value: float | None) -> str:
    """A share in percent with one digit where it has one; a dash for none.

    What is nearly all is not said to be all, nor what is hardly any to be none.
    """
    if value is None:
        return "–"
    rounded = round(100 * value, 1)
    if rounded in {0.0, 100.0} and value not in {0.0, 1.0}:
        rounded = min(max(rounded, 0.1), 99.9)
    return f"{number_format(rounded, 0 if rounded == int(rounded) else 1)} %"
