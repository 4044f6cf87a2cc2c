"""Signed tokens: only ours, only of the right kind, only while they are good."""

import base64
import json
import time

import jwt
import pytest

from core.tokens import LEEWAY, TokenError, Tokens

KEY = "k" * 32
tokens = Tokens(KEY)
CLAIMS = {"token_type": "access", "exp": 4102444800, "iat": 1, "jti": "x", "sid": 1}


def refusal(token, kind="access"):
    with pytest.raises(TokenError) as caught:
        tokens.read(kind, token)
    return caught.value.reason


def segment(value):
    return (
        base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode().rstrip("=")
    )


def test_a_token_gives_back_its_claims_with_those_of_the_documents():
    end = time.time() + 60
    found = tokens.read("access", tokens.sign("access", end, {"user_id": "7", "sid": 9}))
    assert (found["token_type"], found["exp"], found["user_id"], found["sid"]) == ("access", int(end), "7", 9)
    assert len(found["jti"]) == 32 and int(found["jti"], 16) and abs(found["iat"] - time.time()) < 5


def test_no_two_tokens_are_the_same():
    assert tokens.sign("access", 4102444800, {}) != tokens.sign("access", 4102444800, {})


def test_the_header_names_the_one_algorithm():
    assert jwt.get_unverified_header(tokens.sign("access", 4102444800, {}))["alg"] == "HS256"


def test_expired_is_distinguished_after_the_leeway_between_clocks():
    now = time.time()
    assert refusal(tokens.sign("access", now - LEEWAY - 2, {})) == "expired"
    assert tokens.read("access", tokens.sign("access", now - LEEWAY + 3, {}))


def test_one_kind_is_not_the_other():
    assert refusal(tokens.sign("refresh", 4102444800, {})) == "wrong type"
    assert refusal(tokens.sign("access", 4102444800, {}), "refresh") == "wrong type"
    assert refusal(tokens.sign("refresh", 1, {})) == "expired"


def test_a_token_without_a_claim_that_we_always_write_is_invalid():
    for missing in ("exp", "iat", "jti", "token_type"):
        claims = {name: value for name, value in CLAIMS.items() if name != missing}
        assert refusal(jwt.encode(claims, KEY, "HS256")) == "invalid", missing


def test_a_token_of_another_key_or_algorithm_or_none_is_invalid():
    assert refusal(jwt.encode(CLAIMS, "o" * 32, "HS256")) == "invalid"
    assert refusal(jwt.encode(CLAIMS, KEY * 2, "HS512")) == "invalid"
    assert refusal(jwt.encode(CLAIMS, None, "none")) == "invalid"
    for algorithm in ("none", "None", "", None, ["HS256"], "RS256"):
        assert refusal(f"{segment({'alg': algorithm, 'typ': 'JWT'})}.{segment(CLAIMS)}.") == "invalid", algorithm


def test_a_token_changed_anywhere_is_invalid():
    good = tokens.sign("access", 4102444800, {"sid": 1})
    head, claims, signature = good.split(".")
    forged = segment({**CLAIMS, "sid": 2})
    for token in (
        f"{head}.{forged}.{signature}",
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{good}.x",
        good[:-4],
        f"{segment({'alg': 'HS256'})}.{claims}.{signature}",
    ):
        assert refusal(token) == "invalid", token


def test_claims_of_a_wrong_type_are_invalid():
    for change in (
        {"exp": "soon"},
        {"exp": None},
        {"exp": []},
        {"iat": "x"},
        {"iat": {}},
        {"jti": 5},
        {"exp": "1e999"},
    ):
        assert refusal(jwt.api_jws.encode(json.dumps({**CLAIMS, **change}).encode(), KEY, "HS256")) == "invalid", change
    for claims in (
        b"[]",
        b"1",
        b"null",
        b"nonsense",
        b"\xff",
        b'{"exp":1e999,"iat":1,"jti":"x","token_type":"access"}',
    ):
        assert refusal(jwt.api_jws.encode(claims, KEY, "HS256")) == "invalid", claims


def test_a_token_issued_in_the_future_is_invalid():
    assert refusal(jwt.encode({**CLAIMS, "iat": 4102444700}, KEY, "HS256")) == "invalid"


def test_what_is_no_token_at_all_is_invalid_and_never_an_error():
    deep = segment(b"[" * 20_000)
    for text in (
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "null",
        "é.é.é",
        "\x00",
        "x" * 30_000,
        f"{deep}.{deep}.{deep}",
        f"{segment([])}.e30.x",
        f"{segment({})}.e30.x",
    ):
        assert refusal(text) == "invalid", text[:20]


def test_a_token_that_was_read_expires_all_the_same_and_what_was_read_of_it_cannot_be_changed():
    tokens = Tokens(KEY)
    token = tokens.sign("access", time.time() + 60, {"sid": 1})
    tokens.read("access", token)["sid"] = 2
    assert tokens.read("access", token)["sid"] == 1
    with pytest.raises(TokenError, match="wrong type"):
        tokens.read("refresh", token)
    middle = len(token) - 20
    for changed in (
        token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :],
        token.replace(".", ".x", 1),
    ):
        with pytest.raises(TokenError, match="invalid"):
            tokens.read("access", changed)
    brief = tokens.sign("access", time.time() - LEEWAY + 5, {"sid": 1})  # good for four or five seconds more
    assert tokens.read("access", brief)["sid"] == 1
    time.sleep(5.1)
    with pytest.raises(TokenError, match="expired"):
        tokens.read("access", brief)


def test_no_more_tokens_are_known_than_fit(monkeypatch):
    monkeypatch.setattr("core.tokens.MOST_KNOWN", 3)
    tokens = Tokens(KEY)
    given = [tokens.sign("access", time.time() + 60, {"sid": n}) for n in range(10)]
    assert [tokens.read("access", token)["sid"] for token in given] == list(range(10))
    assert len(tokens._known) <= 3
