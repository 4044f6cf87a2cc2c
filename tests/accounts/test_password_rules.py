"""What a new password must be like: each document's rules, and the strictest of them for all."""

from types import SimpleNamespace

import pytest

from core.problem import Problem
from handlers.accounts import password_rules
from handlers.accounts.password_rules import BOOKS, SHOP, STAFF, faults

SHORT = "Password must be at least {} characters long".format
LONG = "Ensure this field has no more than 72 bytes."
LIKE = "The password is too similar to your name or e-mail address."
COMMON = "This password is too common."
NUMERIC = "This password is entirely numeric."
ANN = ("ann.smith@example.com", "quetzal", "Ann Montgomery", None, "")


@pytest.mark.parametrize(("policy", "shortest"), [(SHOP, 6), (STAFF, 8), (BOOKS, 8)])
def test_each_policy_counts_characters_and_not_bytes(policy, shortest):
    for letter in ("ж", "漢", "😀"):
        assert faults(policy, letter * (shortest - 1)) == [SHORT(shortest)]
        assert faults(policy, letter * shortest) == []


@pytest.mark.parametrize("policy", [SHOP, STAFF, BOOKS])
def test_each_policy_takes_72_bytes_and_no_more(policy):
    for longest in ("é" * 36, "x" * 72, "漢" * 24, "😀" * 18):
        assert faults(policy, longest) == []
        assert faults(policy, longest + "x") == [LONG]
        assert faults(policy, longest * 20) == [LONG]


@pytest.mark.parametrize("policy", [SHOP, STAFF])
def test_the_shop_and_the_staff_api_ask_for_nothing_else(policy):
    for password in ("password", "12345678", "ann.smith@example.com", "quetzal1"):
        assert faults(policy, password, ANN) == []


def test_books_refuses_common_passwords_in_any_case_and_with_blanks_around():
    for password in ("password", "Password", "PASSWORD1", " password ", "iloveyou", "qwertyuiop"):
        assert faults(BOOKS, password) == [COMMON], password
    for password in ("correct-horse-battery", "xpasswordx-17"):
        assert faults(BOOKS, password) == []


def test_books_refuses_digits_only_whichever_alphabet_they_are_of():
    for password in ("314159265358", "٣١٤١٥٩٢٦٥"):
        assert faults(BOOKS, password) == [NUMERIC]
    assert faults(BOOKS, "31415926x") == []


def test_books_refuses_what_is_like_a_name_or_the_address_or_a_part_of_them():
    for password in (
        "ann.smith@example.com", "ANN.SMITH@EXAMPLE.COM", "ann.smith", "annsmith1", "quetzal1", "Quetzal99", "lazteuq1", "montgomery",
        "Montgomery1", "ann montgomery", "annmontgomery", "example1",
    ):  # fmt: skip
        assert faults(BOOKS, password, ANN) == [LIKE], password
    for password in ("correct-horse-battery", "ann-and-the-wide-blue-sea", "mont-blanc-17", "zzzzzzzzz"):
        assert faults(BOOKS, password, ANN) == [], password


def test_nobody_without_names_and_none_with_a_short_one_is_kept_from_a_password():
    for about in ((), ("", None), ("a", "b"), ("@",), (" ",)):
        assert faults(BOOKS, "correct-horse", about) == []


def test_likeness_is_found_in_bounded_time_however_long_the_name():
    assert faults(BOOKS, "correct-horse-battery", ["x" * 100_000, "ab " * 100]) == []


def test_all_that_is_wrong_is_told_at_once():
    assert faults(BOOKS, "1234567") == [SHORT(8), NUMERIC]
    assert faults(BOOKS, "12345678") == [COMMON, NUMERIC]


def test_a_refusal_is_a_field_error_of_the_field_that_was_sent():
    documented = SimpleNamespace(password_policy="documented")
    password_rules.check(documented, SHOP, "sixsix")
    with pytest.raises(Problem) as refused:
        password_rules.check(documented, SHOP, "fives")
    assert (refused.value.status, refused.value.fields) == (400, {"password": [SHORT(6)]})
    with pytest.raises(Problem) as refused:
        password_rules.check(documented, STAFF, "seven77", field="new_password")
    assert refused.value.fields == {"new_password": [SHORT(8)]}


@pytest.mark.parametrize("policy", [SHOP, STAFF, BOOKS])
def test_the_strict_setting_holds_every_policy_to_the_rules_of_books(policy):
    strict = SimpleNamespace(password_policy="strict")
    for password, told in {
        "seven77": SHORT(8),
        "password": COMMON,
        "314159265358": NUMERIC,
        "quetzal1": LIKE,
        "x" * 73: LONG,
    }.items():
        with pytest.raises(Problem) as refused:
            password_rules.check(strict, policy, password, ANN)
        assert refused.value.fields == {"password": [told]}, password
    password_rules.check(strict, policy, "correct-horse-battery", ANN)


def test_the_list_holds_a_thousand_passwords_each_once_that_no_other_rule_refuses_by_length():
    lines = password_rules.COMMON.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(set(lines)) == len(password_rules.common()) == 1000
    assert all(line == line.lower().strip() and 8 <= len(line) <= 72 for line in lines)
