"""What a ticket is and everything that belongs to it."""

from ticketing.models.audit import Assignment, TicketEvent
from ticketing.models.conversation import Attachment, Message
from ticketing.models.knowledge import Article
from ticketing.models.merges import TicketFollower, TicketMerge
from ticketing.models.reference import (
    Category,
    CategoryField,
    ClientSettings,
    Module,
    Project,
    RoutingRule,
    Taxonomy,
)
from ticketing.models.requesters import Requester, RequesterAddress
from ticketing.models.tickets import (
    ExternalReference,
    FieldDecision,
    Tag,
    Ticket,
    TicketLink,
    TicketNumber,
    TicketSearchDocument,
)
from ticketing.models.tools import BulkAction, Macro, SavedView

__all__ = [
    "Article",
    "Assignment",
    "Attachment",
    "BulkAction",
    "Category",
    "CategoryField",
    "ClientSettings",
    "ExternalReference",
    "FieldDecision",
    "Macro",
    "Message",
    "Module",
    "Project",
    "Requester",
    "RequesterAddress",
    "RoutingRule",
    "SavedView",
    "Tag",
    "Taxonomy",
    "Ticket",
    "TicketEvent",
    "TicketFollower",
    "TicketLink",
    "TicketMerge",
    "TicketNumber",
    "TicketSearchDocument",
]
