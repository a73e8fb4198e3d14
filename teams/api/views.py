"""Log-in for people who call the API (A2)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView


class TokenView(TokenObtainPairView):
    """Username and password for an access and a refresh token; failures count towards the log-in lock."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(operation_id="auth_token", auth=[])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Log in."""
        return super().post(request, *args, **kwargs)


class RefreshView(TokenRefreshView):
    """A refresh token for a new access token."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    @extend_schema(operation_id="auth_token_refresh", auth=[])
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Refresh."""
        return super().post(request, *args, **kwargs)
