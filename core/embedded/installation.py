"""What a command runs on: its settings and, for a demo, its own Postgres, Redis and secrets."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from core import product, program, settings
from core.embedded.home import Home, open_home
from core.embedded.postgres import EmbeddedPostgres, start_postgres
from core.embedded.redis import EmbeddedRedis, start_redis
from core.embedded.unprivileged import EmbeddedError
from core.settings import SettingsError, Some

NO_REDIS = "No Redis here (no wheel for this machine, none on PATH): going on without; everything works."
# What a home calls the keys of its demo.
SECRET, FALLBACKS = "secret_key", "secret_key_fallbacks"
# A demo brings these services itself. With the settings of a production it would create its accounts, whose passwords are public, there.
BROUGHT = {"DATABASE_URL": "Postgres", "DB_NAME": "Postgres", "REDIS_URL": "Redis"}


Service = EmbeddedPostgres | EmbeddedRedis

log = product.logger("installation")


@dataclass
class Installation(Generic[Some]):
    """The settings, and the embedded services that belong to this process. notes: lines about them for the user."""

    config: Some
    services: list[Service] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    home: Home | None = None

    @property
    def folder(self) -> Path:
        """The folder with the data of the embedded services: the home, or another one if their account can't reach the home."""
        return self.services[0].log.parent.parent

    def revive(self) -> None:
        """Start each service again that has ended, with the same data. Takes a second if there is one."""
        for place, service in enumerate(self.services):
            if self.home is None or service.is_running():
                continue
            is_postgres = isinstance(service, EmbeddedPostgres)
            name = "Postgres" if is_postgres else "Redis"
            log.error("the embedded %s (pid %d) has ended, starting it again", name, service.pid)
            try:
                self.services[place] = start_postgres(self.home) if is_postgres else start_redis(self.home) or service
            except EmbeddedError as error:
                log.error("%s", error)

    def trim_logs(self) -> None:
        """Limit the size of the services' logs."""
        for service in self.services:
            service.trim_log()


@contextmanager
def installed(
    kind: type[Some], dotenv: Path, home: Path | None, defaults: Mapping[str, str], unless_set: Mapping[str, str]
) -> Iterator[Installation[Some]]:
    """The settings of class `kind`, read from the environment and the file `dotenv`.

    With a home (a demo) it also starts Postgres and Redis, until the end of the block. The settings then name these, a key and a media
    folder of the home, and `defaults` in any case; `unless_set` only where the environment names nothing else.
    Raises SettingsError, HomeError, EmbeddedError.
    """
    env = settings.environment(dotenv)
    services: list[Service] = []
    notes: list[str] = []
    ours: Home | None = None
    with ExitStack() as ending:
        if home is not None:
            refuse_configured(env)
            refuse_missing()
            ours = open_home(home.absolute())
            ending.callback(ours.close)
            # The demo has its own key: with a production's key, the demo's tokens would be valid there.
            env |= {"SECRET_KEY": ours.secret(SECRET), "MEDIA_ROOT": str(ours.path / "media"), **defaults}
            env["SECRET_KEY_FALLBACKS"] = ours.known(FALLBACKS)
            env = {**unless_set, **env}
            # Stops the services that run when the block ends.
            ending.callback(lambda: [service.stop() for service in reversed(services)])
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
    """Raises SettingsError when Postgres or Redis is configured, which a demo doesn't use: a line for each setting."""
    lines = [
        f"{name} is set, and --demo brings its own {service}: unset it, or leave --demo out ({program.STARTED} serve)"
        for name, service in BROUGHT.items()
        if name in env
    ]
    if lines:
        raise SettingsError(lines)


def refuse_missing() -> None:
    """Raises EmbeddedError when this program is one file that was built without the services."""
    build = program.build()
    if build and not build.has_demo:
        raise EmbeddedError(
            f"{program.FILE.name} is built without the Postgres and Redis of a demo: `./run build --with-demo` makes one that has them; "
            "or give DATABASE_URL, and leave --demo out"
        )
