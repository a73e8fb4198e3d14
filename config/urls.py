"""Routes: pages, admin, and the API under its version prefix (defined without trailing slashes)."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from classifier import urls as classifier_urls
from config import pages
from config.analytics import AnalyticsView, MetricsView
from config.health import urls as health_urls
from ingest import urls as ingest_urls

api = [
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
    path("", include("teams.api.urls")),
    path("", include("ticketing.api.urls")),
    path("", include("classifier.api.urls")),
    path("", include("sla.api.urls")),
    path("", include("ingest.api.urls")),
    path("admin/analytics", AnalyticsView.as_view(), name="analytics"),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("", include(health_urls)),
]

urlpatterns = [
    path("", pages.home, name="home"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("language", set_language, name="set_language"),
    path("login/", pages.LoginView.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("admin/", include("classifier.urls")),
    path("admin/", include("sla.urls")),
    path("admin/imports/", include("ingest.admin.urls")),
    path("admin/", admin.site.urls),
    path("desk/", include("ticketing.urls")),
    path("desk/", include((classifier_urls.desk_patterns, "triage"))),
    path("desk/", include((ingest_urls.desk_patterns, "assistant"))),
    path("portal/", include("ingest.urls")),
    path("mail/", include("ticketing.mail_urls")),
    path("notifications", include("teams.urls")),
    path("api/v1/", include((api, "api"))),
    path("", include("classifier.api.short_urls")),
    path("", include("config.health.short_urls")),
]

handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"
