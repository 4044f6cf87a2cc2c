"""Request bodies against their schema files: two validators with one verdict, and the words for what is wrong."""

import json
import re
from functools import cache

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.http import body, json_text, schema
from core.http.declare import bodies_of
from core.problem import Problem, invalid
from handlers.api import areas
from handlers.api.dialects import ApiDialect
from handlers.api.messages import SENTENCES
from tests.support.forms import by_form

# The schemas of bodies that are taken. Those of answers are in tests/operations/test_description.py.
NAMES = sorted(
    {
        one.name
        for route in areas.router().routes
        for method in route.handler.methods()
        for one in bodies_of(getattr(route.handler, method.lower())).schemas
    }
)
# For one schema; all schemas share a number, so that new schemas do not cost more time.
EXAMPLES = int(max(by_form(short=15, long=200), by_form(short=1000, long=20_000) // len(NAMES)))

# Keywords that have no sentence of their own: what they hold has, or they only describe.
STRUCTURE = {
    "$schema",
    "$defs",
    "$ref",
    "description",
    "properties",
    "items",
    "required",
    "anyOf",
    "numbers",
    "const",
    "default",
}

# Letters of one to four bytes, digits that only Unicode calls digits, blanks, what ends a line.
LETTERS = [
    "a",
    "Z",
    "0",
    "9",
    "-",
    ".",
    "@",
    "é",
    "\u0663",
    "漢",
    "𝒳",
    "😀",
    " ",
    "\t",
    "\n",
    "\r",
    "\x0b",
    "\u00a0",
    "\u2028",
    "\x85",
    "\x7f",
]
STRANGE = [
    None, True, False, 0, -0.0, 1, 1.0, 20.0, 0.5, -1, 2**31, 2**53 + 1, 10**17, 1e308, 5e-324,
    "", " ", "\n", "1", "1\n", " 7 ", "1.", ".5", "1e5", "+1", "٣", "2025-02-30", "2025-01-18\n", "2025-01-18", "0000-01-01", "a@b.example",
    "a@b.example\n", "é@b.example", "a" * 65 + "@b.example", "x" * 256, "😀" * 128, [], [[]], {}, [None], {"a": 1},
]  # fmt: skip
FORMAT_SAMPLES = {
    "date": ["2025-01-18", "2024-02-29", "2023-02-29", "2025-1-18", "2025-01-18T00:00:00", "2025-01-18\n", "10000-01-01", "２０２５-01-18"],
    "email": [
        "a@b.example", "A.b+c@d-e.example", "a@b", "a@b..example", "a@-b.example", "a b@c.example", "a@b.example\n", "@b.example",
        "a" * 65 + "@b.example", ".a@b.example", "a..b@c.example", "a@münchen.example", "shop@उदाहरण.भारत", "a@xn--mnchen-3ya.example",
    ],
    "uuid": [
        "123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000",
        "123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-426614174000\n",
    ],
}  # fmt: skip
# These say how a text is read (core/http/conform.py), and refuse none.
READ_AS = {"scan", "scanned-email", "password", "flag", "given"}


def resolved(node, root):
    """The node with its $ref merged in, as it applies: both at once."""
    if "$ref" not in node:
        return node
    name = node["$ref"].removeprefix("#/$defs/")
    return {**resolved(root["$defs"][name], root), **{key: value for key, value in node.items() if key != "$ref"}}


def nodes(node, root, path="$"):
    """Every subschema as it applies, with where it is."""
    node = resolved(node, root)
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from nodes(inner, root, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], root, f"{path}[]")
    for n, inner in enumerate(node.get("anyOf", [])):
        yield from nodes(inner, root, f"{path}|{n}")


def every_node():
    for name in NAMES:
        document = schema.load(name).document
        for path, node in nodes(document, document):
            yield f"{name} {path}", node


def types(node):
    found = node.get("type", [])
    return found if isinstance(found, list) else [found]


def samples(node, root):
    """Values of a leaf: at its limits, in all kinds of letters, and strange ones."""
    found = list(STRANGE)
    for branch in [node, *(resolved(inner, root) for inner in node.get("anyOf", []))]:
        found += branch.get("enum", []) + [str(choice).lower() for choice in branch.get("enum", [])]
        found += [branch["const"]] if "const" in branch else []
        found += FORMAT_SAMPLES.get(branch.get("format"), [])
        if "string" in types(branch):
            least, most = branch.get("minLength", 0), branch.get("maxLength", 40)
            lengths = {length for length in (0, 1, least - 1, least, most - 1, most, most + 1) if 0 <= length <= 12_000}
            found += [
                (letters * length)[:length]
                for length in sorted(lengths)
                for one in LETTERS
                for letters in (one, "a" + one)
            ]
        if {"integer", "number"} & set(types(branch)):
            low, high = branch["minimum"], branch["maximum"]
            found += [low, low - 1, low + 1, low - 1e-9, float(low), high, high + 1, high - 1, float(high), high + 0.5]
    return found


def as_read(body):
    """What a request's JSON is read as."""
    return json_text.value(json.dumps(body, ensure_ascii=False))[0]


def values(node, root):
    """Values that are mostly as the schema says, often at its limits, and now and then anything at all."""
    node = resolved(node, root)
    if "array" in types(node):
        well = arrays(node, root)
    elif "object" in types(node):
        well = objects(node, root)
    else:
        pool = samples(node, root)
        leaf = jsonschema.Draft202012Validator(
            {**node, "$defs": root.get("$defs", {})}, format_checker=schema._format_checker
        )
        well, wild = st.sampled_from([value for value in pool if leaf.is_valid(value)]), st.sampled_from(pool)
        return st.integers(0, 25).flatmap(lambda n: wild if n in (7, 8) else well)
    return st.integers(0, 40).flatmap(lambda n: st.sampled_from(STRANGE) if n == 7 else well)


def arrays(node, root):
    item, most = values(node["items"], root), node["maxItems"]
    few = st.lists(item, max_size=2)
    return (
        few
        if most > 50
        else st.one_of(few, item.map(lambda one: [one] * (most + 1)), item.map(lambda one: [one] * most))
    )


def objects(node, root):
    members = {name: values(inner, root) for name, inner in node.get("properties", {}).items()}
    required = {name: members[name] for name in node.get("required", []) if name in members}
    optional = {name: inner for name, inner in members.items() if name not in required}
    whole = st.fixed_dictionaries(required, optional=optional)
    less = st.tuples(whole, st.sampled_from(sorted(members) or [""])).map(
        lambda pair: {k: v for k, v in pair[0].items() if k != pair[1]}
    )
    more = whole.map(lambda value: {**value, "unknown": 1, "": None})
    return st.integers(0, 20).flatmap(lambda n: less if n == 7 else more if n == 8 else whole)


@cache
def bodies(name):
    document = schema.load(name).document
    return values(document, document)


@pytest.mark.parametrize("name", NAMES)
def test_both_validators_give_the_same_verdict_and_a_refusal_is_always_explained(name):
    found = schema.load(name)
    seen = set()

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(bodies(name))
    def check(body):
        value = as_read(body)
        verdict = found.accepts(value)
        seen.add(verdict)
        assert verdict is found.of_record.is_valid(value), body
        if not verdict:
            errors = errors_of(found, value)
            assert errors and all(leaf and isinstance(leaf, str) for leaf in leaves(errors)), errors

    check()
    assert True in seen, "the generator must find what is accepted"


@pytest.mark.parametrize("name", NAMES)
def test_each_field_refuses_what_it_cannot_be_with_either_validator(name):
    found = schema.load(name)
    refused = set()
    for field in found.document["properties"]:
        for value in STRANGE:
            body = as_read({field: value})
            verdict = found.accepts(body)
            assert verdict is found.of_record.is_valid(body), body
            if field in ({} if verdict else errors_of(found, body)):
                refused.add(field)
    # A field that is for any JSON says so: its schema has nothing but a description.
    bounded = {field for field, one in found.document["properties"].items() if set(one) != {"description"}}
    assert refused == bounded, "a field that takes everything"


def errors_of(found, value):
    """What a client is told of a refused body."""
    return ApiDialect().worded(invalid(found.errors(value))).fields


def leaves(tree):
    if isinstance(tree, dict):
        assert all(isinstance(key, str) for key in tree)
    for inner in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(inner, dict | list):
            yield from leaves(inner)
        else:
            yield inner


def test_every_schema_file_is_valid_2020_12_and_says_so():
    for name in NAMES:
        document = json.loads((schema.ROOT / f"{name}.json").read_text())
        assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema", name
        jsonschema.Draft202012Validator.check_schema(document)
        assert document["type"] == "object" and document["description"], name


def test_every_string_array_and_number_of_every_schema_is_bounded():
    for where, node in every_node():
        closed = "enum" in node or "const" in node
        if "string" in types(node) and not closed:
            assert "maxLength" in node or node.get("format") in FORMAT_SAMPLES, where
        if {"integer", "number"} & set(types(node)) and not closed:
            assert "minimum" in node and "maximum" in node, where
        if "array" in types(node):
            assert "maxItems" in node and "items" in node, where
        # A field that only says what it is takes any JSON, on purpose.
        says_only = set(node) == {"description"}
        assert types(node) or closed or "anyOf" in node or "required" in node or says_only, f"{where} accepts anything"


def test_every_format_is_ours_and_refuses_a_long_text():
    for where, node in every_node():
        assert node.get("format", "date") in schema.FORMATS, where
    for name, samples in FORMAT_SAMPLES.items():
        test = schema.FORMATS[name]
        blanks = (
            () if name == "email" else (" " * 400, "\n")
        )  # around an e-mail they are trimmed; maxLength bounds them
        assert test(samples[0]) and not any(
            test(samples[0] + tail) or test(tail + samples[0]) for tail in ("x" * 400, "0" * 400, *blanks)
        ), name
    assert FORMAT_SAMPLES.keys() | READ_AS == schema.FORMATS.keys()


def test_no_pattern_uses_backslash_d_which_means_other_digits_to_each_validator():
    for path in schema.ROOT.rglob("*.json"):
        assert not re.search(r"\\\\[dDwW]", path.read_text()), path


def test_a_pattern_asks_only_for_something_that_is_not_blank_which_is_what_its_message_says():
    for where, node in every_node():
        if "pattern" in node:
            assert re.search(node["pattern"], "x") and not re.search(node["pattern"], " \t\r\n"), where


def test_every_keyword_of_every_schema_has_a_sentence():
    unlike = {"string": 1, "integer": "x", "number": "x", "boolean": "x", "array": "x", "object": "x"}
    for where, node in every_node():
        for keyword, limit in node.items():
            if keyword in STRUCTURE or (keyword == "format" and limit in READ_AS):
                continue
            instance = unlike[next(t for t in types(node) if t != "null")] if keyword == "type" else "x"
            error = jsonschema.ValidationError("", validator=keyword, validator_value=limit, instance=instance)
            assert SENTENCES[schema.message(error).code].endswith("."), f"{where} {keyword}"
        if "const" in node:
            assert "|" in where and not where.endswith("|0"), (
                f"{where}: const has no sentence, so it can only be a later alternative"
            )


def test_the_documents_sample_is_accepted(invoice):
    assert schema.load("sales/invoice_import").accepts(invoice())


INVOICE = schema.load("sales/invoice_import")
ITEM = {"name": "n", "item_code": "c", "quantity": 1, "mrp": 1, "shelf_location": ""}


def test_messages_are_nested_as_the_body_is(invoice):
    body = invoice(
        invoice_no="x" * 101,
        customer={"code": " ", "name": 5, "email": "nobody"},
        items=[ITEM, {**ITEM, "quantity": 0, "mrp": "ten"}, {}],
    )
    assert errors_of(INVOICE, body) == {
        "invoice_no": ["Ensure this field has no more than 100 characters."],
        "customer": {
            "code": ["This field may not be blank."],
            "name": ["Not a valid string."],
            "email": ["Enter a valid email address."],
        },
        "items": [
            {},
            {
                "quantity": ["Ensure this value is greater than or equal to 1."],
                "mrp": ['A valid number is required. "ten" is not one.'],
            },
            {name: ["This field is required."] for name in ITEM},
        ],
    }


def test_each_missing_field_is_named_at_once():
    required = ["This field is required."]
    assert errors_of(INVOICE, {}) == {
        name: required for name in ("invoice_no", "invoice_date", "salesman", "customer", "items")
    }


def test_what_concerns_a_whole_object_or_list_is_named_under_non_field_errors(invoice):
    assert errors_of(INVOICE, []) == {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}
    assert errors_of(INVOICE, invoice(customer="me", items={})) == {
        "customer": {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]},
        "items": {"non_field_errors": ['Expected a list of items but got type "dict".']},
    }
    assert errors_of(INVOICE, invoice(items=["x"]))["items"] == [
        {"non_field_errors": ["Invalid data. Expected a dictionary, but got str."]}
    ]
    assert errors_of(INVOICE, invoice(items=[ITEM] * 10_001))["items"] == {
        "non_field_errors": ["Ensure this field has no more than 10000 elements."]
    }


def test_null_is_named_as_null_whatever_was_expected(invoice):
    null = ["This field may not be null."]
    body = invoice(invoice_no=None, invoice_date=None, customer=None, items=[{**ITEM, "quantity": None, "mrp": None}])
    assert errors_of(INVOICE, body) == {
        "invoice_no": null,
        "invoice_date": null,
        "customer": null,
        "items": [{"quantity": null, "mrp": null}],
    }


def test_a_number_beyond_every_bound_is_named_as_no_number(invoice):
    for digits in ("1e400", "NaN", "-Infinity", "1e-99999", "9" * 40):
        sent = json.dumps(invoice(items=[ITEM])).replace('"mrp": 1', f'"mrp": {digits}')
        with pytest.raises(Problem) as refused:
            body.read(sent.encode(), INVOICE)
        told = ApiDialect().worded(refused.value).fields
        assert told == {"items": [{"mrp": ["A valid number is required."]}]}, digits


def test_a_body_of_ten_thousand_wrong_items_is_answered_with_a_hundred_errors(invoice):
    assert len(list(leaves(errors_of(INVOICE, invoice(items=[{}] * 10_000))))) <= 100 * len(ITEM)


def test_a_value_that_is_none_of_the_alternatives_is_told_of_the_one_that_is_no_constant():
    payment = schema.load("pos/credit_pay")
    assert payment.accepts({"amount": ""}) and payment.accepts({"amount": None})
    for value in ("abc", " ", True, []):
        [message] = errors_of(payment, {"amount": value})["amount"]
        assert message.startswith("A valid number is required."), value
    assert errors_of(payment, {"amount": 1e9})["amount"] == ["Ensure this value is less than or equal to 99999999.99."]


def test_a_whole_float_is_an_integer_and_true_is_none(invoice):
    assert INVOICE.accepts(invoice(items=[{**ITEM, "quantity": 20.0}]))
    assert not INVOICE.accepts(invoice(items=[{**ITEM, "quantity": True}]))


def test_a_schema_that_is_invalid_is_refused_when_it_is_loaded():
    with pytest.raises(jsonschema.SchemaError):
        schema.Schema({"type": "text"})


def test_either_name_will_do_to_sign_in_and_neither_is_named_by_the_first():
    sign_in = schema.load("accounts/sign_in")
    assert sign_in.accepts({"email": "a", "password": "b"}) and sign_in.accepts({"username": "a", "password": "b"})
    assert errors_of(sign_in, {}) == {"password": ["This field is required."], "email": ["This field is required."]}


def test_reading_a_refused_value_never_raises_anything_but_a_problem():
    for sent in (b"", b"null", b"[]", b'"x"', b"1e999", b"{", b'{"a":1,"a":2}', b"5", b'{"customer": 5, "items": "x"}'):
        with pytest.raises(Problem) as refused:
            body.read(sent, INVOICE)
        assert refused.value.status == 400
