"""What each group may do beside seeing tickets, through the doors people use (R3)."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import Group as AuthGroup
from django.contrib.auth.models import Permission
from django.core.files.base import ContentFile
from django.test import TestCase

from classifier.models import ResponseDraft
from common.actors import Deed
from common.exceptions import NotAllowed
from ingest.services.imports import import_take
from ingest.tests.test_imports import ROWS, sheet
from teams.choices import DEEDS_OF_GROUP, Group
from teams.models import Team, TeamMember, User
from teams.selectors import actor_for_user
from ticketing.models import Attachment, Ticket
from ticketing.services.assignments import ticket_assign
from ticketing.services.export import tickets_export
from ticketing.services.merging import ticket_merge
from ticketing.tests.world import World, make_user

PEOPLE = {Group.REQUESTERS: "rita", Group.AGENTS: "agent", Group.LEADS: "lead", Group.ADMINISTRATORS: "root"}


class DeedsTest(TestCase):
    """R3: group × action."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = world = World()
        make_user("root", Group.ADMINISTRATORS)
        cls.ticket = world.ticket("A ticket")
        cls.other = Team.objects.create(slug="other", name="Other")
        TeamMember.objects.create(team=cls.other, user=world.agent)
        row = Attachment(client=world.client_a, ticket=cls.ticket, name="x.txt", size=1, is_public=False)
        row.file.save("x.txt", ContentFile(b"x"), save=False)
        row.save()
        ResponseDraft.objects.create(ticket=cls.ticket, content="A draft.")

    def doors(self, user: User) -> dict[Deed, Callable[[], bool]]:
        """Each deed through its service or query; whether it was done."""
        actor = actor_for_user(user)

        def done(work: Callable[[], object]) -> bool:
            try:
                return bool(work())
            except NotAllowed:
                return False

        def assign() -> object:
            if not Ticket.objects.visible_to(actor).filter(pk=self.ticket.pk).exists() or not actor.is_staff:
                return None
            return ticket_assign(ticket=self.ticket, team=self.other, assignee=None, actor=actor)

        def merge() -> object:
            if not actor.is_staff:
                return None
            return ticket_merge(source=self.world.ticket("One"), target=self.world.ticket("Two"), actor=actor)

        return {
            Deed.EXPORT: lambda: done(
                lambda: b"".join(tickets_export(tickets=Ticket.objects.all(), format="csv", actor=actor))
            ),
            Deed.IMPORT: lambda: done(
                lambda: import_take(client=self.world.client_a, upload=sheet(ROWS), actor=actor)
            ),
            Deed.MERGE: lambda: done(merge),
            Deed.REASSIGN: lambda: done(assign),
            Deed.VIEW_FILES: lambda: Attachment.objects.visible_to(actor).exists(),
            Deed.READ_DRAFTS: lambda: ResponseDraft.objects.visible_to(actor).exists(),
        }

    def test_each_group_does_what_it_may_and_nothing_else(self) -> None:
        """R3: the table of ``teams.choices`` against the doors."""
        for group, name in PEOPLE.items():
            user = User.objects.get(username=name)
            for deed, attempt in self.doors(user).items():
                with self.subTest(group=group, deed=deed):
                    self.assertEqual(attempt(), deed in DEEDS_OF_GROUP[group])

    def test_the_migration_gives_what_the_table_says(self) -> None:
        """R3: permissions by Django groups created by migration."""
        for group, deeds in DEEDS_OF_GROUP.items():
            row = AuthGroup.objects.get(name=group.value)
            given = set(row.permissions.values_list("codename", flat=True))
            self.assertEqual(given & {deed.value for deed in Deed}, {deed.value for deed in deeds}, group)

    def test_taking_a_permission_from_a_group_takes_the_deed(self) -> None:
        """R3: an administrator decides; every door asks again."""
        group = AuthGroup.objects.get(name=Group.AGENTS.value)
        for deed in DEEDS_OF_GROUP[Group.AGENTS]:
            with self.subTest(deed=deed):
                permission = Permission.objects.get(codename=deed.value)
                group.permissions.remove(permission)
                self.assertFalse(self.doors(self.world.agent)[deed]())
                group.permissions.add(permission)
                self.assertTrue(self.doors(self.world.agent)[deed]())
