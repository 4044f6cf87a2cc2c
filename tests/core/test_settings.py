"""Settings: everything that is wrong is named in one run, and no secret is ever shown."""

import dataclasses
from ipaddress import ip_address

import pytest

from core import settings
from handlers.settings import Settings

KEY = "kay-of-thirty-two-bytes-at-least"
DSN = "postgresql://me:secret@db/shop"
NEEDED = {"SECRET_KEY": KEY, "DATABASE_URL": DSN}
FIELDS = dataclasses.fields(Settings)


def wrong(**env):
    """What is said of these settings, by name."""
    with pytest.raises(settings.SettingsError) as caught:
        settings.read(Settings, {**NEEDED, **env})
    return {line.split(":")[0].split(" ")[0]: line for line in caught.value.lines}


def test_with_nothing_set_every_missing_one_is_named_with_what_it_is_for():
    with pytest.raises(settings.SettingsError) as caught:
        settings.read(Settings, {})
    assert [line.split(" ")[0] for line in caught.value.lines] == ["SECRET_KEY", "DATABASE_URL"]
    assert all(" is missing: " in line for line in caught.value.lines)


def test_every_wrong_one_is_named_in_the_same_run_as_the_missing():
    bad = {
        "REDIS_URL": "http://cache", "DEBUG": "maybe", "CORS_ALLOWED_ORIGINS": "https://a.example/", "TRUSTED_PROXIES": "proxy",
        "ACCESS_TOKEN_LIFETIME_HOURS": "0", "REFRESH_TOKEN_LIFETIME_DAYS": "week", "BCRYPT_COST": "3", "DB_POOL_SIZE": "1.5",
        "DB_STATEMENT_CACHE": "-1", "SSE_KEEPALIVE_SECONDS": "nan", "EVENT_RETENTION_HOURS": "inf", "LOG_FORMAT": "xml", "SALES_PUBLIC_READ": "2",
    }  # fmt: skip
    with pytest.raises(settings.SettingsError) as caught:
        settings.read(Settings, {"SECRET_KEY": "short", **bad})
    assert {line.split(":")[0].split(" ")[0] for line in caught.value.lines} == {"SECRET_KEY", "DATABASE_URL", *bad}
    assert len(caught.value.lines) == len(bad) + 2


def test_no_secret_has_a_default():
    secrets = [f for f in FIELDS if f.metadata["secret"]]
    assert {f.metadata["name"] for f in secrets} >= {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "SALES_IMPORT_API_KEY"}
    assert not any(f.default for f in secrets)


def test_every_setting_whose_name_sounds_secret_is_declared_so():
    for f in FIELDS:
        name = f.metadata["name"]
        if any(word in name for word in ("SECRET", "_PASSWORD", "_KEY", "TOKEN_KEY")) or name in (
            "DATABASE_URL",
            "REDIS_URL",
        ):
            assert f.metadata["secret"], name


def test_every_setting_says_what_it_is_for_and_has_a_name_of_its_own():
    names = [f.metadata["name"] for f in FIELDS]
    assert len(set(names)) == len(names)
    assert all(f.metadata["says"] for f in FIELDS)


def test_a_secret_is_in_no_repr_and_in_no_refusal():
    config = settings.read(
        Settings, {**NEEDED, "REDIS_URL": "redis://:hush@cache", "SALES_IMPORT_API_KEY": "hush-key-of-erp"}
    )
    for secret in (KEY, "secret", "hush"):
        assert secret not in repr(config) and secret not in str(config)
    assert "allowed_hosts" in repr(config)
    for name, value in {
        "SECRET_KEY": "hush", "DATABASE_URL": "postgresql://me:hu/sh@db/shop", "REDIS_URL": "redis://:hush@cache:port",
    }.items():  # fmt: skip
        assert "hu" not in wrong(**{name: value})[name].removeprefix(name), name


def test_a_key_shorter_than_the_hash_is_refused_and_counted_in_bytes():
    assert "at least 32 bytes" in wrong(SECRET_KEY=KEY[:31])["SECRET_KEY"]
    key = "éèêàâîôûçëïüöäñø"
    assert settings.read(Settings, {**NEEDED, "SECRET_KEY": key}).secret_key == key


def test_keys_that_can_be_guessed_or_sent_in_no_header_are_refused():
    assert "10 different characters" in wrong(SECRET_KEY="changeme" * 8)["SECRET_KEY"]
    for key, told in (
        ("short-key-1", "12 characters"),
        ("a key with blanks", "blanks"),
        ("a-key\twith-tab", "blanks"),
        ("schlüssel-der-erp", "ASCII"),
    ):
        line = wrong(SALES_IMPORT_API_KEY=key)["SALES_IMPORT_API_KEY"]
        assert told in line and key not in line
    assert settings.read(Settings, {**NEEDED, "SALES_IMPORT_API_KEY": "12-character"}).sales_import_api_key


def test_hosts_are_names_and_no_addresses_of_pages():
    for host in ("https://shop.example", "shop.example/", "ok.example,shop example"):
        assert list(wrong(ALLOWED_HOSTS=host)) == ["ALLOWED_HOSTS"], host
    assert settings.read(Settings, {**NEEDED, "ALLOWED_HOSTS": "*,[::1],.a.example"}).allowed_hosts == (
        "*",
        "[::1]",
        ".a.example",
    )


def test_an_address_of_another_kind_of_server_is_refused():
    for dsn in ("mysql://me@db/shop", "db:5432", "postgresql://me:pass@db:port/shop", "host=db dbname=shop"):
        assert list(wrong(DATABASE_URL=dsn)) == ["DATABASE_URL"], dsn
    for redis in ("cache:6379", "redis://cache:port", "https://cache"):
        assert list(wrong(REDIS_URL=redis)) == ["REDIS_URL"], redis
    for dsn in ("postgres://me@db/shop", "postgresql://me@/shop?host=/run/postgresql", "postgresql://[::1]:5432/shop"):
        assert settings.read(Settings, {**NEEDED, "DATABASE_URL": dsn}).database_url == dsn
    for redis in ("rediss://:p@cache:6380/1", "unix:///run/redis.sock"):
        assert settings.read(Settings, {**NEEDED, "REDIS_URL": redis}).redis_url == redis


def test_the_database_may_be_given_in_parts():
    def url(**parts):
        return settings.read(Settings, {"SECRET_KEY": KEY, **parts}).database_url

    login = {"DB_USER": "me", "DB_PASSWORD": "hush"}
    assert url(DB_NAME="shop", **login) == "postgresql://me:hush@localhost:5432/shop"
    assert url(DB_NAME="shop", DB_HOST="::1", **login) == "postgresql://me:hush@[::1]:5432/shop"
    assert url(DB_NAME="my shop", DB_USER="a@b", DB_PASSWORD="p:/?#@%", DB_HOST="db", DB_PORT="6432") == (
        "postgresql://a%40b:p%3A%2F%3F%23%40%25@db:6432/my%20shop"
    )
    assert (
        url(DB_NAME="shop", DB_USER="me", DB_HOST="/run/postgresql")
        == "postgresql://me@/shop?host=/run/postgresql&port=5432"
    )
    assert url(DB_NAME="shop", DB_HOST="db", DATABASE_URL=DSN) == DSN


def test_a_part_of_the_database_that_is_wrong_or_missing_is_named_by_its_own_name():
    def names(**parts):
        with pytest.raises(settings.SettingsError) as caught:
            settings.read(Settings, {"SECRET_KEY": KEY, "DB_NAME": "shop", **parts})
        return [line.split(":")[0] for line in caught.value.lines]

    login = {"DB_USER": "me", "DB_PASSWORD": "hush"}
    assert names() == ["DB_USER is missing", "DB_PASSWORD is missing"]
    assert names(DB_HOST="/run/postgresql") == ["DB_USER is missing"]
    for port in ("five", "0", "65536", "-1", "5432.0"):
        assert names(DB_PORT=port, **login) == ["DB_PORT"], port
    for host in ("db:5432", "postgresql://db", "a host", "me@db"):
        assert names(DB_HOST=host, **login) == ["DB_HOST"], host
    assert names(DB_HOST="a host", DB_PORT="five") == [
        "DB_USER is missing",
        "DB_PASSWORD is missing",
        "DB_HOST",
        "DB_PORT",
    ]


def test_values_are_read_as_their_kind():
    config = settings.read(
        Settings,
        {
            **NEEDED,
            "DEBUG": "Yes",
            "ALLOWED_HOSTS": "a.example, .b.example,,",
            "CORS_ALLOWED_ORIGINS": "https://a.example,http://localhost:5173",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "ACCESS_TOKEN_LIFETIME_HOURS": "0.5",
            "DB_POOL_SIZE": "4",
            "SALES_PUBLIC_READ": "off",
        },
    )
    assert (config.debug, config.sales_public_read) == (True, False)
    assert config.allowed_hosts == ("a.example", ".b.example")
    assert config.cors_allowed_origins == ("https://a.example", "http://localhost:5173")
    assert ip_address("10.1.2.3") in config.trusted_proxies[0] and ip_address("::1") in config.trusted_proxies[1]
    assert (config.access_token_hours, config.db_pool_size) == (0.5, 4)


def test_what_is_no_origin_is_refused():
    for origin in (
        "*",
        "null",
        "a.example",
        "ftp://a.example",
        "https://",
        "https://a.example/path",
        "https://a.example?x",
        "https://ok.example,nonsense",
    ):
        assert "CORS_ALLOWED_ORIGINS" in wrong(CORS_ALLOWED_ORIGINS=origin), origin


def test_the_documents_defaults_hold():
    config = settings.read(Settings, NEEDED)
    assert (config.access_token_hours, config.refresh_token_days) == (1, 7)
    assert (config.debug, config.cors_allowed_origins, config.trusted_proxies) == (False, (), ())
    assert config.allowed_hosts == ("localhost", "127.0.0.1", "[::1]")


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.read(Settings, NEEDED).debug = True


def test_the_environment_goes_before_dotenv_and_empty_counts_as_not_set(tmp_path, monkeypatch):
    dotenv = tmp_path / ".env"
    dotenv.write_text("# settings\nTP_A=from file\nexport TP_B='from file'\nTP_C=\"from #file\"\nTP_D=\nTP_E=  \n")
    monkeypatch.setenv("TP_B", " from environment ")
    monkeypatch.setenv("TP_F", " ")
    found = settings.environment(dotenv)
    assert {name: value for name, value in found.items() if name.startswith("TP_")} == {
        "TP_A": "from file",
        "TP_B": "from environment",
        "TP_C": "from #file",
    }


def test_no_dotenv_is_no_trouble(tmp_path):
    assert isinstance(settings.environment(tmp_path / ".env"), dict)
