"""
One settings file, production by default; what differs between machines comes from `gateway.env`.

`PUBLIC_URL` decides everything that depends on the scheme and the host, so that plain HTTP on localhost
works as it is and `check --deploy` is clean behind HTTPS.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured
from environ import Env

from gateway import env
from inference import machine
from sanitization.filters import DEFAULT_FILTERS

django_stubs_ext.monkeypatch()  # so that `ModelAdmin[User]` is an expression at run time too
env.load_dotenv()

BASE_DIR = env.BASE_DIR
DATA_DIR, DISK_RESERVE_MB = Path(env.read("DATA_DIR")), env.read("DISK_RESERVE_MB")
DEBUG = env.read("DEBUG")

# -- The address people type --
PUBLIC_URL = (env.read("PUBLIC_URL") or f"http://localhost:{env.read('PORT')}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"http", "https"} or not _public.hostname:
    raise ImproperlyConfigured("PUBLIC_URL: write it as https://gateway.example.org.")
HTTPS = _public.scheme == "https"
# The loopback names stay allowed: health checks and the operator's own curl come that way.
ALLOWED_HOSTS = sorted({_public.hostname, "localhost", "127.0.0.1", "[::1]"})
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
TRUSTED_PROXIES = env.read("TRUSTED_PROXIES")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz/?$", r"^readyz/?$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY, SESSION_COOKIE_AGE = True, 12 * 3600  # a working day, in seconds
CSRF_FAILURE_VIEW = "gateway.problems.csrf_failed"
X_FRAME_OPTIONS = "DENY"
# gateway.middleware holds subclasses of the middleware that these look for by its exact name;
# tests/gateway/test_middleware.py proves that they do their work.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002", "security.W003"]
if not HTTPS:  # plain HTTP on localhost, by choice of PUBLIC_URL
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W010", "security.W016"]

CORS_ALLOWED_ORIGINS = list(env.read("CORS_ORIGINS"))
CORS_URLS_REGEX = r"^/(?!admin|account/)"  # pages have cookies and are nobody else's
CORS_ALLOW_HEADERS = ["authorization", "content-type", "x-request-id"]
CORS_ALLOW_HEADERS += ["cache-control", "idempotency-key", "x-gateway-cache"]
CORS_EXPOSE_HEADERS = ["X-Request-ID", "Retry-After", "x-gateway-cache", "x-gateway-idempotency"]
CORS_EXPOSE_HEADERS += [f"x-ratelimit-{what}-requests" for what in ("limit", "remaining", "reset")]
CORS_EXPOSE_HEADERS += [f"x-ratelimit-{what}-tokens" for what in ("limit", "remaining", "reset")]

# -- Secrets --
SECRET_KEY = env.read("SECRET_KEY")
JWT_CONSTANT = env.read("JWT_CONSTANT") or SECRET_KEY
_HOW = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
if not SECRET_KEY:
    raise ImproperlyConfigured(f"SECRET_KEY is not set. {_HOW}")
if len(JWT_CONSTANT.encode()) < 32:
    raise ImproperlyConfigured(f"JWT_CONSTANT (or SECRET_KEY) is under 32 bytes. {_HOW}")

# -- The project --
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "sanitization",
    "inference",
    "prompts",
    "gateway",
]
MIDDLEWARE = [
    "gateway.middleware.RequestId",
    "gateway.middleware.Cors",
    "gateway.middleware.Security",
    "gateway.middleware.Sessions",
    "gateway.middleware.Common",
    "gateway.middleware.Csrf",
    "gateway.middleware.Authentication",
    "gateway.middleware.Messages",
    "gateway.middleware.FrameOptions",
]
ROOT_URLCONF = "gateway.urls"
ASGI_APPLICATION = "gateway.asgi.application"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = env.read("STATIC_ROOT")
MAX_BODY_BYTES = env.read("MAX_BODY_BYTES")
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
MAX_PROMPTS, CLIENT_SECONDS = env.read("MAX_PROMPTS"), env.read("CLIENT_SECONDS")

# -- Stores --
DATABASE_URL = env.read("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'gateway.sqlite3'}"
_database = Env.db_url_config(DATABASE_URL)
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    # A pool instead of persistent connections: under ASGI every request has a thread of its own.
    _database["CONN_MAX_AGE"] = 0
    _database["CONN_HEALTH_CHECKS"] = True
    _database["OPTIONS"] = {
        # A host that is gone without a word counts as gone when it confirms nothing for so long (in ms); who
        # waits in silence asks after so many seconds. By itself the kernel tries for a quarter of an hour.
        "tcp_user_timeout": 5000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        **_database.get("OPTIONS", {}),
        # A short patience with a database that is away: the next request tries again at once, where the
        # pool's own tries would be minutes apart by then.
        "pool": {
            "min_size": 1,
            "max_size": env.read("DATABASE_POOL"),
            "timeout": 3,
            "reconnect_timeout": 2,
        },
        "connect_timeout": 3,
    }
DATABASES = {"default": _database}
REDIS_URL = env.read("REDIS_URL")
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "gateway",
            "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 2000},
        }
    }

# -- Accounts --
AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.validators.LengthValidator"},
    {"NAME": "accounts.validators.CharacterClassesValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "first_name", "last_name")},
    },
]
CORES = machine.cores()  # for hashing: what the models go by, a container's share of the machine
PASSWORD_HASHERS = [
    "accounts.hashers.BoundedArgon2Hasher",
    "accounts.hashers.BoundedBcryptHasher",  # users that came from the NestJS service
]
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.read("ACCESS_TOKEN_MINUTES")),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.read("REFRESH_TOKEN_DAYS")),
    "SIGNING_KEY": JWT_CONSTANT,
    "ALGORITHM": "HS256",
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "sub",
}
REGISTRATION = env.read("REGISTRATION")
REGISTRATION_DOMAINS = env.read("REGISTRATION_DOMAINS")
EMAIL_CONFIRMATION = env.read("EMAIL_CONFIRMATION")
_mail = Env.email_url_config(env.read("EMAIL_URL"))
EMAIL_BACKEND, EMAIL_FILE_PATH = _mail["EMAIL_BACKEND"], f"/{_mail['EMAIL_FILE_PATH']}"
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.read("EMAIL_FROM")
PASSWORD_RESET_TIMEOUT = 4 * 3600  # of links in e-mails, in seconds
RETAIN_SESSIONS_DAYS, RETAIN_KEYS_DAYS = env.read("RETAIN_SESSIONS_DAYS"), env.read("RETAIN_KEYS_DAYS")
RETAIN_INVITATIONS_DAYS = env.read("RETAIN_INVITATIONS_DAYS")
RETAIN_UNCONFIRMED_DAYS = env.read("RETAIN_UNCONFIRMED_DAYS")
ADMIN_EMAIL = env.read("ADMIN_EMAIL")
ADMIN_PASSWORD = env.read("ADMIN_PASSWORD")

# -- The API --
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["accounts.strict.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "gateway.problems.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "LLM Gateway",
    "DESCRIPTION": "Sanitizes what a language model is told and what it answers.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["gateway.schema.one_address_each"],
    "POSTPROCESSING_HOOKS": ["gateway.schema.describe_problems"],
}

LIMIT_REQUESTS_PER_MINUTE = env.read("LIMIT_REQUESTS_PER_MINUTE")
LIMIT_TOKENS_PER_MINUTE = env.read("LIMIT_TOKENS_PER_MINUTE")
LIMIT_STREAMS = env.read("LIMIT_STREAMS")
LIMIT_MONTHLY_TOKENS = env.read("LIMIT_MONTHLY_TOKENS")
LIMITS_WITHOUT_REDIS = env.read("LIMITS_WITHOUT_REDIS")

# -- Prompts, policy, model --
PROMPT_MAX_CHARS = env.read("PROMPT_MAX_CHARS")
JOURNAL_MODE = env.read("JOURNAL_MODE")
PROMPT_LOG_TEXT = env.read("PROMPT_LOG_TEXT")
RETAIN_PROMPTS_DAYS, RETAIN_TEXTS_DAYS = env.read("RETAIN_PROMPTS_DAYS"), env.read("RETAIN_TEXTS_DAYS")
RETAIN_OUTCOMES_DAYS = dict(env.read("RETAIN_OUTCOMES_DAYS"))
PROMPT_CACHE_SECONDS = env.read("PROMPT_CACHE_SECONDS")
PROMPT_CACHE_SCOPE, IDEMPOTENCY_SECONDS = env.read("PROMPT_CACHE_SCOPE"), env.read("IDEMPOTENCY_SECONDS")
PROMPT_CACHE_POLICIES = env.read("PROMPT_CACHE_POLICIES")
PROMPT_CACHE_MB, PROMPT_CACHE_ENTRY_KB = env.read("PROMPT_CACHE_MB"), env.read("PROMPT_CACHE_ENTRY_KB")
CONVERSATION_SECONDS = env.read("CONVERSATION_SECONDS")
SANITIZATION_FILTERS = list(DEFAULT_FILTERS)  # dotted paths; add your own
POLICY_OFF = env.read("POLICY_OFF")
POLICY_FLAG = env.read("POLICY_FLAG")
POLICY_MASK = env.read("POLICY_MASK")
POLICY_HASH = env.read("POLICY_HASH")
POLICY_BLOCK = env.read("POLICY_BLOCK")
POLICY_HTML = env.read("POLICY_HTML")
LLM_NAME = env.read("LLM_NAME")
LLM_MODEL_PATH = env.read("LLM_MODEL_PATH")
LLM_MODELS = env.read("LLM_MODELS")
LLM_MODELS_DIR = Path(env.read("LLM_MODELS_DIR") or DATA_DIR / "models")
LLM_AUTOSTART = env.read("LLM_AUTOSTART")
LLM_MEMORY_MB = env.read("LLM_MEMORY_MB")
LLM_LOAD_WAIT_SECONDS = env.read("LLM_LOAD_WAIT_SECONDS")
LLM_THREADS = env.read("LLM_THREADS")
LLM_GPU_LAYERS = env.read("LLM_GPU_LAYERS")
LLM_CONTEXT = env.read("LLM_CONTEXT")
LLM_SLOTS = env.read("LLM_SLOTS")
LLM_KV_TOKENS = env.read("LLM_KV_TOKENS")
LLM_KV_TYPE = env.read("LLM_KV_TYPE")
LLM_FLASH_ATTENTION = env.read("LLM_FLASH_ATTENTION")
LLM_REPACK = env.read("LLM_REPACK")
LLM_PREFIX_SCOPE = env.read("LLM_PREFIX_SCOPE")
LLM_PREFIX_DIR = env.read("LLM_PREFIX_DIR")
LLM_SPECULATION = env.read("LLM_SPECULATION")
LLM_MAX_TOKENS = env.read("LLM_MAX_TOKENS")
LLM_TEMPERATURE = env.read("LLM_TEMPERATURE")
LLM_QUEUE = env.read("LLM_QUEUE")
LLM_QUEUE_TOKENS = env.read("LLM_QUEUE_TOKENS")
LLM_QUEUE_SECONDS = env.read("LLM_QUEUE_SECONDS")
LLM_TIMEOUT_SECONDS = env.read("LLM_TIMEOUT_SECONDS")
LLM_DRAIN_SECONDS = env.read("LLM_DRAIN_SECONDS")
BACKENDS_FILE = env.read("BACKENDS_FILE")
NAMED_SECRET = env.named_secret  # BACKENDS_FILE says which variables hold keys
ENGINE_TOKEN = env.read("ENGINE_TOKEN")
METRICS_TOKEN = env.read("METRICS_TOKEN")
OTEL_EXPORTER_OTLP_ENDPOINT = env.read("OTEL_EXPORTER_OTLP_ENDPOINT")
OTEL_EXPORTER_OTLP_HEADERS = dict(env.read("OTEL_EXPORTER_OTLP_HEADERS"))
OTEL_SERVICE_NAME = env.read("OTEL_SERVICE_NAME")
SENTRY_DSN, SENTRY_ENVIRONMENT = env.read("SENTRY_DSN"), env.read("SENTRY_ENVIRONMENT")
_sampling = (env.read("OTEL_TRACES_SAMPLER"), env.read("OTEL_TRACES_SAMPLER_ARG"))  # the SDK reads them

LOGGING_CONFIG = "gateway.logs.configure"
LOGGING = {"level": env.read("LOG_LEVEL")}
