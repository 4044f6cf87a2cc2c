"""What a batch of changes that a device made offline does to a vendor's rows: of two changes of a row, the later one wins.

The functions of this file are pure: they know rows, tombstones and moments, but no database. docs/api/vendor.md#sync.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from core import text
from core.http import json_text
from core.http.body import Item
from core.http.schema import is_uuid
from core.problem import Message

OPERATIONS = ("create", "update", "delete")
# What an error says of an operation that is no object.
NAMELESS = "unknown"
# Characters of a wrong id that an error repeats.
LONGEST_ID = 100
# A device's clock may be that much ahead. A later timestamp counts as this one, so that no device keeps a row for ever.
AHEAD = timedelta(minutes=5)


class Rules(NamedTuple):
    """What differs between the kinds of rows. noun: as messages say it. columns: the members of `data` that a row has. nullable: those of
    them that null clears; elsewhere it counts as missing, because the app fills what it doesn't know with nulls, and forgets what was
    refused. lacking: the names of those that a new row needs and doesn't have. name_exists, no_update, no_delete, no_categories: the messages."""

    noun: str
    columns: tuple[str, ...]
    nullable: tuple[str, ...]
    lacking: Callable[[Mapping[str, str]], list[str]]
    name_exists: str = ""
    no_update: str = ""
    no_delete: str = ""
    no_categories: str = ""


class Operation(NamedTuple):
    """name: one of OPERATIONS. id: "" without one. sent_id: the id as it was sent. time: when the device made the change; None: now.
    values: JSON text by column, so that no number becomes a float. categories: None: they stay. wrong: why it is refused."""

    name: str
    id: str = ""
    sent_id: str = ""
    time: datetime | None = None
    values: Mapping[str, str] = {}
    categories: tuple[str, ...] | None = None
    wrong: Any = None


@dataclass
class Row:
    """A row during the batch. is_stored: the database has it. values, categories: what the batch changes of it."""

    time: datetime
    name: str
    is_stored: bool
    is_changed: bool = False
    values: dict[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] | None = None


@dataclass
class Stored:
    """What the database has of what a batch names. rows: of its ids, and those that have its names. tombstones: when each was deleted.
    categories: those of its categories that exist."""

    rows: dict[str, Row] = field(default_factory=dict)
    tombstones: dict[str, datetime] = field(default_factory=dict)
    global_ids: set[str] = field(default_factory=set)
    categories: set[str] = field(default_factory=set)


class Entry(NamedTuple):
    """One operation that was done: it left a row, or none."""

    id: str
    is_deleted: bool


def read(items: Iterable[Item], sent: str, rules: Rules) -> list[Operation]:
    """The operations of a body, without those of unknown names. sent: the JSON text of the right ones (Items.text)."""
    literals = (literal for literal, _ in json_text.each(sent, literally=True))
    found = (
        _operation(item.value if item.wrong is not None else literal, item.wrong, rules)
        for item, literal in zip(items, literals, strict=True)
    )
    return [operation for operation in found if operation is not None]


def moment(sent: Any) -> datetime | None:
    """The moment that a timestamp names; None: it names none. Without an offset it is in UTC."""
    if not _is_text(sent):
        return None
    try:
        found = datetime.fromisoformat(text.cleaned(sent))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _operation(sent: Any, wrong: Any, rules: Rules) -> Operation | None:
    """An operation as it was sent; None: it has no known name. wrong: the messages by field, if it breaks the schema."""
    if not isinstance(sent, dict):
        return Operation(NAMELESS, wrong=wrong)
    name = sent.get("operation")
    name = "create" if name is None else text.cleaned(name).lower() if isinstance(name, str) else ""
    if name not in OPERATIONS:
        return None
    data = sent.get("data")
    data = data if isinstance(data, dict) else {}
    given = next((one for one in (data.get("id"), sent.get("id")) if one not in (None, "")), "")
    id = text.cleaned(given).lower() if isinstance(given, str) else ""
    stamp = sent.get("timestamp")
    found = Operation(name, id if is_uuid(id) else "", _echoed(given), moment(stamp))
    if stamp is not None and not _is_text(stamp):
        return found._replace(wrong={"timestamp": [Message.of("type.string")]})
    if name == "delete":
        return found._replace(wrong=f"{rules.noun} not found") if given and not found.id else found
    if wrong is not None:
        # What is wrong within the data is said by its fields, as the other endpoints say it.
        return found._replace(wrong=wrong["data"] if isinstance(wrong.get("data"), dict) else wrong)
    if given and not found.id:
        return found._replace(wrong={"id": [Message.of("format.uuid")]})
    return _with_values(found, data, rules)


def _is_text(sent: Any) -> bool:
    return isinstance(sent, str) and not isinstance(sent, json_text.Number)


def _echoed(given: Any) -> str:
    """An id as an error repeats it: what is no text isn't repeated, and what no JSON text holds is replaced."""
    return given[:LONGEST_ID].encode("utf-8", "replace").decode() if isinstance(given, str) else ""


def _with_values(operation: Operation, data: Mapping[str, Any], rules: Rules) -> Operation:
    values = {
        name: json_text.written(data[name])
        for name in rules.columns
        if name in data and (data[name] is not None or name in rules.nullable)
    }
    if "name" in values:
        values["name"] = json_text.quoted(text.cleaned(data["name"]))
    categories = data.get("category_ids", data.get("categories")) if rules.no_categories else None
    if categories is None:
        return operation._replace(values=values)
    if not all(_is_text(one) and is_uuid(text.cleaned(one)) for one in categories):
        return operation._replace(wrong=rules.no_categories)
    ids = tuple(dict.fromkeys(text.cleaned(one).lower() for one in categories))
    return operation._replace(values=values, categories=ids)


class Batch:
    """The operations of one request, applied one after another. now: the time of the request, later than that of every one before.

    entries, errors: what the answer says, in the order of the operations. created, updated, deleted: how many did so. The rest is what the
    database has to do, in this order: `deletes`, then `updates`, then `inserts`, by id; `buries`: tombstones with their times; `raises`:
    tombstones that go.
    """

    def __init__(self, rules: Rules, stored: Stored, now: datetime) -> None:
        self._rules, self._now = rules, now
        self._rows = stored.rows
        self._tombstones = stored.tombstones
        self._global_ids, self._categories = stored.global_ids, stored.categories
        self._names = {row.name: id for id, row in stored.rows.items()} if rules.name_exists else {}
        self._was_buried = set(stored.tombstones)
        self._reburied: set[str] = set()
        self.entries: list[Entry] = []
        self.errors: list[dict[str, Any]] = []
        self.created = self.updated = self.deleted = 0
        self.deletes: list[str] = []

    @classmethod
    def empty(cls, rules: Rules) -> "Batch":
        """A batch without operations."""
        return cls(rules, Stored(), datetime.now(UTC))

    def apply(self, operation: Operation) -> None:
        """Do one operation, or note why it is refused."""
        time = min(operation.time, self._now + AHEAD) if operation.time is not None else None
        if operation.wrong is not None:
            self._refuse(operation, operation.wrong)
        elif operation.name == "delete":
            self._delete(operation, time)
        else:
            self._write(operation, time)

    @property
    def updates(self) -> dict[str, Row]:
        return {id: row for id, row in self._rows.items() if row.is_stored and row.is_changed}

    @property
    def inserts(self) -> dict[str, Row]:
        return {id: row for id, row in self._rows.items() if not row.is_stored}

    @property
    def buries(self) -> dict[str, datetime]:
        return {id: self._tombstones[id] for id in sorted(self._reburied) if id not in self._rows}

    @property
    def raises(self) -> list[str]:
        return sorted(id for id in self._was_buried if id in self._rows)

    def _write(self, operation: Operation, time: datetime | None) -> None:
        id = operation.id or str(uuid.uuid4())
        row = self._rows.get(id)
        if id in self._global_ids:
            self._refuse(operation, self._rules.no_update)
        elif row is not None and time is not None and time < row.time:
            # The row is newer, and stays as it is.
            self.entries.append(Entry(id, is_deleted=False))
        elif row is None and time is not None and id in self._tombstones and time < self._tombstones[id]:
            # It was deleted after this change.
            self.entries.append(Entry(id, is_deleted=True))
        elif row is None and (lacking := self._rules.lacking(operation.values)):
            self._refuse(operation, {name: [Message.of("required")] for name in lacking})
        elif not set(operation.categories or ()) <= self._categories:
            self._refuse(operation, self._rules.no_categories)
        elif self._is_taken(operation, id):
            self._refuse(operation, {"name": [self._rules.name_exists]})
        else:
            self._store(operation, id, row, time or self._now)

    def _is_taken(self, operation: Operation, id: str) -> bool:
        name = operation.values.get("name")
        return name is not None and self._names.get(json.loads(name), id) != id

    def _store(self, operation: Operation, id: str, row: Row | None, time: datetime) -> None:
        if row is None:
            row = self._rows[id] = Row(time, "", is_stored=False)
            self._tombstones.pop(id, None)
            self.created += 1
        else:
            self.updated += 1
        row.time, row.is_changed = time, True
        row.values |= operation.values
        if operation.categories is not None:
            row.categories = operation.categories
        if self._rules.name_exists and "name" in operation.values:
            self._names.pop(row.name, None)
            row.name = json.loads(operation.values["name"])
            self._names[row.name] = id
        self.entries.append(Entry(id, is_deleted=False))

    def _delete(self, operation: Operation, time: datetime | None) -> None:
        id, row = operation.id, self._rows.get(operation.id)
        if not id:
            self._refuse(operation, f"{self._rules.noun} ID required for delete")
        elif row is not None and time is not None and time < row.time:
            # The row was changed after it was deleted there, and stays.
            self.entries.append(Entry(id, is_deleted=False))
        elif row is not None:
            self._remove(id, row, time or self._now)
        elif id in self._tombstones:
            time = time or self._now
            if time > self._tombstones[id]:
                self._tombstones[id] = time
                self._reburied.add(id)
            self.entries.append(Entry(id, is_deleted=True))
        elif id in self._global_ids:
            self._refuse(operation, self._rules.no_delete)
        else:
            self._refuse(operation, f"{self._rules.noun} not found")

    def _remove(self, id: str, row: Row, time: datetime) -> None:
        del self._rows[id]
        self._names.pop(row.name, None)
        if row.is_stored:
            self.deletes.append(id)
        self._tombstones[id] = time
        self._reburied.add(id)
        self.deleted += 1
        self.entries.append(Entry(id, is_deleted=True))

    def _refuse(self, operation: Operation, error: Any) -> None:
        given = {"id": operation.id or operation.sent_id} if operation.sent_id else {}
        self.errors.append({**given, "operation": operation.name, "error": error})
