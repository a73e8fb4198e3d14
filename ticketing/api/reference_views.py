"""Reference data: lists and detail for everybody who may log in, changes for leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import F, Model
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from common.exceptions import NotFound, ValidationFailed
from teams.api.actors import actor_of
from teams.api.idempotency import idempotent
from teams.api.permissions import LeadsWrite
from teams.choices import Scope
from teams.models import Client, Team
from teams.selectors import access_client
from ticketing.api import reference_serializers as shapes
from ticketing.models import Article, Category, Module, Project, RoutingRule, Taxonomy
from ticketing.services import reference


class Reference(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Any]):
    """One kind of reference data. Subclasses name the model, the shapes and the service."""

    permission_classes = (LeadsWrite,)
    read_scope = Scope.REFERENCE_READ
    write_scope = Scope.REFERENCE_WRITE
    ordering = "pk"
    model: ClassVar[type[Model]]
    input_class: ClassVar[type[serializers.Serializer[Any]]]
    row_name: ClassVar[str]
    service: ClassVar[Callable[..., Any]]

    def get_queryset(self) -> Any:
        """Shared rows and those of the caller's clients."""
        rows = self.model.objects.visible_to(actor_of(self.request))  # type: ignore[attr-defined]
        return rows.for_list()

    @idempotent
    def create(self, request: Request) -> Response:
        """Create; a row without a client serves everybody and needs an administrator."""
        values = self._valid(request, partial=False)
        row = self.new_row(values)
        return self._saved(row, values, status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: int) -> Response:
        """Change what is given."""
        row = self.get_queryset().filter(pk=pk).first()
        if row is None:
            raise NotFound
        values = self._valid(request, partial=True)
        values.pop("client", None)
        return self._saved(row, values, status.HTTP_200_OK)

    def _valid(self, request: Request, *, partial: bool) -> dict[str, Any]:
        form = self.input_class(data=request.data, partial=partial)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def _saved(self, row: Model, values: dict[str, Any], code: int) -> Response:
        actor = actor_of(self.request)
        resolved = self.resolve(row, values)
        saved = type(self).service(**{self.row_name: row, "values": resolved, "actor": actor})
        fresh = self.get_queryset().get(pk=saved.pk)
        return Response(self.get_serializer(fresh).data, status=code)

    def new_row(self, values: dict[str, Any]) -> Model:
        """An unsaved row of its owner."""
        return self.model(client=self.owner(values))

    def owner(self, values: dict[str, Any]) -> Client | None:
        """The named client; none means shared, which only an administrator may."""
        actor = actor_of(self.request)
        named = "client" in values
        slug = values.pop("client", None)
        if named and slug is None:
            return reference.owner_of(client=None, actor=actor)
        return access_client(actor=actor, slug=slug or "")

    def resolve(self, row: Any, values: dict[str, Any]) -> dict[str, Any]:
        """Slugs to rows. Raises ValidationFailed for what does not exist within reach."""
        return values


def by_slug(rows: Any, values: dict[str, Any], name: str) -> None:
    """Replace a slug in ``values`` by its row; a client's own row goes before a shared one."""
    if values.get(name) is None:
        return
    found = rows.filter(slug=values[name]).order_by(F("client_id").desc(nulls_last=True)).first()
    if found is None:
        raise ValidationFailed(
            fields={name: [_("There is no such %(replace)s.") % {"replace": name.replace("_", " ")}]}
        )
    values[name] = found


class Taxonomies(Reference):
    """Sets of categories."""

    model = Taxonomy
    queryset = Taxonomy.objects.none()
    serializer_class = shapes.TaxonomySerializer
    input_class = shapes.TaxonomyInput
    row_name = "taxonomy"
    service = staticmethod(reference.taxonomy_save)


class Categories(Reference):
    """Categories of the taxonomies."""

    model = Category
    queryset = Category.objects.none()
    serializer_class = shapes.CategorySerializer
    input_class = shapes.CategoryInput
    row_name = "category"
    service = staticmethod(reference.category_save)

    def new_row(self, values: dict[str, Any]) -> Model:
        """A category of a taxonomy within reach."""
        by_slug(Taxonomy.objects.visible_to(actor_of(self.request)), values, "taxonomy")
        return Category(taxonomy=values.pop("taxonomy"))

    def resolve(self, row: Any, values: dict[str, Any]) -> dict[str, Any]:
        """The default team; the taxonomy of a category never changes."""
        values.pop("taxonomy", None)
        by_slug(Team.objects.visible_to(actor_of(self.request)), values, "default_team")
        return values


class Projects(Reference):
    """Projects of the clients."""

    model = Project
    queryset = Project.objects.none()
    serializer_class = shapes.ProjectSerializer
    input_class = shapes.ProjectInput
    row_name = "project"
    service = staticmethod(reference.project_save)


class Modules(Reference):
    """Modules of the projects."""

    model = Module
    queryset = Module.objects.none()
    serializer_class = shapes.ModuleSerializer
    input_class = shapes.ModuleInput
    row_name = "module"
    service = staticmethod(reference.module_save)

    def new_row(self, values: dict[str, Any]) -> Model:
        """A module of a project within reach."""
        by_slug(Project.objects.visible_to(actor_of(self.request)), values, "project")
        return Module(project=values.pop("project"))

    def resolve(self, row: Any, values: dict[str, Any]) -> dict[str, Any]:
        """The project of a module never changes."""
        values.pop("project", None)
        return values


class Teams(Reference):
    """Teams."""

    model = Team
    queryset = Team.objects.none()
    serializer_class = shapes.TeamSerializer
    input_class = shapes.TeamInput
    row_name = "team"
    service = staticmethod(reference.team_save)


class Rules(Reference):
    """Routing rules, in order."""

    model = RoutingRule
    queryset = RoutingRule.objects.none()
    serializer_class = shapes.RuleSerializer
    input_class = shapes.RuleInput
    row_name = "rule"
    service = staticmethod(reference.rule_save)

    def get_queryset(self) -> Any:
        """Rules with what a list shows."""
        return super().get_queryset().select_related("client", "taxonomy", "team")

    def resolve(self, row: Any, values: dict[str, Any]) -> dict[str, Any]:
        """Team and taxonomy."""
        actor = actor_of(self.request)
        by_slug(Team.objects.visible_to(actor), values, "team")
        by_slug(Taxonomy.objects.visible_to(actor), values, "taxonomy")
        if "conditions" in values:
            values["conditions"] = dict(values["conditions"])
        return values


class Articles(Reference):
    """Knowledge articles."""

    model = Article
    queryset = Article.objects.none()
    serializer_class = shapes.ArticleSerializer
    input_class = shapes.ArticleInput
    row_name = "article"
    service = staticmethod(reference.article_save)

    def resolve(self, row: Any, values: dict[str, Any]) -> dict[str, Any]:
        """The category."""
        if values.get("category") is not None:
            rows = Category.objects.visible_to(actor_of(self.request))
            found = (
                rows.filter(slug=values["category"])
                .order_by(F("taxonomy__client_id").desc(nulls_last=True), "pk")
                .first()
            )
            if found is None:
                raise ValidationFailed(fields={"category": [_("There is no such category.")]})
            values["category"] = found
        return values


RESOURCES: dict[str, type[Reference]] = {
    "taxonomies": Taxonomies,
    "categories": Categories,
    "projects": Projects,
    "modules": Modules,
    "teams": Teams,
    "routing-rules": Rules,
    "articles": Articles,
}


def routes() -> list[URLPattern]:
    """List, create, detail and change of every kind; ``admin/categories`` is an alias for creating."""
    found = []
    for name, view in RESOURCES.items():
        documented = extend_schema_view(
            create=extend_schema(request=view.input_class, responses={201: view.serializer_class}),
            partial_update=extend_schema(request=view.input_class, responses=view.serializer_class),
        )(view)
        many = documented.as_view({"get": "list", "post": "create"})
        one = documented.as_view({"get": "retrieve", "patch": "partial_update"})
        found += [path(name, many, name=name), path(f"{name}/<int:pk>", one, name=f"{name}-one")]
    alias = Categories.as_view({"post": "create"})
    return [*found, path("admin/categories", alias, name="admin-categories")]
