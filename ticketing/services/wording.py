"""The shipped words of mails to requesters; a client's own go before them (T13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop

from ticketing.choices import RequesterMail


@dataclass(frozen=True, slots=True)
class Words:
    """Subject and Markdown body with placeholders."""

    subject: str
    body: str


DEFAULTS: Final = {
    RequesterMail.ACKNOWLEDGEMENT: Words(
        gettext_noop("{{ reference }}: we have your request"),
        gettext_noop(
            "Hello,\n\nyour request has arrived as **{{ reference }}**.\n\n"
            "Category: {{ category }}\n\n{{ next_steps }}"
        ),
    ),
    RequesterMail.REPLY: Words(gettext_noop("{{ reference }}: an answer to your request"), "{{ reply }}"),
    RequesterMail.STATUS: Words(
        gettext_noop("{{ reference }} is {{ status }}"),
        gettext_noop(
            "Hello,\n\nyour request **{{ reference }}** is now **{{ status }}**.\n\n{{ next_steps }}"
        ),
    ),
    RequesterMail.RATING: Words(
        gettext_noop("{{ reference }}: how was our answer?"),
        gettext_noop(
            "Hello,\n\nyour request **{{ reference }}** is solved. "
            "Would you tell us in one click how well we did?"
        ),
    ),
}
