"""Django's settings, made from `paybox-center.toml` (its path stands in PAYBOX_CENTER_CONFIG)."""

import os
from pathlib import Path
from typing import Any

import dj_database_url

from center.config import CenterConfig, database_url, load

CONFIG_VARIABLE = "PAYBOX_CENTER_CONFIG"
PACKAGE = Path(__file__).parent

_file = os.environ.get(CONFIG_VARIABLE, "")
CENTER = load(_file) if _file else CenterConfig()
FOLDER = Path(_file).absolute().parent if _file else Path.cwd()

SECRET_KEY = (
    CENTER.secret_key_file.read_text().strip()
    if _file and CENTER.secret_key_file.is_file()
    else "only for tools that serve nobody"
)
DEBUG = False
ALLOWED_HOSTS = [
    "*"
]  # an intranet host with many names; every absolute URL is relative to the page
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"  # the providers' day (payment-states §1.4)
LANGUAGE_CODE = {"zh": "zh-hans", "en": "en"}[CENTER.language]
LANGUAGES = [("zh-hans", "中文"), ("en", "English")]
LOCALE_PATHS = [PACKAGE / "locale"]
ROOT_URLCONF = "center.urls"
WSGI_APPLICATION = "center.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "center.accounts",
    "center.ledger",
    "center.statements",
    "center.reconciliation",
    "center.reviews",
    "center.web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "center.web.headers.SecurityHeaders",
    "center.web.zero.RefuseZero",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "center.web.language.SiteLanguage",
    "center.accounts.middleware.PasswordChangeRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "center.web.navigation.navigation",
            ],
            "builtins": ["center.web.templatetags.money"],
        },
    }
]


SQLITE = "center.sqlite"  # Django's backend, which switches to WAL and reads that back
PRAGMAS = (
    "PRAGMA synchronous=FULL; PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY;"
    "PRAGMA wal_autocheckpoint=4000"  # pages, 16 MB
)


def _database() -> dict[str, Any]:
    database: dict[str, Any] = dict(dj_database_url.parse(database_url(CENTER, FOLDER)))
    if database["ENGINE"].endswith("sqlite3"):
        database["ENGINE"] = SQLITE
        # One writer at a time, and it says so at its first word: no deadlock between two readers
        # that both want to write. WAL: pages are read while a batch is being stored.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": PRAGMAS,
        }
        # As Django's own backend has it: pytest-django knows that one by its name alone.
        database["TEST"] = {"NAME": ":memory:"}
    else:
        database["CONN_MAX_AGE"] = 600
        database["CONN_HEALTH_CHECKS"] = True
    return database


DATABASES = {"default": _database()}

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_AGE = 8 * 3600  # one shift
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CENTER.tls.cert_file is not None
SESSION_SAVE_EVERY_REQUEST = False
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # the files are read from the package: nothing to collect
WHITENOISE_MAX_AGE = 3600
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024  # the largest HIS list; a sync batch is far smaller
FILE_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
