"""Domain errors of ticketing."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from common.exceptions import Conflict, ValidationFailed


class TransitionNotAllowed(Conflict):
    """The status table has no way from the one status to the other."""

    code = "transition_not_allowed"


class TicketClosed(Conflict):
    """A closed ticket takes no further change."""

    code = "ticket_closed"
    default_message = gettext_lazy("This ticket is closed. Open a follow-up instead.")


class MergeStands(Conflict):
    """Something that happened since the merge keeps it from being taken back."""

    code = "merge_stands"


class ForeignReference(ValidationFailed):
    """A named object belongs to another client or does not exist; the two look the same."""

    code = "validation_error"
