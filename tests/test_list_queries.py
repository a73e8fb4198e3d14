"""Every list costs the same number of queries with 3 and with 30 rows (STYLE 9, A2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from teams.choices import Group
from teams.models import User
from tests.rows import Rows
from tests.test_access_matrix import COLLECTIONS
from ticketing.tests.world import World, make_user

pytestmark = pytest.mark.once

FEW, MANY = 3, 30
LIMITED = {"ticketing.RequesterMailTemplate"}
"""Models of which no client can have thirty rows."""


class ListQueriesTest(TestCase):
    """The pages of the back office and the desk, and the endpoints of the API."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.administrator = make_user("administrator", Group.ADMINISTRATORS, cls.world.client_a)
        User.objects.filter(pk=cls.administrator.pk).update(is_superuser=True, is_staff=True)

    def addresses(self) -> Iterator[tuple[User, str]]:
        """Who asks for what."""
        self.administrator.refresh_from_db()
        for model in admin.site._registry:
            yield (
                self.administrator,
                reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"),
            )
        for path in sorted(COLLECTIONS - {""}):
            yield self.world.requester if path.startswith("portal/") else self.world.lead, f"/{path}"

    def costs(self, *, warm: bool) -> dict[str, int]:
        """Queries by address. The first call of all fills the memories of the process and is not counted."""
        costs = {}
        for user, address in self.addresses():
            self.client.force_login(user)
            if not warm and self.client.get(address).status_code != 200:
                continue
            with CaptureQueriesContext(connection) as queries:
                self.client.get(address)
            costs[address] = len(queries)
        return costs

    def test_thirty_rows_cost_what_three_do(self) -> None:
        """No list asks again for each of its rows."""
        rows = Rows(self.world)
        rows.add(FEW)
        few = self.costs(warm=False)
        rows.add(MANY - FEW)
        many = self.costs(warm=True)
        self.assertEqual(set(rows.refused), LIMITED)
        grown = {
            address: (few[address], cost) for address, cost in many.items() if cost > few.get(address, cost)
        }
        self.assertEqual(grown, {})
        self.assertGreater(len(few), 60)
