"""The one settings module: everything that differs between set-ups comes from the environment.

``.env.example`` lists every variable. Secrets may also be given as ``NAME_FILE`` (a path to read).
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy

from classifier.llm.config import VARIABLES
from config.beat import SCHEDULE
from config.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env", overwrite=False)

VERSION = "0.1.0"
ENVIRONMENT = env.str("ENVIRONMENT", "development")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.bool("DEBUG", False)
DEMO = env.bool("DEMO", False)
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))


def _secret_key() -> str:
    """The configured key; outside production one is made once and kept beside the database."""
    configured = env.str("SECRET_KEY", "")
    if configured or PRODUCTION:
        return configured
    path = VAR_DIR / "secret_key"
    if not path.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_urlsafe(64))
        path.chmod(0o600)
    return path.read_text()


SECRET_KEY = _secret_key()
CREDENTIAL_KEYS = env.list("CREDENTIAL_KEYS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_URL = env.str("SITE_URL", "http://127.0.0.1:8000")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "simple_history",
    "django_celery_beat",
    "django_htmx",
    "axes",
    "corsheaders",
    "csp",
    "django_structlog",
    "django_prometheus",
    "storages",
    "common",
    "teams",
    "ticketing",
    "classifier",
    "sla",
    "ingest",
    "config",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.ReaderTimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "config.middleware.RequestLogMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.ApiEdgeMiddleware",
    "config.middleware.AdminContentPolicyMiddleware",
    "config.middleware.ApplicationErrorMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
            "builtins": ["config.templatetags.wording"],
        },
    },
]

# --- data -------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'switchyard.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
        " PRAGMA cache_size=-32000;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        # What the address says itself, such as the folder of a socket.
        **DATABASES["default"].get("OPTIONS", {}),
        "connect_timeout": 5,
        "options": "-c statement_timeout=30000 -c lock_timeout=5000"
        " -c idle_in_transaction_session_timeout=60000",
        # A worker may have a hundred threads; most of them wait for a language model and hold no connection.
        "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", 20), "timeout": 30},
    }

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
        }
    }
    CACHES["throttle"] = CACHES["default"]
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "switchyard_cache",
            "OPTIONS": {"MAX_ENTRIES": 20000},
        },
        # One web process in the embedded set-up: counting in memory spares a database write a request.
        "throttle": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "throttle"},
    }

# --- files ------------------------------------------------------------------------------------------------
MEDIA_ROOT = VAR_DIR / "files"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_URL = env.str("STATIC_URL", "/static/")
AWS_STORAGE_BUCKET_NAME = env.str("AWS_STORAGE_BUCKET_NAME", "")
if AWS_STORAGE_BUCKET_NAME:
    _encryption = env.str("AWS_S3_SSE", "AES256")
    _files = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": AWS_STORAGE_BUCKET_NAME,
            "region_name": env.str("AWS_S3_REGION_NAME", None),
            "endpoint_url": env.str("AWS_S3_ENDPOINT_URL", None),
            "file_overwrite": False,
            "querystring_expire": 300,
            "signature_version": "s3v4",
            "object_parameters": {"ServerSideEncryption": _encryption} if _encryption else {},
        },
    }
else:
    _files = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {}}
STORAGES = {
    "default": _files,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 3 * 1024 * 1024
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_BYTES", 25 * 1024 * 1024)

# --- people -----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("login")
LOGIN_REDIRECT_URL = reverse_lazy("home")
LOGOUT_REDIRECT_URL = reverse_lazy("login")
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURE_LIMIT", 10)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

# --- web --------------------------------------------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
LANGUAGE_COOKIE_NAME = "switchyard_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", PRODUCTION)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 31536000 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
SECURE_REDIRECT_EXEMPT = [r"^api/v1/health", r"^health", r"^metrics"]
X_FRAME_OPTIONS = "DENY"
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/.*$"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
METRICS_ALLOWED_ADDRESSES = env.list("METRICS_ALLOWED_ADDRESSES", default=["127.0.0.1", "::1"])
PROMETHEUS_EXPORT_MIGRATIONS = False

# --- API --------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "teams.api.authentication.ApiKeyAuthentication",
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "teams.api.authentication.BrowserSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["teams.api.permissions.IsActor"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "common.api.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["config.throttles.CallerThrottle"],
    "EXCEPTION_HANDLER": "config.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "NUM_PROXIES": TRUSTED_PROXIES,
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_FORMATTER_CLASS": "config.errors.Formatter"}
API_THROTTLE_PER_MINUTE = env.int("API_THROTTLE_PER_MINUTE", 600)
API_THROTTLE_ANONYMOUS_PER_MINUTE = env.int("API_THROTTLE_ANONYMOUS_PER_MINUTE", 60)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("JWT_ACCESS_MINUTES", 30)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("JWT_REFRESH_DAYS", 7)),
    "CHECK_REVOKE_TOKEN": True,
    "UPDATE_LAST_LOGIN": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Switchyard API",
    "DESCRIPTION": "Ticket triage and ticketing: classify, open, update and follow support tickets.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "PREPROCESSING_HOOKS": ["config.schema.only_versioned"],
    "ENUM_NAME_OVERRIDES": {
        "SeverityEnum": "ticketing.choices.Severity.choices",
        "PriorityEnum": "ticketing.choices.Priority.choices",
        "StatusEnum": "ticketing.choices.Status.choices",
        "ChannelEnum": "ticketing.choices.Channel.choices",
        "LinkKindEnum": "ticketing.choices.LinkKind.choices",
        "TeamKindEnum": "teams.choices.TeamKind.choices",
        "SegmentKindEnum": "sla.choices.SegmentKind.choices",
        "TargetKindEnum": "sla.choices.TargetKind.choices",
        "ImportKindEnum": "ingest.choices.ImportKind.choices",
    },
}

# --- background work --------------------------------------------------------------------------------------
_queue_dir = VAR_DIR / "queue"
CELERY_BROKER_URL = REDIS_URL or "filesystem://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_TIME_LIMIT = 240
CELERY_TASK_SOFT_TIME_LIMIT = 200
CELERY_TASK_ALWAYS_EAGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = SCHEDULE
if REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 900,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "health_check_interval": 25,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue_dir / "messages"),
        "data_folder_out": str(_queue_dir / "messages"),
        "control_folder": str(_queue_dir / "control"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
DJANGO_STRUCTLOG_CELERY_ENABLED = True
RUN_LEASE_SECONDS = env.int("RUN_LEASE_SECONDS", 300)
CONFIGURATION_CACHE_SECONDS = env.float("CONFIGURATION_CACHE_SECONDS", 2.0)
TRIAGE_TURNS = max(1, env.int("TRIAGE_TURNS", 3))
RUN_MAX_ATTEMPTS = env.int("RUN_MAX_ATTEMPTS", 5)

# --- triage (C13) -----------------------------------------------------------------------------------------
ENABLE_AI_CLASSIFICATION = env.bool("ENABLE_AI_CLASSIFICATION", True)
ENABLE_AI_EXTRACTION = env.bool("ENABLE_AI_EXTRACTION", True)
ENABLE_RESPONSE_GENERATION = env.bool("ENABLE_RESPONSE_GENERATION", True)
ENABLE_ENGINE_LOCAL = env.bool("ENABLE_ENGINE_LOCAL", True)
ENABLE_ENGINE_LLM = env.bool("ENABLE_ENGINE_LLM", True)
ENABLE_LLM_DRAFTS = env.bool("ENABLE_LLM_DRAFTS", True)
ENABLE_LLM_CHAT = env.bool("ENABLE_LLM_CHAT", True)
CHAT_DEADLINE_SECONDS = env.float("CHAT_DEADLINE_SECONDS", 20.0)
CHAT_QUESTIONS_PER_MINUTE = env.int("CHAT_QUESTIONS_PER_MINUTE", 20)
AI_CONFIDENCE_THRESHOLD = env.float("AI_CONFIDENCE_THRESHOLD", 0.6)
AI_ACCEPT_THRESHOLD = env.float("AI_ACCEPT_THRESHOLD", 0.8)
WORKFLOW_TIMEOUT_SECONDS = env.int("WORKFLOW_TIMEOUT_SECONDS", 30)
ATTACHMENT_WAIT_SECONDS = env.int("ATTACHMENT_WAIT_SECONDS", 30)
INLINE_DEADLINE_SECONDS = env.float("INLINE_DEADLINE_SECONDS", 4.5)
BLIND_SAMPLE_RATE = env.float("BLIND_SAMPLE_RATE", 0.05)
SECOND_REVIEW_RATE = env.float("SECOND_REVIEW_RATE", 0.05)
MODEL_PROMOTION_P_VALUE = env.float("MODEL_PROMOTION_P_VALUE", 0.05)
DUPLICATE_WINDOW_HOURS = env.int("DUPLICATE_WINDOW_HOURS", 72)
BURST_MINUTES = env.int("BURST_MINUTES", 15)
BURST_TICKETS = env.int("BURST_TICKETS", 5)
EMBEDDING_BASE_URL = env.str("EMBEDDING_BASE_URL", "").strip()
EMBEDDING_MODEL = env.str("EMBEDDING_MODEL", "").strip()
EMBEDDING_API_KEY = env.str("EMBEDDING_API_KEY", "").strip()
EMBEDDING_PRICE = Decimal(env.str("EMBEDDING_PRICE", "").strip() or 0)
EMBEDDING_DIMENSIONS = int(env.str("EMBEDDING_DIMENSIONS", "").strip() or 0)
LLM_ENVIRONMENT = {name: value for name in VARIABLES if (value := env.str(name, ""))}

# --- mail -------------------------------------------------------------------------------------------------
EMAIL_BACKEND = env.str("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend")
EMAIL_FILE_PATH = VAR_DIR / "mail"
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "support@switchyard.example")
# Mails to requesters leave only where there is a server to take them; a demo never writes to anybody.
_smtp = EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend" and not DEMO
REQUESTER_MAIL_ENABLED = env.str("REQUESTER_MAIL_ENABLED", "").strip().lower() in (
    {"1", "true", "yes", "on", ""} if _smtp else {"1", "true", "yes", "on"}
)
REQUESTER_MAIL_PER_DAY = env.int("REQUESTER_MAIL_PER_DAY", 5)
RATING_REQUEST_HOURS = env.int("RATING_REQUEST_HOURS", 24)

# --- notifications (S5) and alerts (S7) -------------------------------------------------------------------
SLACK_WEBHOOK_URL = env.str("SLACK_WEBHOOK_URL", "").strip()
NOTIFICATION_CAP_PER_HOUR = env.int("NOTIFICATION_CAP_PER_HOUR", 20)
WEBHOOK_ALLOW_PRIVATE_ADDRESSES = env.bool("WEBHOOK_ALLOW_PRIVATE_ADDRESSES", False)
ALERT_ON_FAILURE_RATE = env.float("ALERT_ON_FAILURE_RATE", 0.05)
ALERT_ON_SLOW_PROCESSING = env.float("ALERT_ON_SLOW_PROCESSING", 10.0)
ALERT_ON_LLM_FAILURE_RATE = env.float("ALERT_ON_LLM_FAILURE_RATE", 0.02)
ALERT_ON_QUEUE_DEPTH = env.int("ALERT_ON_QUEUE_DEPTH", 200)
ALERT_ON_COST_PER_TICKET = env.float("ALERT_ON_COST_PER_TICKET", 0.10)
ALERT_ON_NEGATIVE_RATE = env.float("ALERT_ON_NEGATIVE_RATE", 0.20)
ALERT_ON_CRITICAL_TICKETS = env.int("ALERT_ON_CRITICAL_TICKETS", 5)
ALERT_ON_KEY_AGE_DAYS = env.int("ALERT_ON_KEY_AGE_DAYS", 90)
ALERT_ON_DOWNLOADS = env.int("ALERT_ON_DOWNLOADS", 100)
ALERT_ON_LOGIN_FAILURES = env.int("ALERT_ON_LOGIN_FAILURES", 30)

# --- logs (O7) --------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
JSON_LOG_ENABLED = env.bool("JSON_LOG_ENABLED", PRODUCTION)
LOGGING = logging_config(level=LOG_LEVEL, json_enabled=JSON_LOG_ENABLED)
LOGGING_CONFIG = "config.logs.configure"

UNFOLD = {
    "SITE_TITLE": "Switchyard",
    "SITE_HEADER": "Switchyard",
    "SITE_SUBHEADER": gettext_lazy("Back office"),
    "SITE_URL": "/desk/",
    "SITE_SYMBOL": "alt_route",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "config.dashboard.dashboard_callback",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "config.navigation.favicon"}],
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "config.navigation.sidebar",
    },
    # The palette's own search of models would read every match of every table.
    "COMMAND": {"search_models": False, "search_callback": "config.search.admin_search"},
    "TABS": "config.navigation.tabs",
    "STYLES": ["config.navigation.admin_style"],
    "COLORS": {
        "primary": {
            "50": "#effaf8",
            "100": "#d5f2ee",
            "200": "#ace4dd",
            "300": "#7cd1c8",
            "400": "#4dc4b8",
            "500": "#1f9d92",
            "600": "#0c6a68",
            "700": "#0b5857",
            "800": "#0c4746",
            "900": "#0d3b3b",
            "950": "#042322",
        }
    },
}
