"""Log lines: one a record, whatever a stranger puts into it."""

import json
import logging
import re

from core import logs


def written(message, *args, as_json=False, error=None):
    record = logging.LogRecord("tradepost.test", logging.WARNING, "", 0, message, args, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    return logs._Format(as_json).format(record)


def test_a_line_says_when_how_grave_where_and_what():
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING tradepost.test 7 things", written("%d things", 7)
    )


def test_within_a_request_each_line_names_it():
    token = logs.request_id.set("abc-1")
    try:
        assert written("x").endswith(" x request=abc-1")
        assert json.loads(written("x", as_json=True))["request"] == "abc-1"
    finally:
        logs.request_id.reset(token)
    assert "request" not in written("x") and "request" not in json.loads(written("x", as_json=True))


def test_a_strangers_line_break_makes_no_second_line():
    forged = "a\r\n2026-01-01T00:00:00.000Z ERROR forged\x0b\x85\u2028end"
    assert len(written("got %s", forged).splitlines()) == 1
    found = written("got %s", forged, as_json=True)
    assert len(found.splitlines()) == 1 and json.loads(found)["message"] == f"got {forged}"
    assert "\x9b" not in written("got %s", "\x9b2J", as_json=True) and "ñ" in written("ñ", as_json=True)


def test_escape_sequences_do_not_reach_a_terminal():
    assert "\x1b" not in written("got %s", "\x1b[2J\x1b]0;owned\x07")


def test_a_backslash_and_a_line_break_stay_apart():
    assert written("%s", "a\nb") != written("%s", "a\\nb")


def test_a_json_line_is_one_object_with_the_trace_in_it():
    try:
        raise ValueError("boom\nboom")
    except ValueError as error:
        text = written("failed", as_json=True, error=error)
    found = json.loads(text)
    assert "\n" not in text
    assert (found["level"], found["logger"], found["message"]) == ("WARNING", "tradepost.test", "failed")
    assert "ValueError: boom" in found["trace"] and "Traceback" in found["trace"]


def test_a_text_trace_follows_its_line():
    try:
        raise ValueError("boom")
    except ValueError as error:
        assert written("failed", error=error).splitlines()[1].startswith("  Traceback")


def test_any_text_can_be_written():
    for text in ("\udc80", "😀", "\0", "%", "%s"):
        for as_json in (False, True):
            written("%s", text, as_json=as_json).encode(errors="backslashreplace")
