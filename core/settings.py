"""Settings from the environment and `.env`, read once into a frozen object. One start names all wrong and missing settings."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from dotenv import dotenv_values

from core import program, secret_keys
from core.product import SLUG
from core.setting import (
    address,
    boolean,
    folder,
    header_key,
    hosts,
    key,
    mailbox,
    networks,
    number,
    one_of,
    origins,
    plain_name,
    public_address,
    setting,
    text,
    url,
)


class SettingsError(Exception):
    """The settings can't be used. lines: for each wrong or missing setting what is wrong and what to do. right: a line for each other."""

    def __init__(self, lines: list[str], right: Sequence[str] = ()) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.right = right


@dataclass(frozen=True)
class CoreSettings:
    """The settings of every server built on core. An application's own settings are fields of a subclass."""

    secret_key: str = setting("SECRET_KEY", key, "signs tokens", required=True, secret=True)
    secret_key_fallbacks: tuple[secret_keys.Fallback, ...] = setting(
        "SECRET_KEY_FALLBACKS",
        secret_keys.reader(key),
        f"older keys, with commas: what they have signed stays valid ({program.STARTED} rotate-secret)",
        default=(),
        secret=True,
    )
    database_url: str = setting(
        "DATABASE_URL",
        url("postgresql", "postgres"),
        "postgresql://user:password@host:port/name; or DB_NAME, DB_USER, DB_PASSWORD, DB_HOST, DB_PORT",
        secret=True,
    )
    redis_url: str = setting(
        "REDIS_URL",
        url("redis", "rediss", "unix"),
        "redis://…, rediss://… or unix://…; without it the processes read the event log themselves",
        default="",
        secret=True,
    )
    redis_prefix: str = setting(
        "REDIS_PREFIX",
        text,
        "what the keys in Redis begin with; one per installation that shares it",
        default=f"{SLUG}:",
    )
    debug: bool = setting("DEBUG", boolean, "log at DEBUG level", default=False)
    allowed_hosts: tuple[str, ...] = setting(
        "ALLOWED_HOSTS",
        hosts,
        "host names this server answers to; .example.com includes subdomains, * is any",
        default=("localhost", "127.0.0.1", "[::1]"),
    )
    cors_allowed_origins: tuple[str, ...] = setting(
        "CORS_ALLOWED_ORIGINS", origins, "origins whose pages may call the API", default=()
    )
    trusted_proxies: tuple[Any, ...] = setting(
        "TRUSTED_PROXIES", networks, "addresses or networks whose X-Forwarded-For and -Proto are believed", default=()
    )
    access_token_hours: float = setting(
        "ACCESS_TOKEN_LIFETIME_HOURS", number(0.01, 720, "hours", float), "life of an access token", default=1.0
    )
    refresh_token_days: float = setting(
        "REFRESH_TOKEN_LIFETIME_DAYS",
        number(0.01, 365, "days", float),
        "life of a session and its refresh token",
        default=7.0,
    )
    bcrypt_cost: int = setting(
        "BCRYPT_COST", number(4, 16, "rounds (log2)"), "work per password check; 12 is about 0.2 s", default=12
    )
    db_pool_size: int = setting(
        "DB_POOL_SIZE", number(2, 100, "connections"), "database connections per worker", default=8
    )
    db_statement_cache: int = setting(
        "DB_STATEMENT_CACHE",
        number(0, 10000, "statements"),
        "prepared statements per connection; 0 behind PgBouncer in transaction mode",
        default=500,
    )
    sse_keepalive_seconds: float = setting(
        "SSE_KEEPALIVE_SECONDS",
        number(0.1, 300, "seconds", float),
        "silence after which a stream gets a comment",
        default=1.0,
    )
    event_retention_hours: float = setting(
        "EVENT_RETENTION_HOURS", number(0.01, 8760, "hours", float), "how long streams can be resumed", default=72.0
    )
    log_format: str = setting(
        "LOG_FORMAT", one_of("text", "json"), "one line a record, as text or JSON", default="text"
    )
    log_dir: str = setting(
        "LOG_DIR",
        folder,
        "folder of api.log, errors.log and audit.log, beside standard error; none: no files",
        default="",
    )
    media_root: str = setting(
        "MEDIA_ROOT",
        folder,
        "folder of uploaded files, unless they are in S3 or R2",
        default=str(program.FOLDER / "media"),
    )
    use_s3: bool = setting("USE_S3", boolean, "uploaded files are kept in S3", default=False)
    s3_access_key_id: str = setting("AWS_ACCESS_KEY_ID", text, "S3: the key's id", default="", secret=True)
    s3_secret_access_key: str = setting("AWS_SECRET_ACCESS_KEY", text, "S3: the key", default="", secret=True)
    s3_bucket: str = setting("AWS_STORAGE_BUCKET_NAME", plain_name, "S3: the bucket's name", default="")
    s3_region: str = setting("AWS_S3_REGION_NAME", plain_name, "S3: the bucket's region", default="us-east-1")
    s3_endpoint_url: str = setting(
        "AWS_S3_ENDPOINT_URL", url("http", "https"), "S3: where it is, when it isn't Amazon's", default=""
    )
    s3_presigned: bool = setting(
        "USE_S3_PRESIGNED_URLS",
        boolean,
        "S3: links are signed and expire; false: anyone may read the bucket",
        default=True,
    )
    s3_link_seconds: int = setting(
        "S3_PRESIGNED_URL_EXPIRATION", number(60, 604_800, "seconds"), "S3 and R2: life of a signed link", default=3600
    )
    r2_enabled: bool = setting("CLOUDFLARE_R2_ENABLED", boolean, "uploaded files are kept in R2", default=False)
    r2_access_key: str = setting("CLOUDFLARE_R2_ACCESS_KEY", text, "R2: the key's id", default="", secret=True)
    r2_secret_key: str = setting("CLOUDFLARE_R2_SECRET_KEY", text, "R2: the key", default="", secret=True)
    r2_bucket: str = setting("CLOUDFLARE_R2_BUCKET", plain_name, "R2: the bucket's name", default="")
    r2_endpoint: str = setting(
        "CLOUDFLARE_R2_BUCKET_ENDPOINT",
        url("http", "https"),
        "R2: https://ACCOUNT.r2.cloudflarestorage.com",
        default="",
    )
    r2_public_url: str = setting(
        "CLOUDFLARE_R2_PUBLIC_URL",
        public_address,
        "R2: domain that serves the bucket to anyone; links are then unsigned",
        default="",
    )
    email_host: str = setting(
        "EMAIL_HOST",
        plain_name,
        "mail: the SMTP server; none: no mail is sent, and each one is noted as not sent",
        default="",
    )
    email_port: int = setting(
        "EMAIL_PORT",
        number(1, 65535, "(a port)"),
        "mail: the server's port, such as 587 with EMAIL_USE_TLS",
        default=25,
    )
    email_host_user: str = setting("EMAIL_HOST_USER", text, "mail: the name to sign in with", default="", secret=True)
    email_host_password: str = setting("EMAIL_HOST_PASSWORD", text, "mail: the password", default="", secret=True)
    email_use_tls: bool = setting(
        "EMAIL_USE_TLS", boolean, "mail: the connection changes to TLS (STARTTLS)", default=False
    )
    email_use_ssl: bool = setting(
        "EMAIL_USE_SSL", boolean, "mail: the connection is TLS from its beginning, usually on port 465", default=False
    )
    default_from_email: str = setting(
        "DEFAULT_FROM_EMAIL", mailbox, "mail: the sender, such as Shop <post@shop.example.com>", default=""
    )
    job_history_days: int = setting(
        "JOB_HISTORY_DAYS", number(1, 3650, "days"), "how long the history of jobs is kept", default=30
    )
    metrics_token: str = setting(
        "METRICS_TOKEN",
        header_key,
        "metrics: who sends it as Authorization: Bearer … may read them; none: no token is accepted",
        default="",
        secret=True,
    )
    metrics_allow: tuple[Any, ...] = setting(
        "METRICS_ALLOW", networks, "metrics: addresses or networks that may read them without a token", default=()
    )
    metrics_listen: tuple[str, int] | None = setting(
        "METRICS_LISTEN",
        address,
        f"metrics: HOST:PORT at which {program.STARTED} worker shows those of its own; none: nowhere",
        default=None,
    )

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """SECRET_KEY, which signs, and the keys whose signatures are valid too."""
        return (self.secret_key, *(one.key for one in self.secret_key_fallbacks))


Some = TypeVar("Some", bound=CoreSettings)


def environment(dotenv: Path) -> dict[str, str]:
    """The environment of the process, and for names that it doesn't have the file `.env`. An empty value counts as not set."""
    found = {**dotenv_values(dotenv), **os.environ}
    return {name: value.strip() for name, value in found.items() if value and value.strip()}


def read(kind: type[Some], env: Mapping[str, str]) -> Some:
    """The settings of class `kind` from `env`. Raises SettingsError, which names all missing and wrong settings."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    right: list[str] = []
    for f in fields(kind):
        name, says = f.metadata["name"], f.metadata["says"]
        try:
            if name in env:
                values[f.name] = f.metadata["read"](env[name])
            elif name == "DATABASE_URL" and "DB_NAME" in env:
                values[f.name] = _database_url(env)
            elif f.metadata["required"] or name == "DATABASE_URL":
                wrong.append(f"{name} is missing: {says}")
                continue
            right.append(described(f, values.get(f.name, f.default)))
        except SettingsError as error:
            wrong += error.lines
        except ValueError as error:
            wrong.append(f"{name}: {error}")
    wrong += _storage(kind, values, env)
    wrong += _mail(values)
    if wrong:
        raise SettingsError(wrong, right)
    return kind(**values)


def described(f: Field[Any], value: Any) -> str:
    """`NAME = VALUE`; of a secret only whether it is set."""
    shown = ("(set)" if value else "(not set)") if f.metadata["secret"] else value
    return f"{f.metadata['name']} = {shown}"


def _storage(kind: type[CoreSettings], values: Mapping[str, Any], env: Mapping[str, str]) -> list[str]:
    """A line for each mistake in the settings of USE_S3 and CLOUDFLARE_R2_ENABLED."""
    lines = []
    for switch, needed in {
        "use_s3": ("s3_access_key_id", "s3_secret_access_key", "s3_bucket"),
        "r2_enabled": ("r2_access_key", "r2_secret_key", "r2_bucket", "r2_endpoint"),
    }.items():
        known = {f.name: f.metadata for f in fields(kind) if f.name in (switch, *needed)}
        if values.get(switch):
            lines += [
                f"{known[name]['name']} is missing: {known[switch]['name']} is true, and needs it ({known[name]['says']})"
                for name in needed
                if known[name]["name"] not in env
            ]
    if values.get("use_s3") and values.get("r2_enabled"):
        lines.append(
            "CLOUDFLARE_R2_ENABLED is true, and USE_S3 too: files are kept in one place, so leave one of them out"
        )
    return lines


def _mail(values: Mapping[str, Any]) -> list[str]:
    """A line for each mistake in the settings of mail."""
    host, lines = values.get("email_host"), []
    if not host:
        return []
    if not values.get("default_from_email"):
        lines.append("DEFAULT_FROM_EMAIL is missing: EMAIL_HOST is set, so the sender of mails is needed too")
    if values.get("email_use_tls") and values.get("email_use_ssl"):
        lines.append("EMAIL_USE_TLS and EMAIL_USE_SSL are both true: a connection is one or the other")
    if bool(values.get("email_host_user")) != bool(values.get("email_host_password")):
        lines.append("EMAIL_HOST_USER and EMAIL_HOST_PASSWORD go together: set both, or neither")
    if values.get("email_host_user") and not (values.get("email_use_tls") or values.get("email_use_ssl")):
        if not is_loopback(host):
            lines.append("EMAIL_HOST_PASSWORD would be sent unencrypted: set EMAIL_USE_TLS or EMAIL_USE_SSL")
    return lines


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _database_url(env: Mapping[str, str]) -> str:
    """The URL from DB_NAME, DB_USER, DB_PASSWORD, DB_HOST and DB_PORT. Raises SettingsError, which names the missing and wrong ones."""
    host, port = env.get("DB_HOST", "localhost"), env.get("DB_PORT", "5432")
    is_directory = host.startswith("/")
    wrong = [
        f"{name} is missing: DB_NAME is set, so the {what} is needed too"
        for name, what in (("DB_USER", "user"), ("DB_PASSWORD", "user's password"))
        if name not in env and not (is_directory and name == "DB_PASSWORD")
    ]
    if not is_directory:
        try:
            host = f"[{IPv6Address(host.strip('[]'))}]"
        except ValueError:
            if not re.fullmatch(r"[\w.-]+", host):
                wrong.append("DB_HOST: must be a host name, an address, or a socket's directory (/run/postgresql)")
    if not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
        wrong.append("DB_PORT: must be a number from 1 to 65535")
    if wrong:
        raise SettingsError(wrong)
    user, name = quote(env["DB_USER"], safe=""), quote(env["DB_NAME"], safe="")
    password = ":" + quote(env["DB_PASSWORD"], safe="") if "DB_PASSWORD" in env else ""
    if is_directory:
        return f"postgresql://{user}{password}@/{name}?host={quote(host)}&port={port}"
    return f"postgresql://{user}{password}@{host}:{port}/{name}"
