"""Settings of the test suite: the embedded default, or real services where the environment names them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Services are taken only from variables meant for tests, so that a developer's .env never reaches them.
_var = tempfile.mkdtemp(prefix="switchyard-tests-")
os.environ.update(
    {
        "VAR_DIR": _var,
        "ENVIRONMENT": "test",
        "DEBUG": "0",
        "LOG_LEVEL": os.environ.get("TEST_LOG_LEVEL", "WARNING"),
        "DEMO": "0",
        "SECRET_KEY": "tests-only-" + "x" * 50,
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", f"sqlite:///{_var}/tests.sqlite3"),
        "REDIS_URL": os.environ.get("TEST_REDIS_URL", ""),
        "AWS_STORAGE_BUCKET_NAME": "",
        "OPENAI_API_KEY": "",
        "LLM_PROVIDER": "",
        "LLM_MODEL": "",
        "GROQ_API_KEY": "",
        "AZURE_OPENAI_API_KEY": "",
        "OLLAMA_BASE_URL": "",
        "EMBEDDING_BASE_URL": "",
        "SLACK_WEBHOOK_URL": "",
        "REQUESTER_MAIL_ENABLED": "0",
    }
)

from config.settings import *  # noqa: E402, F403
from config.settings import (  # noqa: E402
    CACHES,
    CELERY_BROKER_TRANSPORT_OPTIONS,
    DATABASES,
    REDIS_URL,
    STORAGES,
)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
AXES_ENABLED = False
CELERY_BROKER_URL = REDIS_URL or "memory://"
if REDIS_URL:
    # The runners of one suite share a Redis; what one of them clears must not open another's breaker.
    _runner = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    CACHES["default"].update(BACKEND="tests.fakes.redis_cache.SharedRedisCache", KEY_PREFIX=_runner)
    CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = f"{_runner}:"
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {}
    CACHES = {
        name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}
        for name in ("default", "throttle")
    }
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Test databases are dropped while threads of a test may still hold a pooled connection.
    DATABASES["default"]["OPTIONS"]["pool"] = False
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: two-writer tests need two connections.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(_var) / "test.sqlite3")}
API_THROTTLE_PER_MINUTE = 100_000
CONFIGURATION_CACHE_SECONDS = 0  # Tests change reference data and look at once.
API_THROTTLE_ANONYMOUS_PER_MINUTE = 100_000
