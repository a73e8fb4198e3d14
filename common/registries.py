"""Named slots that lower layers render and upper apps fill: panels, indicators, personal data, mail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Obsolete(Exception):
    """Raised by a renderer of notifications: what the message was about is gone or no longer wanted.

    The text is the reason that the outbox keeps.
    """


class Registry(Generic[T]):
    """An ordered name → provider table that refuses a name twice."""

    def __init__(self, label: str) -> None:
        self.label = label
        self._items: dict[str, T] = {}

    def register(self, name: str, item: T) -> None:
        """Add a provider. Raises ValueError for a name that is taken."""
        if name in self._items:
            raise ValueError(f"{self.label} already has {name!r}.")
        self._items[name] = item

    def items(self) -> list[tuple[str, T]]:
        """All providers in the order of their registration."""
        return list(self._items.items())

    def get(self, name: str) -> T:
        """One provider by name. Raises KeyError."""
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items


@dataclass(frozen=True, slots=True)
class Panel:
    """A provider for a composed page: ``load`` maps ids to data in a constant number of queries."""

    load: Callable[[Sequence[int]], Mapping[int, Any]]
    template: str = ""
    order: int = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured value, of how many cases, and of whom: the house, a client, a key.

    ``subject`` tells the alerts of one rule apart; ``words`` replaces the sentence made from label and value.
    """

    value: float
    sample: int = 1
    subject: str = ""
    client_id: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class TicketSet:
    """Tickets that a figure counts: ``narrow`` takes tickets and a period (either end may be None)."""

    label: str
    narrow: Callable[[Any, datetime | None, datetime | None], Any]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A figure that is watched: beyond ``bound`` an alert is raised, well within it the alert is resolved.

    ``bound`` is asked at each evaluation, so that settings take effect. With fewer cases than ``sample``
    nothing is concluded. ``unit`` is "share", "s", "$", "days" or empty. Beyond ``critical`` the alert is
    critical.
    """

    label: str
    measure: Callable[[datetime], Sequence[Reading]]
    bound: Callable[[], float]
    direction: str = "above"
    severity: str = "warning"
    critical: Callable[[], float] | None = None
    unit: str = ""
    sample: int = 1
    ease: float = 0.1

    def beyond(self, value: float, bound: float) -> bool:
        """Whether a value is on the wrong side of a bound."""
        return value < bound if self.direction == "below" else value > bound

    def eased(self, value: float) -> bool:
        """Whether a value is so far on the right side that an alert is over; a value at the bound is not."""
        bound = self.bound()
        margin = (1 - bound) * self.ease if self.direction == "below" else -bound * self.ease
        return not self.beyond(value, bound + margin)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """How one model's personal fields are erased and exported for a requester (O4)."""

    model: str
    fields: tuple[str, ...]
    erase: Callable[[int], int]
    export: Callable[[int], list[dict[str, Any]]]


ticket_panels: Registry[Panel] = Registry("ticket panels")
"""Pieces of the ticket page and the ticket JSON, by key."""

ticket_list_columns: Registry[Panel] = Registry("ticket list columns")
"""Extra columns of ticket lists, by key."""

dashboard_cards: Registry[Callable[[Any], Mapping[str, Any]]] = Registry("dashboard cards")
"""Sections of the admin dashboard: actor and period in, figures out."""

ticket_sets: Registry[TicketSet] = Registry("ticket sets")
"""What the figures of the dashboard count, by name: a figure opens the very list it counts."""

indicators: Registry[Indicator] = Registry("indicators")
"""Figures watched for alerts."""

health_checks: Registry[Callable[[], tuple[str, str]]] = Registry("health checks")
"""Name → function giving ("ok" | "degraded" | "failed" | "off", detail)."""

personal_data: Registry[PersonalData] = Registry("personal data")
"""Erasure and export, by model label."""

notification_renderers: Registry[Callable[[Mapping[str, Any]], Mapping[str, str]]] = Registry("notifications")
"""Kind → function from payload to subject, text and html."""

response_targets: Registry[Callable[[int], str]] = Registry("response targets")
"""Ticket id → the promise in words, such as "within 4 hours"; empty where nothing is promised (C16)."""
