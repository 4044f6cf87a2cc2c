"""What a command runs on: its settings and, where asked for, the Postgres, Redis and secrets that are not configured."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from core import settings
from core.embedded_postgres import EmbeddedPostgres, start_postgres
from core.embedded_redis import EmbeddedRedis, start_redis
from core.home import open_home
from core.settings import Some

NO_REDIS = "No Redis here (no wheel for this Python, none on PATH): going on without; everything works."


@dataclass
class Installation(Generic[Some]):
    """services: the embedded ones, ours to stop. notes: what the user should know of them."""

    config: Some
    services: list[EmbeddedPostgres | EmbeddedRedis] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def trim_logs(self) -> None:
        """The logs of the embedded services stay bounded however long we run."""
        for service in self.services:
            service.trim_log()


@contextmanager
def installed(
    kind: type[Some], dotenv: Path, home: Path | None, defaults: Mapping[str, str]
) -> Iterator[Installation[Some]]:
    """The settings of `kind`; with a home, what they lack is provided there, `defaults` included. All of it ends with the block.

    Raises SettingsError, HomeError, EmbeddedError.
    """
    env = settings.environment(dotenv)
    services: list[EmbeddedPostgres | EmbeddedRedis] = []
    notes: list[str] = []
    with ExitStack() as ending:
        if home is not None:
            ours = open_home(home.absolute())
            ending.callback(ours.close)
            env = {"SECRET_KEY": ours.secret("secret_key"), **defaults, **env}
            if "DATABASE_URL" not in env and "DB_NAME" not in env:
                postgres = start_postgres(ours)
                ending.callback(postgres.stop)
                services.append(postgres)
                env["DATABASE_URL"] = postgres.dsn
            if "REDIS_URL" not in env:
                redis = start_redis(ours)
                if redis is None:
                    notes.append(NO_REDIS)
                else:
                    ending.callback(redis.stop)
                    services.append(redis)
                    env["REDIS_URL"] = redis.url
        yield Installation(settings.read(kind, env), services, notes)
