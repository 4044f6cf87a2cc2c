"""What a command runs on: its settings and, where asked for, the Postgres, Redis and secrets that are not configured."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from core import settings
from core.embedded.home import Home, open_home
from core.embedded.postgres import EmbeddedPostgres, start_postgres
from core.embedded.redis import EmbeddedRedis, start_redis
from core.embedded.unprivileged import EmbeddedError
from core.settings import SettingsError, Some

NO_REDIS = "No Redis here (no wheel for this machine, none on PATH): going on without; everything works."
# What a demo brings itself. Beside a production's `.env` it would plant its accounts, whose passwords are known, in there.
BROUGHT = {"DATABASE_URL": "Postgres", "DB_NAME": "Postgres", "REDIS_URL": "Redis"}


Service = EmbeddedPostgres | EmbeddedRedis

log = logging.getLogger("tradepost.installation")


@dataclass
class Installation(Generic[Some]):
    """services: the embedded ones, ours to stop. notes: what the user should know of them."""

    config: Some
    services: list[Service] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    home: Home | None = None

    @property
    def folder(self) -> Path:
        """Where the data of the embedded services is: the home or, where their account can't reach it, elsewhere."""
        return self.services[0].log.parent.parent

    def revive(self) -> None:
        """Start anew, over the same data, what someone has killed. Takes a second when there is something to do."""
        for place, service in enumerate(self.services):
            if self.home is None or service.is_running():
                continue
            is_postgres = isinstance(service, EmbeddedPostgres)
            name = "Postgres" if is_postgres else "Redis"
            log.error("the embedded %s (pid %d) has ended, starting it anew", name, service.pid)
            try:
                self.services[place] = start_postgres(self.home) if is_postgres else start_redis(self.home) or service
            except EmbeddedError as error:
                log.error("%s", error)

    def trim_logs(self) -> None:
        """The logs of the embedded services stay bounded however long we run."""
        for service in self.services:
            service.trim_log()


@contextmanager
def installed(
    kind: type[Some], dotenv: Path, home: Path | None, defaults: Mapping[str, str], unless_set: Mapping[str, str]
) -> Iterator[Installation[Some]]:
    """The settings of `kind`; with a home, its own Postgres, Redis, key and media folder, `defaults`, and
    what is not set of `unless_set`. All of it ends with the block.

    Raises SettingsError, HomeError, EmbeddedError.
    """
    env = settings.environment(dotenv)
    services: list[Service] = []
    notes: list[str] = []
    ours: Home | None = None
    with ExitStack() as ending:
        if home is not None:
            refuse_configured(env)
            ours = open_home(home.absolute())
            ending.callback(ours.close)
            # A key of its own: with production's, a token of the demo would be good there.
            env |= {"SECRET_KEY": ours.secret("secret_key"), "MEDIA_ROOT": str(ours.path / "media"), **defaults}
            env = {**unless_set, **env}
            ending.callback(lambda: [service.stop() for service in reversed(services)])  # those that run by then
            postgres = start_postgres(ours)
            services.append(postgres)
            env["DATABASE_URL"] = postgres.dsn
            redis = start_redis(ours)
            if redis is None:
                notes.append(NO_REDIS)
            else:
                services.append(redis)
                env["REDIS_URL"] = redis.url
        yield Installation(settings.read(kind, env), services, notes, ours)


def refuse_configured(env: Mapping[str, str]) -> None:
    """A demo and a configured Postgres or Redis exclude each other. Raises SettingsError, a line for each."""
    lines = [
        f"{name} is set, and --demo brings its own {service}: unset it, or leave --demo out (./run serve)"
        for name, service in BROUGHT.items()
        if name in env
    ]
    if lines:
        raise SettingsError(lines)
