"""Plausible rows of every model, for tests that ask all pages the same question."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from uuid import uuid4

from django.apps import apps
from django.db import DatabaseError, models, transaction
from django.utils import timezone

from ticketing.tests.world import World

APPS = ("teams", "ticketing", "classifier", "sla", "ingest")


class Rows:
    """Adds one row of each model a round; the rows of a round point at each other.

    So a list of thirty rows has thirty different tickets, people and categories behind it, and a query for
    each of them would be counted. Everything belongs to the world's client A.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rounds = 0
        self.refused: dict[str, str] = {}
        self.before: dict[type[models.Model], models.Model] = {}
        fixed = {
            "teams.Client": world.client_a,
            "ticketing.ClientSettings": world.client_a.ticketing_settings,
        }
        self.fixed = {apps.get_model(name): row for name, row in fixed.items()}

    def add(self, rounds: int) -> None:
        """So many rows more of each model."""
        for _ in range(rounds):
            self.rounds += 1
            made: dict[type[models.Model], models.Model] = dict(self.fixed)
            for model in self._in_order():
                self._make(model, made)
            self.before = made

    def _in_order(self) -> list[type[models.Model]]:
        """Models after those that they need."""
        wanted = [model for app in APPS for model in apps.get_app_config(app).get_models()]
        wanted = [
            model for model in wanted if model not in self.fixed and not hasattr(model, "history_object")
        ]
        ordered: list[type[models.Model]] = []

        def visit(model: type[models.Model], above: tuple[type[models.Model], ...]) -> None:
            if model in ordered or model in above or model not in wanted:
                return
            for field in model._meta.fields:
                if isinstance(field, models.ForeignKey):
                    visit(field.related_model, (*above, model))
            ordered.append(model)

        for model in wanted:
            visit(model, ())
        return ordered

    def _make(self, model: type[models.Model], made: dict[type[models.Model], models.Model]) -> None:
        problem = ""
        for relations in ("all", "needed"):
            row = self._row(model, made, relations)
            try:
                with transaction.atomic():
                    # No signal and no service: what they add would differ from model to model.
                    model._base_manager.bulk_create([row])
                    for relation in model._meta.many_to_many:
                        if relation.related_model in made:
                            getattr(row, relation.name).set([made[relation.related_model]])
            except (DatabaseError, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"
                continue
            made[model] = row
            return
        if self.before:  # In the first round there is nothing a second relation could point at.
            self.refused[model._meta.label] = problem

    def _row(self, model: type[models.Model], made: dict[Any, Any], relations: str) -> models.Model:
        values: dict[str, Any] = {}
        pointed_at: set[type[models.Model]] = set()
        for field in model._meta.fields:
            if isinstance(field, models.ForeignKey):
                target = field.related_model
                if target in made and (relations == "all" or not field.null):
                    # Two tickets that are linked or merged are two: the second is that of the round before.
                    values[field.name] = (self.before if target in pointed_at else made).get(
                        target, made[target]
                    )
                    pointed_at.add(target)
            elif not field.primary_key and (value := self._value(model, field)) is not None:
                values[field.name] = value
        return model(**values)

    def _value(self, model: type[models.Model], field: models.Field[Any, Any]) -> Any:
        """A value where the field needs one; unique ones differ from round to round."""
        if isinstance(field, models.UUIDField):
            return uuid4()
        if isinstance(field, models.DateTimeField):
            return None if field.null else timezone.now() - timedelta(minutes=self.rounds)
        if field.choices and not field.blank and not field.has_default():
            return field.flatchoices[self.rounds % len(field.flatchoices)][0]
        if field.unique or (not field.has_default() and not field.null and not field.blank):
            return self._plain(model, field)
        return None

    def _plain(self, model: type[models.Model], field: models.Field[Any, Any]) -> Any:
        number = 1_000 + self.rounds
        if isinstance(field, models.EmailField):
            return f"{model._meta.model_name}{number}@example.org"
        if isinstance(field, (models.CharField, models.TextField)):
            return f"{field.name}-{number}"[-(field.max_length or 200) :]
        if isinstance(field, models.IntegerField):
            return number if field.unique else 3
        if isinstance(field, models.BooleanField):
            return True
        if isinstance(field, models.TimeField):
            return time(hour=9 if field.name == "starts" else 17)
        if isinstance(field, models.FloatField):
            return 0.5
        if isinstance(field, models.DateField):
            return timezone.localdate() + timedelta(days=self.rounds)
        if isinstance(field, models.JSONField):
            return {}
        return 1 if isinstance(field, models.DecimalField) else None
