"""Another SECRET_KEY by server.py rotate-secret, while what the one before has signed stays valid; in a file, in a demo's home, on paper."""

import functools
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core import secret_keys, setting
from core.embedded.home import open_home
from core.operate import env_file, rotation
from core.secret_keys import Fallback
from core.tokens import TokenError, Tokens
from handlers.settings import Settings
from handlers.webhooks import secret
from tests.support.command import run, run_here

KEY, OLDER = "the-present-key-of-at-least-32-bytes", "an-older-key-of-at-least-32-bytes-too"
NOW = datetime(2025, 1, 18, 9, 30, tzinfo=UTC)


def read(text):
    return secret_keys.reader(setting.key)(text)


def settings_of(*fallbacks, key=KEY):
    return Settings(secret_key=key, secret_key_fallbacks=fallbacks, database_url="postgresql://u@h/d")


def test_a_list_of_keys_is_read_as_it_was_written():
    for fallbacks in (
        (),
        (Fallback(KEY),),
        (Fallback(KEY, is_coming=True), Fallback(OLDER, NOW)),
        (Fallback("a key, with \\ commas, and an @sign of 32", NOW), Fallback(f"{OLDER}\\")),
    ):
        assert read(secret_keys.written(fallbacks)) == fallbacks


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{KEY},short", "key number 2 must be at least 32 bytes"),
        ("changeme" * 8, "10 different characters"),
        (f"{KEY}@20251399T000000Z", "moment that does not exist"),
        (",".join([KEY] * 21), "at most 20"),
    ],
)
def test_each_key_is_held_to_the_rules_of_secret_key(text, what):
    with pytest.raises(ValueError, match=what) as caught:
        read(text)
    assert "short" not in str(caught.value).replace("at least", "") and KEY not in str(caught.value)


def test_tokens_of_every_known_key_are_read_and_the_first_one_signs():
    old = Tokens(OLDER).sign("access", 4102444800, {"sid": 1})
    both = Tokens(KEY, OLDER)
    assert both.read("access", old)["sid"] == 1
    assert Tokens(KEY).read("access", both.sign("access", 4102444800, {"sid": 2}))["sid"] == 2
    with pytest.raises(TokenError, match="invalid"):
        Tokens(KEY).read("access", old)
    with pytest.raises(TokenError, match="expired"):
        both.read("access", Tokens(OLDER).sign("access", 1, {}))


def test_the_key_before_stays_for_the_life_of_its_tokens_and_longer_where_it_is_in_use():
    first = rotation.rotate(settings_of(), NOW, ())
    assert first.fallbacks == (Fallback(KEY, NOW),) and first.secret_key != KEY and len(first.secret_key) > 60
    config = settings_of(*first.fallbacks, key=first.secret_key)
    soon = rotation.rotate(config, NOW + timedelta(days=7), ())
    assert [one.key for one in soon.fallbacks] == [first.secret_key, KEY] and soon.dropped == 0
    late = NOW + timedelta(days=8)
    dropped = rotation.rotate(config, late, ())
    assert [one.key for one in dropped.fallbacks] == [first.secret_key] and dropped.dropped == 1
    used = rotation.rotate(config, late, [KEY])
    assert [one.key for one in used.fallbacks] == [first.secret_key, KEY] and (used.dropped, used.kept) == (0, 1)
    # The time of a key that an operator has written by hand begins with the next rotation.
    assert rotation.rotate(settings_of(Fallback(OLDER)), late, ()).fallbacks[1] == Fallback(OLDER, late)


def test_a_coming_key_is_known_before_it_signs():
    prepared = rotation.prepare(settings_of(Fallback(OLDER, NOW)))
    coming = prepared.fallbacks[0]
    assert prepared.secret_key == KEY and coming.is_coming and prepared.fallbacks[1].key == OLDER
    config = settings_of(*prepared.fallbacks)
    with pytest.raises(rotation.RotationError, match="there already"):
        rotation.prepare(config)
    turned = rotation.rotate(config, NOW, ())
    assert turned.secret_key == coming.key
    assert turned.fallbacks == (Fallback(KEY, NOW), Fallback(OLDER, NOW))
    # A process with the keys before, and one with those after, accept what the other signs.
    before, after = Tokens(*config.secret_keys), Tokens(turned.secret_key, *(one.key for one in turned.fallbacks))
    for signer, reader in ((before, after), (after, before)):
        assert reader.read("access", signer.sign("access", 4102444800, {"sid": 1}))["sid"] == 1
    assert rotation.forget(config).fallbacks == ()


def test_a_file_of_settings_keeps_all_but_the_changed_lines(tmp_path):
    path, link = tmp_path / "real.env", tmp_path / ".env"
    path.write_text(
        f"# Mine.\n\nDEBUG=true\nexport SECRET_KEY='{KEY}'  # signs\nSECRET_KEY_FALLBACKS=\nNAME=\"a b\"\nSECRET_KEY={KEY}"
    )
    path.chmod(0o640)
    link.symlink_to(path)
    env_file.change(link, {"SECRET_KEY": OLDER, "SECRET_KEY_FALLBACKS": f"{KEY}@20250118T093000Z"})
    assert path.read_text() == (
        f'# Mine.\n\nDEBUG=true\nexport SECRET_KEY={OLDER}\nSECRET_KEY_FALLBACKS={KEY}@20250118T093000Z\nNAME="a b"\n'
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and link.is_symlink()
    assert {one.name for one in tmp_path.iterdir()} == {"real.env", ".env"}
    env_file.change(link, {"SECRET_KEY_FALLBACKS": "", "NEW": "a b, \\, c"})
    assert env_file.values(link) == {"DEBUG": "true", "SECRET_KEY": OLDER, "NAME": "a b", "NEW": "a b, \\, c"}
    for value in ("it's", "a\\b", "two\nlines", "${HOME}"):
        with pytest.raises(env_file.EnvFileError, match="NEW has a quotation mark"):
            env_file.change(link, {"NEW": value})
    with pytest.raises(env_file.EnvFileError, match="can't change"):
        env_file.change(tmp_path / "none", {"NEW": "x"})


@pytest.fixture
def env(database_url, tmp_path):
    return {"DATABASE_URL": database_url, "BCRYPT_COST": "4", "MEDIA_ROOT": str(tmp_path / "media")}


def test_the_command_changes_the_file_that_has_the_key_and_prints_no_key(env, tmp_path):
    path = tmp_path / "tradepost.env"
    path.write_text(f"SECRET_KEY={KEY}\n")
    done = run("rotate-secret", "--file", str(path), **env, SECRET_KEY=KEY)
    assert done.returncode == 0, done.stderr
    found = env_file.values(path)
    (fallback,) = read(found["SECRET_KEY_FALLBACKS"])
    assert fallback.key == KEY and abs(fallback.retired_at - datetime.now(UTC)) < timedelta(hours=1)
    assert found["SECRET_KEY"] != KEY and f"another SECRET_KEY is in {path}" in done.stdout
    assert not any(key in done.stdout + done.stderr for key in (KEY, found["SECRET_KEY"]))
    # The environment of this command is out of date now, and what it would write would be too.
    again = apart(run_here, "rotate-secret", "--file", str(path), **env, SECRET_KEY=KEY)
    assert again.returncode == 1 and "is not set in" in again.stderr and env_file.values(path) == found
    printed = apart(run_here, "rotate-secret", "--print", "--prepare", **env, **found)
    lines = dict(line.partition("=")[::2] for line in printed.stdout.splitlines())
    assert lines["SECRET_KEY"] == found["SECRET_KEY"] and "@coming," in lines["SECRET_KEY_FALLBACKS"]
    assert "restart every process, one after another" in printed.stderr and env_file.values(path) == found
    leaked = apart(run_here, "rotate-secret", "--forget", "--file", str(path), **env, **found)
    assert leaked.returncode == 0 and "SECRET_KEY_FALLBACKS" not in env_file.values(path)
    assert "restart every process now" in leaked.stdout


async def add_webhook(db, key):
    await db.execute(
        """WITH owner AS (INSERT INTO accounts.account (email, role) VALUES ('rotation@example.com', 'MEMBER') RETURNING id)
           INSERT INTO webhooks.webhook (account_id, url, description, topics, is_active, salt, key_check)
           SELECT id, 'https://example.com/', '', ARRAY['*'], true, '\\x00', $1 FROM owner""",
        secret.key_check(key),
    )


def apart(command, *arguments, **env):
    """In a thread: asyncio.run would take the loop of other tests away."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(functools.partial(command, *arguments, **env)).result()


def test_a_key_by_which_a_webhook_signs_stays_beyond_its_time(env, db, io_loop):
    retired = secret_keys.written([Fallback(OLDER, NOW), Fallback("x" + OLDER, NOW)])
    io_loop.run_sync(lambda: add_webhook(db, OLDER))
    printed = apart(run_here, "rotate-secret", "--print", **env, SECRET_KEY=KEY, SECRET_KEY_FALLBACKS=retired)
    assert printed.returncode == 0, printed.stderr
    assert "1 older keys stay" in printed.stderr and "1 older keys were dropped" in printed.stderr
    lines = dict(line.partition("=")[::2] for line in printed.stdout.splitlines())
    assert [one.key for one in read(lines["SECRET_KEY_FALLBACKS"])] == [KEY, OLDER]


def test_a_demo_keeps_its_keys_in_its_home(home_folder):
    home = home_folder / "rotation"
    assert run("rotate-secret", "--demo", "--home", str(home), BCRYPT_COST="4").returncode == 0
    kept = open_home(home)
    try:
        first, fallbacks = kept.secret("secret_key"), read(kept.known("secret_key_fallbacks"))
        assert len(fallbacks) == 1 and fallbacks[0].key != first and fallbacks[0].retired_at
    finally:
        kept.close()
    checked = run("doctor", "--demo", "--home", str(home), BCRYPT_COST="4")
    assert "ok     secret keys: SECRET_KEY, and 1 older keys whose signatures are valid" in checked.stdout
    assert first not in checked.stdout and fallbacks[0].key not in checked.stdout


def test_settings_show_no_fallback():
    shown = repr(replace(settings_of(Fallback(OLDER, NOW))))
    assert OLDER not in shown and KEY not in shown
