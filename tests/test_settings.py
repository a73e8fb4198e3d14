"""Every variable is documented and takes effect; contradictions are refused (O6)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.test import SimpleTestCase, override_settings

from classifier.llm.config import VARIABLES
from config.checks import settings_fit_together

ROOT = Path(__file__).resolve().parents[1]
READ = re.compile(r"env\.\w+\(\s*\"([A-Z0-9_]+)\"")
DOCUMENTED = re.compile(r"^([A-Z0-9_]+)=", re.MULTILINE)
ELSEWHERE = {"PORT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
PER_PROVIDER = re.compile(r"^LLM_PRICE_(INPUT|OUTPUT)_")


class DocumentationTests(SimpleTestCase):
    """``.env.example`` and the code name the same variables."""

    def names_read(self) -> set[str]:
        """What the settings read, and what they hand on to the LLM layer."""
        text = (ROOT / "config" / "settings.py").read_text()
        return set(READ.findall(text)) | {name for name in VARIABLES if not PER_PROVIDER.match(name)}

    def test_every_variable_is_in_the_example(self) -> None:
        """O6: ``.env.example`` documents every variable."""
        documented = set(DOCUMENTED.findall((ROOT / ".env.example").read_text()))
        self.assertEqual(self.names_read() - documented, set())

    def test_the_example_names_nothing_that_is_not_read(self) -> None:
        """O6: a variable without effect misleads."""
        documented = set(DOCUMENTED.findall((ROOT / ".env.example").read_text()))
        self.assertEqual(documented - self.names_read(), ELSEWHERE)

    def test_the_llm_layer_reads_only_what_it_is_given(self) -> None:
        """O6: a name read but not handed on would never take effect."""
        text = (ROOT / "classifier" / "llm" / "config.py").read_text()
        read = set(re.findall(r"(?:text|number|money|names)\(\s*\"([A-Z0-9_]+)\"", text))
        self.assertEqual(read - set(VARIABLES), set())


SMTP = "django.core.mail.backends.smtp.EmailBackend"


def settings_with(expression: str, **variables: str) -> object:
    """The value of an expression over settings loaded with these variables."""
    code = f"import json; from config import settings as s; print(json.dumps({expression}, default=str))"
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": os.environ["PATH"], "VAR_DIR": folder, **variables}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("expression", "variables", "expected"),
    [
        ("s.DATABASES['default']['ENGINE']", {}, "django.db.backends.sqlite3"),
        (
            "s.DATABASES['default']['ENGINE']",
            {"DATABASE_URL": "postgres://u@h/d"},
            "django.db.backends.postgresql",
        ),
        ("s.CELERY_BROKER_URL", {}, "filesystem://"),
        ("s.CELERY_BROKER_URL", {"REDIS_URL": "redis://h/0"}, "redis://h/0"),
        (
            "s.STORAGES['default']['BACKEND']",
            {"AWS_STORAGE_BUCKET_NAME": "b"},
            "storages.backends.s3.S3Storage",
        ),
        ("s.SESSION_COOKIE_SECURE", {"ENVIRONMENT": "production", "SECRET_KEY": "x" * 50}, True),
        ("s.SECURE_SSL_REDIRECT", {"ENVIRONMENT": "production", "SECRET_KEY": "x" * 50}, True),
        ("s.SECRET_KEY", {"ENVIRONMENT": "production"}, ""),
        ("s.ENABLE_ENGINE_LLM", {"ENABLE_ENGINE_LLM": "0"}, False),
        ("s.ENABLE_LLM_DRAFTS", {"ENABLE_LLM_DRAFTS": "0"}, False),
        ("s.ENABLE_LLM_CHAT", {"ENABLE_LLM_CHAT": "0"}, False),
        ("s.CHAT_DEADLINE_SECONDS", {"CHAT_DEADLINE_SECONDS": "7.5"}, 7.5),
        ("s.CHAT_QUESTIONS_PER_MINUTE", {"CHAT_QUESTIONS_PER_MINUTE": "3"}, 3),
        ("s.AI_CONFIDENCE_THRESHOLD", {"AI_CONFIDENCE_THRESHOLD": "0.7"}, 0.7),
        ("s.LLM_ENVIRONMENT", {"LLM_CACHE_SECONDS": "5"}, {"LLM_CACHE_SECONDS": "5"}),
        ("s.LLM_ENVIRONMENT", {"LLM_ENSEMBLE": "3"}, {"LLM_ENSEMBLE": "3"}),
        ("s.LLM_ENVIRONMENT", {"LLM_BULK_SIZE": "10"}, {"LLM_BULK_SIZE": "10"}),
        ("s.EMBEDDING_BASE_URL", {"EMBEDDING_BASE_URL": "http://h/v1"}, "http://h/v1"),
        ("s.EMBEDDING_MODEL", {"EMBEDDING_MODEL": "m"}, "m"),
        ("s.EMBEDDING_API_KEY", {"EMBEDDING_API_KEY": "k"}, "k"),
        ("s.EMBEDDING_DIMENSIONS", {"EMBEDDING_DIMENSIONS": "256"}, 256),
        ("str(s.EMBEDDING_PRICE)", {"EMBEDDING_PRICE": "0.02"}, "0.02"),
        ("str(s.EMBEDDING_PRICE)", {"EMBEDDING_PRICE": ""}, "0"),
        ("s.EMBEDDING_DIMENSIONS", {"EMBEDDING_DIMENSIONS": ""}, 0),
        ("s.JSON_LOG_ENABLED", {"JSON_LOG_ENABLED": "1"}, True),
        ("s.REQUESTER_MAIL_ENABLED", {}, False),
        ("s.REQUESTER_MAIL_ENABLED", {"EMAIL_BACKEND": SMTP}, True),
        ("s.REQUESTER_MAIL_ENABLED", {"EMAIL_BACKEND": SMTP, "REQUESTER_MAIL_ENABLED": ""}, True),
        ("s.REQUESTER_MAIL_ENABLED", {"EMAIL_BACKEND": SMTP, "REQUESTER_MAIL_ENABLED": "0"}, False),
        ("s.REQUESTER_MAIL_ENABLED", {"EMAIL_BACKEND": SMTP, "DEMO": "1"}, False),
        ("s.REQUESTER_MAIL_ENABLED", {"REQUESTER_MAIL_ENABLED": "1"}, True),
        ("s.REQUESTER_MAIL_PER_DAY", {"REQUESTER_MAIL_PER_DAY": "2"}, 2),
        ("s.RATING_REQUEST_HOURS", {"RATING_REQUEST_HOURS": "1"}, 1),
        ("s.SLACK_WEBHOOK_URL", {"SLACK_WEBHOOK_URL": "https://h/x"}, "https://h/x"),
        ("s.NOTIFICATION_CAP_PER_HOUR", {"NOTIFICATION_CAP_PER_HOUR": "7"}, 7),
        ("s.WEBHOOK_ALLOW_PRIVATE_ADDRESSES", {"WEBHOOK_ALLOW_PRIVATE_ADDRESSES": "1"}, True),
        ("s.ALERT_ON_FAILURE_RATE", {"ALERT_ON_FAILURE_RATE": "0.5"}, 0.5),
        ("s.ALERT_ON_SLOW_PROCESSING", {"ALERT_ON_SLOW_PROCESSING": "3"}, 3.0),
        ("s.ALERT_ON_LLM_FAILURE_RATE", {"ALERT_ON_LLM_FAILURE_RATE": "0.1"}, 0.1),
        ("s.ALERT_ON_QUEUE_DEPTH", {"ALERT_ON_QUEUE_DEPTH": "9"}, 9),
        ("s.ALERT_ON_COST_PER_TICKET", {"ALERT_ON_COST_PER_TICKET": "0.5"}, 0.5),
        ("s.ALERT_ON_NEGATIVE_RATE", {"ALERT_ON_NEGATIVE_RATE": "0.5"}, 0.5),
        ("s.ALERT_ON_CRITICAL_TICKETS", {"ALERT_ON_CRITICAL_TICKETS": "9"}, 9),
        ("s.ALERT_ON_KEY_AGE_DAYS", {"ALERT_ON_KEY_AGE_DAYS": "30"}, 30),
        ("s.ALERT_ON_DOWNLOADS", {"ALERT_ON_DOWNLOADS": "9"}, 9),
        ("s.ALERT_ON_LOGIN_FAILURES", {"ALERT_ON_LOGIN_FAILURES": "9"}, 9),
        ("s.CORS_ALLOWED_ORIGINS", {"CORS_ALLOWED_ORIGINS": "https://a.example"}, ["https://a.example"]),
        ("s.MAX_UPLOAD_BYTES", {"MAX_UPLOAD_BYTES": "1000"}, 1000),
        (
            "'ATOMIC_REQUESTS' in s.DATABASES['default'] and s.DATABASES['default']['ATOMIC_REQUESTS']",
            {},
            False,
        ),
    ],
)
def test_a_variable_takes_effect(expression: str, variables: dict[str, str], expected: object) -> None:
    """O6: the environment decides."""
    assert settings_with(expression, **variables) == expected


GOOD = {
    "ENVIRONMENT": "production",
    "DEMO": False,
    "DEBUG": False,
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": ["support.example.com"],
    "CREDENTIAL_KEYS": ["key"],
    "REDIS_URL": "redis://h/0",
    "AWS_STORAGE_BUCKET_NAME": "bucket",
    "CORS_ALLOWED_ORIGINS": [],
    "WEBHOOK_ALLOW_PRIVATE_ADDRESSES": False,
}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"DEMO": True}, "switchyard.E001"),
        ({"SECRET_KEY": "short"}, "switchyard.E002"),
        ({"DEBUG": True}, "switchyard.E003"),
        ({"ALLOWED_HOSTS": ["*"]}, "switchyard.E004"),
        ({"CORS_ALLOWED_ORIGINS": ["*"]}, "switchyard.E005"),
        ({"CREDENTIAL_KEYS": []}, "switchyard.W001"),
        ({"WEBHOOK_ALLOW_PRIVATE_ADDRESSES": True}, "switchyard.W010"),
        ({"REDIS_URL": ""}, "switchyard.W003"),
        ({"AWS_STORAGE_BUCKET_NAME": ""}, "switchyard.W004"),
    ],
)
def test_a_contradiction_is_named(change: dict[str, object], wanted: str) -> None:
    """O1, O6: production refuses the demo and what else does not fit."""
    with override_settings(**{**GOOD, **change}):
        assert wanted in {message.id for message in settings_fit_together(None)}
    with override_settings(**GOOD):
        assert wanted not in {message.id for message in settings_fit_together(None)}
