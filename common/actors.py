"""Who acts: the one value that services, events and visibility rules take instead of a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class ActorKind(StrEnum):
    """The kinds of actor an event can name (T6)."""

    USER = "user"
    REQUESTER = "requester"
    SERVICE = "service"
    RULE = "rule"
    LOCAL_MODEL = "local_model"
    LLM = "llm"
    SYNC = "sync"
    SYSTEM = "system"


class Role(StrEnum):
    """What an actor may do, from least to most."""

    ANONYMOUS = "anonymous"
    REQUESTER = "requester"
    AGENT = "agent"
    LEAD = "lead"
    ADMINISTRATOR = "administrator"
    SERVICE = "service"
    SYSTEM = "system"


class Deed(StrEnum):
    """What is asked for beside seeing a ticket (R3); the values are the codenames of Django permissions."""

    EXPORT = "export_ticket"
    IMPORT = "import_ticket"
    MERGE = "merge_ticket"
    REASSIGN = "reassign_ticket"
    VIEW_FILES = "view_ticket_files"
    READ_DRAFTS = "read_drafts"


@dataclass(frozen=True, slots=True)
class Actor:
    """An acting person or program and what it may see.

    ``client_ids`` is None for actors that may see every client; an empty set sees nothing. ``deeds`` is None
    where no group decides (administrators, keys, the system): then the role does.
    """

    kind: ActorKind
    role: Role
    id: str = ""
    label: str = ""
    user_id: int | None = None
    client_ids: frozenset[int] | None = frozenset()
    team_ids: frozenset[int] = frozenset()
    scopes: frozenset[str] | None = field(default=None)
    deeds: frozenset[str] | None = field(default=None)

    @property
    def sees_every_client(self) -> bool:
        """True for administrators and the system itself."""
        return self.client_ids is None

    @property
    def is_staff(self) -> bool:
        """True for people and programs that work on tickets, false for requesters."""
        return self.role in {Role.AGENT, Role.LEAD, Role.ADMINISTRATOR, Role.SERVICE, Role.SYSTEM}

    @property
    def is_lead(self) -> bool:
        """True for actors that may change reference data."""
        return self.role in {Role.LEAD, Role.ADMINISTRATOR, Role.SYSTEM}

    @property
    def is_person(self) -> bool:
        """True where a human being decided: such values are never overwritten by a run (C3)."""
        return self.kind in {ActorKind.USER, ActorKind.REQUESTER, ActorKind.SERVICE}

    def may(self, deed: Deed) -> bool:
        """Whether the actor's groups (or role) permit a deed on tickets it sees; never for requesters."""
        return self.is_staff and (self.deeds is None or deed.value in self.deeds)

    def may_see_client(self, client_id: int | None) -> bool:
        """Whether rows of this client are within the actor's reach."""
        return self.client_ids is None or client_id in self.client_ids

    def has_scope(self, scope: str) -> bool:
        """Whether the actor's key grants the scope; actors without a key hold every scope."""
        return self.scopes is None or scope in self.scopes


def system_actor(label: str = "Switchyard") -> Actor:
    """The system itself: sees everything, signs what no person did."""
    return Actor(kind=ActorKind.SYSTEM, role=Role.SYSTEM, label=label, client_ids=None)


def automation_actor(kind: ActorKind, label: str) -> Actor:
    """An automation (rule, model, sync) acting for the system."""
    return Actor(kind=kind, role=Role.SYSTEM, label=label, client_ids=None)


ANONYMOUS = Actor(kind=ActorKind.SYSTEM, role=Role.ANONYMOUS, label="anonymous")
