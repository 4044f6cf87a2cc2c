"""Fuzzing of a running server from its own OpenAPI document, by schemathesis.

schemathesis' engine runs what its command line runs: the examples of the document, its coverage phase (each limit of each
parameter and member, once kept and once broken), random requests, and sequences of requests that use each other's answers.
This module adds what it can't know: a caller who stays signed in whatever the requests end, and ids of rows that exist.
"""

import io
import itertools
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis
from PIL import Image
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import Status, events
from schemathesis.engine.run import PhaseName
from schemathesis.generation.meta import TestPhase

from tests.support import forms
from tests.support.deadlines import DEADLINE
from tests.support.http import IMPORT_KEY

STREAM = "text/event-stream"
# Characters of a command, and of what is wrong, that a report shows.
MOST_SHOWN = 1000
# Good for each of the APIs' rules.
OWN_PASSWORD, NEW_PASSWORD = "Fuzz-Caller-7429", "Fuzz-Renewed-7429"
# What brings an invoice to each status, from the one before.
WAY: dict[str, tuple[str, dict[str, Any]] | None] = {
    "PENDING": None,
    "PICKING": ("picking/start", {}),
    "PICKED": ("picking/complete", {}),
    "PACKING": ("packing/start", {}),
    "PACKED": ("packing/complete", {}),
    "DISPATCHED": ("delivery/start", {"delivery_type": "DIRECT"}),
}
INVOICES = "/api/sales/invoices/"
# Where the ids are that a member names, and those of paths that don't begin with their list.
LISTS = {
    "user_id": "/api/auth/users/",
    "department": "/api/auth/departments/",
    "department_id": "/api/auth/departments/",
    "job_title": "/api/auth/job-titles/",
    "supplier": "/api/suppliers/",
    "product": "/api/products/",
    "product_id": "/api/products/",
    "customer_id": "/api/customers/",
    "client": "/api/clients/",
    "expense": "/api/expenses/",
    "attachment_id": "/api/expenses/attachments/",
    "/api/access/admin/users/": "/api/auth/users/",
    "/api/access-control/admin/users/": "/api/auth/users/",
    "/backup/bills/": "/backup/sync/",
}
# These answer 2xx and report wrong items of the body.
REPORTING = ("POST /backup/sync/", "POST /items/sync/", "POST /items/categories/sync/")
PRODUCT = "Fuzzy product"
WEBHOOK = "https://hooks.example.com/in"
TABLES = ("job_titles", "departments", "users", "invoices", "all")
# Sequences of one run of the engine.
AT_ONCE = 30
METHODS = ("get", "put", "post", "delete", "patch", "options", "head", "trace")

# positive_data_acceptance is left out, because rules such as "this invoice is picked already" are in no schema.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
)
# The coverage phase alone breaks one rule at a time; `_is_wrong` says which part of this check can hold.
COVERAGE_CHECKS = ("negative_data_rejection",)


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations of a document by their labels, such as `GET /health/`."""
    return {
        f"{method.upper()} {path}": item[method]
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


def is_stream(operation: dict[str, Any]) -> bool:
    return any(STREAM in answer.get("content", {}) for answer in operation["responses"].values())


@dataclass
class Report:
    """What a fuzz has found and done."""

    seed: int
    # By check, title, status and operation: how to repeat the first case. times: how many cases there were.
    violations: dict[tuple[str, str, int, str], str] = field(default_factory=dict)
    times: Counter[tuple[str, str, int, str]] = field(default_factory=Counter)
    # What schemathesis could not do, such as a schema that it finds no value for.
    errors: list[str] = field(default_factory=list)
    # By operation: the statuses of its answers.
    answers: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    # By phase: the number of requests and the seconds that they took.
    requests: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    # How many sequences of requests were sent, and in how many ways one operation can use what another one has answered.
    sequences: int = 0
    transitions: int = 0

    def never_succeeded(self) -> set[str]:
        """The operations that never answered with 2xx."""
        return {label for label, statuses in self.answers.items() if not any(200 <= one < 300 for one in statuses)}

    def summary(self) -> str:
        """How many requests each phase sent in how many seconds, and the statuses of each operation."""
        phases = [f"{name}: {count} requests in {self.seconds[name]:.1f} s" for name, count in self.requests.items()]
        found = [f"{label}: {dict(sorted(statuses.items()))}" for label, statuses in sorted(self.answers.items())]
        return "\n".join([*phases, f"{self.sequences} sequences, {self.transitions} transitions", *found])

    def __str__(self) -> str:
        lines = [
            f"{len(self.violations)} violations, {len(self.errors)} errors; FUZZ_SEED={self.seed} sends the same again"
        ]
        for (check, title), keys in itertools.groupby(sorted(self.violations), key=lambda key: key[:2]):
            lines.append(f"{check}: {title}")
            for key in keys:
                lines.append(
                    f"  {key[3]} answered {key[2]}, {self.times[key]} times, first to\n    {self.violations[key]}"
                )
        return "\n".join([*lines, *self.errors])

    def read(self, event: events.EngineEvent) -> None:
        """Note what an event of the engine tells."""
        if isinstance(event, events.NonFatalError):
            self.errors.append(f"{event.label}, {event.phase}: {event.value!r}")
        elif isinstance(event, events.PhaseStarted) and event.payload:
            self.transitions = event.payload.transitions_selected
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            self._read_scenario(event)

    def _read_scenario(self, event: events.ScenarioFinished) -> None:
        recorder, phase = event.recorder, event.phase.value
        self.seconds[phase] += event.elapsed_time
        self.sequences += event.phase is PhaseName.STATEFUL_TESTING
        for id, sent in recorder.interactions.items():
            case, status = recorder.cases[id].value, sent.response.status_code if sent.response else 0
            self.requests[phase] += 1
            # The coverage phase also sends methods that the path does not have.
            if case.method.upper() == case.operation.method.upper():
                self.answers[case.operation.label][status] += 1
            for check in recorder.checks.get(id, ()):
                if check.status is Status.FAILURE:
                    self._note(check, status, case.operation.label)

    def _note(self, check: Any, status: int, label: str) -> None:
        failure, command = check.failure_info.failure, check.failure_info.code_sample
        # Messages contain values, which differ from case to case.
        key = (check.name, failure.title, status, label)
        said = " ".join(str(failure).removeprefix(failure.title).split())
        self.violations.setdefault(key, f"{command[:MOST_SHOWN]}\n    {said[:MOST_SHOWN]}")
        self.times[key] += 1


class Caller:
    """The SUPERADMIN whose requests these are, and an approved vendor as well. `make(email)` creates such an account, with the password
    OWN_PASSWORD.

    Requests end sessions, change passwords, and delete and deactivate accounts, also this one. So after each change that
    the server has made, the caller signs in again, if need be with a new account: then it does not matter what has ended.

    A value drawn at random never names a row that exists. So of three in four requests that fit their schema, an id in the
    path is replaced by that of a row in the list before it in the path, and the values of some members and parameters by
    ones that mean something here. The fourth stays as it was drawn.
    """

    def __init__(self, url: str, make: Callable[[str], None]) -> None:
        self._url, self._make = url, make
        self._session = requests.Session()
        self._numbers = itertools.count(1)
        # By operation: its requests, and those of which values were replaced.
        self._calls: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self._tokens: set[str] = set()
        # By path of a list: the ids of its rows, until a change.
        self._ids: dict[str, list[Any]] = {}
        # By status: an invoice there, with its id, and the person who has brought it there.
        self._invoices: dict[str, dict[str, Any]] = {}
        self.accounts, self.email = 0, ""
        self.renew()

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        # All paths but those of the vendor API begin like this.
        signed = f"Bearer {self.token}" if path.startswith("/api/") else f"Token {self.vendor_token}"
        headers = {"Authorization": signed, "X-API-KEY": IMPORT_KEY}
        return self._session.request(method, self._url + path, json=body, headers=headers, timeout=DEADLINE, **more)

    def renew(self) -> None:
        """Sign in, with a new account if the old one is no longer a SUPERADMIN's, or has another password."""
        self._ids.clear()
        if self._signs_in():
            return
        self.accounts += 1
        self.email = f"fuzz-{self.accounts}@example.com"
        self._make(self.email)
        assert self._signs_in()
        picture = {"avatar": ("a.png", _picture())}
        link = urlsplit(_member(self.call("PATCH", "/api/auth/users/me/", files=picture).json(), "avatar"))
        self._link = {"path": link.path.removeprefix("/media/"), **dict(parse_qsl(link.query))}
        self._plant()

    def _signs_in(self) -> bool:
        if not self.email:
            return False
        credentials = {"email": self.email, "password": OWN_PASSWORD}
        answer = self._session.post(f"{self._url}/api/auth/login/", json=credentials, timeout=DEADLINE)
        if answer.status_code != 200 or _member(answer.json(), "role") != "SUPERADMIN":
            return False
        self.token, self.refresh = _member(answer.json(), "access"), _member(answer.json(), "refresh")
        credentials = {"username": self.email, "password": OWN_PASSWORD}
        answer = self._session.post(f"{self._url}/auth/login", json=credentials, timeout=DEADLINE)
        if answer.status_code != 200 or "vendor" not in answer.json():
            return False
        self.vendor_token = answer.json()["token"]
        self._tokens |= {self.token, self.vendor_token}
        return True

    def _plant(self) -> None:
        """Make a row of each kind, so that no list is empty."""
        self._ids.clear()
        number = next(self._numbers)
        department = _member(self.call("POST", "/api/auth/departments/", {"name": f"Department {number}"}).json(), "id")
        self.call("POST", "/api/auth/job-titles/", {"title": f"Title {number}", "department": department})
        self._worker()
        self.call("POST", "/api/sales/import/invoice/", _invoice(f"FUZZ-{number}"))
        self._plant_shop(number)
        self._plant_books(number)
        self._plant_webhook()
        self.call("POST", "/inventory/", {"name": f"Material {number}", "quantity": 1000})
        # A bill, and one that can't be stored.
        self.call("POST", "/backup/sync/", [{"invoice_number": f"FUZZ-{number}", "items": [{}]}, {"items": number}])
        self.call("POST", "/items/categories/", {"name": f"Category {number}"})
        self.call("POST", "/items/", {"name": f"Item {number}", "price": 1})

    def _plant_books(self, number: int) -> None:
        """A client with a quote, two invoices (a draft, and one that is paid in part), and an expense with an attachment."""
        client = _member(self.call("POST", "/api/clients/", {"name": f"Client {number}"}).json(), "id")
        bill = {"client": client, "line_items": [{"description": f"Work {number}", "unit_price": 1000}]}
        self.call("POST", "/api/quotes/", bill)
        for payments in ([], [{"amount": 1}]):
            self.call("POST", "/api/invoices/", {**bill, "payments": payments})
        spent = {
            "description": f"Expense {number}",
            "amount": "1.50",
            "expense_date": datetime.now(UTC).date().isoformat(),
        }
        expense = _member(self.call("POST", "/api/expenses/", {**spent, "client": client}).json(), "id")
        file = {"file": ("a.png", _picture())}
        self.call("POST", "/api/expenses/attachments/", data={"expense": expense}, files=file)

    def _plant_webhook(self) -> None:
        """A webhook with a delivery, unless there are as many as an account may have. Nobody is there."""
        answer = self.call("POST", "/api/webhooks/", {"url": WEBHOOK, "topics": ["*"]})
        if answer.status_code == 201:
            self.call("POST", f"/api/webhooks/{answer.json()['id']}/test/")

    def _plant_shop(self, number: int) -> None:
        """What a shop needs to sell, and two sales of today, of which one is paid."""
        text = {name: "fuzz" for name in ("name", "phone_number", "contact_person", "rfc", "tax_address")}
        supplier = _member(self.call("POST", "/api/suppliers/", text).json(), "id")
        stock = {
            "name": PRODUCT,
            "sku": f"FUZZ-{number}",
            "price": "1.50",
            "current_stock": 1_000_000,
            "supplier": supplier,
        }
        product = _member(self.call("POST", "/api/products/", stock).json(), "id")
        person = {"first_name": "F", "last_name": "F", "phone_number": f"F{number}", "birth_date": "1990-01-01"}
        customer = _member(
            self.call("POST", "/api/customers/", {**person, "email": f"f{number}@example.com"}).json(), "id"
        )
        self.call("POST", "/api/chatbotusers/", {"mobile_number": f"+52{number}", "name": "F"})
        promotion = {
            "name": "F",
            "description": "F",
            "product": product,
            "discount_percent": 5,
            "target_audience": "ALL",
        }
        self.call("POST", "/api/promotions/", {**promotion, "start_date": "2020-01-01", "end_date": "2020-01-02"})
        for pays in (True, False):
            sale = {"customer": customer, "items": [{"product_id": product, "quantity": 1}]}
            order = _member(self.call("POST", "/api/orders/", sale).json(), "id")
            if pays:
                self.call("POST", f"/api/orders/{order}/pay/", {"payment_method": "CASH"})

    def _worker(self) -> str:
        email = f"worker-{next(self._numbers)}@example.com"
        self.call("POST", "/api/auth/users/", {"email": email, "password": OWN_PASSWORD, "role": "PICKER"})
        return email

    def _invoice_at(self, status: str) -> dict[str, Any]:
        """An invoice that has this status, and who brought it there: {invoice_no, user_email, id}."""
        found = self._invoices.get(status)
        if found and _member(self.call("GET", f"{INVOICES}{found['id']}/").json(), "status") == status:
            return found
        number, worker = f"FUZZ-{next(self._numbers)}", self._worker()
        self.call("POST", "/api/sales/import/invoice/", _invoice(number))
        [row] = self.call("GET", f"{INVOICES}?search={number}").json()["results"][:1] or [{"id": 0}]
        for reached, step in WAY.items():
            if step is not None:
                body = {"invoice_no": number, "user_email": worker, **step[1]}
                self.call("POST", f"/api/sales/{step[0]}/", body)
            if reached == status:
                break
        self._invoices[status] = {"invoice_no": number, "user_email": worker, "id": row["id"]}
        return self._invoices[status]

    def ids(self, path: str) -> list[Any]:
        """The ids of the rows of the list at this path; none if there is no such list."""
        for plants in (True, False):
            if path not in self._ids:
                answer = self.call("GET", path)
                if answer.status_code != 200:
                    return []
                self._ids[path] = _ids(answer.json())
            if self._ids[path] or not plants:
                break
            self._plant()
        return self._ids.get(path, [])

    def _known(self, name: str, turn: int) -> Any:
        """A value that means something to the server, for a member or a parameter of this name; None: any value does."""
        if name in ("invoice_no", "user_email"):
            # Sometimes there is no such invoice yet.
            is_new = name == "invoice_no" and turn % 5 == 4
            return f"NEW-{next(self._numbers)}" if is_new else self._invoice_at(_status(turn))[name]
        if name in LISTS:
            ids = self.ids(LISTS[name])
            return ids[turn % len(ids)] if ids else None
        new = f"new_{next(self._numbers)}"
        found = {
            "email": (self.email, f"{new}@example.com"),
            "username": (self.email, new),
            "password": (OWN_PASSWORD,),
            "password_confirm": (OWN_PASSWORD,),
            "old_password": (OWN_PASSWORD,),
            "new_password": (NEW_PASSWORD,),
            "new_password_confirm": (NEW_PASSWORD,),
            "refresh": (self.refresh,),
            "token": (self.token,),
            "menu_ids": (self.ids("/api/access/admin/menus/"),),
            "table_name": TABLES,
            "identifier": (PRODUCT,),
            "product_identifier": (PRODUCT,),
            "payment_method": ("CASH", "CARD"),
            "transaction_type": ("EARN", "ADJUSTMENT"),
            "mobile_number": (f"+1{next(self._numbers)}",),
            "phone_number": (f"P{next(self._numbers)}",),
            "sku": (new,),
            "url": (WEBHOOK,),
            "topics": (["*"], ["books.*"]),
            "since": ("2026-01-01T00:00:00Z",),
            "start_date": (datetime.now(UTC).date().isoformat(),),
            "end_date": (datetime.now(UTC).date().isoformat(),),
            **{name: (value,) for name, value in self._link.items()},
        }.get(name)
        return found[turn % len(found)] if found else None

    def _replaced(self, values: dict[str, Any], turn: int) -> dict[str, Any]:
        known = {name: self._known(name, turn) for name in values}
        return {
            name: self._with_ids(value, turn) if known[name] is None else known[name] for name, value in values.items()
        }

    def _with_ids(self, value: Any, turn: int) -> Any:
        """The same value, where the ids that its items name are those of rows."""
        if isinstance(value, list):
            return [self._with_ids(item, turn) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            name: (self._known(name, turn) if name in LISTS else None) or self._with_ids(inner, turn)
            for name, inner in value.items()
        }

    # The hooks of the engine, and its provider of authentication, follow.

    def before_call(self, context: Any, case: Any, kwargs: dict[str, Any]) -> None:
        # All cases of a phase may have been made, and signed, before the first one is sent.
        scheme, _, token = case.headers.get("Authorization", "").partition(" ")
        if token in self._tokens:
            case.headers["Authorization"] = f"{scheme} {self.vendor_token if scheme == 'Token' else self.token}"
        # A sequence has its values from earlier answers.
        if case.meta is None or case.meta.phase.name is TestPhase.STATEFUL:
            return
        label = case.operation.label
        self._calls[label] += 1
        # The engine's own draws can't be used here: it would take what depends on the server for a flaky test.
        drawn = zlib.crc32(f"{label} {self._calls[label]}".encode())
        if not drawn % 4:
            return
        if case.meta.generation.mode.is_negative:
            # It is to be refused for what is wrong in it, and not because of an id, unless that is what is wrong.
            if not case.meta.is_negative_at(ParameterLocation.PATH):
                self._use_row(case, drawn >> 2)
            return
        turn = self._turns[label]
        self._turns[label] += 1
        self._use_row(case, turn)
        if isinstance(case.body, dict):
            case.body = self._replaced(case.body, turn)
        if case.query:
            case.query = self._replaced(dict(case.query), turn)

    def _use_row(self, case: Any, turn: int) -> None:
        """Put an id that exists in the path."""
        listed, _, rest = case.path.partition("{")
        name = rest.partition("}")[0]
        if name not in (case.path_parameters or ()):
            return
        if listed == INVOICES:
            known = self._invoice_at(_status(turn))["id"]
        elif (known := self._known(name, turn)) is None:
            ids = self.ids(LISTS.get(listed, listed))
            known = ids[turn % len(ids)] if ids else case.path_parameters[name]
        case.path_parameters = {**case.path_parameters, name: known}

    def after_call(self, context: Any, case: Any, response: Any) -> None:
        if case.method.upper() not in ("GET", "HEAD", "OPTIONS") and response.status_code < 300:
            self.renew()

    def get(self, case: Any, context: Any) -> str:
        """What `set` signs a case with."""
        return self.token

    def set(self, case: Any, data: str, context: Any) -> None:
        """Sign a case as its operation wants it. Only a case that was signed here tells whether an operation ignores credentials."""
        schemes = {name for one in _security(case.operation) for name in one}
        if "key" in schemes:
            case.headers["X-API-KEY"] = IMPORT_KEY
        if "token" in schemes:
            case.headers["Authorization"] = f"Token {self.vendor_token}"
        elif "key" not in schemes or "bearer" in schemes:
            case.headers["Authorization"] = f"Bearer {data}"


def _only(checks: tuple[str, ...]) -> dict[str, Any]:
    return {"enabled": False, **{name: {"enabled": True} for name in checks}}


def _is_wrong(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Whether a failure is one: the server may accept what breaks the schema of a query or a form, and a number as text and the
    reverse (docs/api/operations.md#text-and-numbers), but no JSON body that breaks its schema otherwise."""
    if response.status_code == 400 and "content-type" not in response.headers:
        # The head of the request is no HTTP, such as one with an empty Content-Length, and Tornado answers before any handler does.
        return False
    if not isinstance(failure, AcceptedNegativeData):
        return True
    if case.operation.label in REPORTING:
        return False
    broken = case.meta.phase.data
    return (
        case.media_type == "application/json"
        and broken.parameter_location is ParameterLocation.BODY
        and "Incorrect type" not in broken.description
    )


def _status(turn: int) -> str:
    return list(WAY)[turn % len(WAY)]


def _security(operation: Any) -> list[dict[str, Any]]:
    return operation.definition.raw.get("security", operation.schema.raw_schema.get("security", []))


def _member(document: Any, name: str) -> Any:
    """The member of this name, at any depth; None without one."""
    if isinstance(document, dict) and name in document:
        return document[name]
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return next((found for value in inner if (found := _member(value, name)) is not None), None)


def _picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG")
    return file.getvalue()


def _ids(document: Any) -> list[Any]:
    """The ids of the first list of rows in a document."""
    if isinstance(document, list):
        return [
            row[name] for row in document if isinstance(row, dict) for name in ("id", "mobile_number") if name in row
        ]
    if isinstance(document, dict):
        return next((found for value in document.values() if (found := _ids(value))), [])
    return []


def _invoice(number: str) -> dict[str, Any]:
    item = {"name": "Paracetamol", "item_code": "PR650", "quantity": 2, "mrp": 3.5, "shelf_location": "R-12"}
    customer = {"code": "FUZZ", "name": "Fuzz"}
    return {
        "invoice_no": number,
        "invoice_date": "2025-01-18",
        "salesman": "Ajay",
        "customer": customer,
        "items": [item],
    }


@contextmanager
def _hooked(caller: Caller, schema: Any) -> Iterator[None]:
    """before_call exists for all schemas only."""

    class Auth:
        get, set = caller.get, caller.set

    schema.auth(refresh_interval=None)(Auth)
    schema.hooks.register_hook_with_name(caller.after_call, "after_call")
    schema.hooks.register_hook_with_name(_is_wrong, "filter_failure")
    schemathesis.hooks.GLOBAL_HOOK_DISPATCHER.register_hook_with_name(caller.before_call, "before_call")
    try:
        yield
    finally:
        schemathesis.hooks.GLOBAL_HOOK_DISPATCHER.unregister(caller.before_call)


def fuzz(document: dict[str, Any], url: str, caller: Caller, *, examples: int, sequences: int, seed: int) -> Report:
    """Call all operations of the document except streams, whose answers never end. examples: random requests of each operation,
    at most. sequences: how many sequences of about six requests are sent, at least."""
    report = Report(seed)
    unit = {"coverage": {"checks": _only(CHECKS + COVERAGE_CHECKS)}, "stateful": {"enabled": False}}
    _run(document, url, caller, report, unit, examples, seed)
    # Hypothesis ends the sequences, without a word, as soon as it notices that the server remembers what earlier ones did.
    rounds = 0
    while report.sequences < sequences and rounds < sequences:
        rounds += 1
        most = min(AT_ONCE, sequences - report.sequences)
        _run(document, url, caller, report, {"enabled": False, "stateful": {"enabled": True}}, most, seed + rounds)
    return report


def _run(
    document: dict[str, Any],
    url: str,
    caller: Caller,
    report: Report,
    phases: dict[str, Any],
    examples: int,
    seed: int,
) -> None:
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "base-url": url,
            "request-timeout": DEADLINE,
            "continue-on-failure": True,
            "cache": {"enabled": False},
            "checks": _only(CHECKS),
            "phases": phases,
            "generation": {"max-examples": examples, "no-shrink": True, "database": "none", "allow-x00": forms.is_long},
            "suppress-health-check": ["all"],
        }
    )
    schema = schemathesis.openapi.from_dict(document, config=config)
    streams = {label for label, operation in operations(document).items() if is_stream(operation)}
    schema = schema.exclude(lambda context: context.operation.label in streams)
    with _hooked(caller, schema):
        for event in engine.from_schema(schema).execute():
            report.read(event)
