"""The table: items in and out, every read consistent, what belongs together in one transaction.

Limits: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from almahook.errors import InboxUnavailableError
from almahook.inbox.aws.clients import code_of, typed_errors
from almahook.inbox.aws.keys import COUNTERS, Key

Item = Mapping[str, Any]
T = TypeVar("T")

_MOST_READ = 100
_MOST_WRITTEN = 25
_CONFLICTS = {"ConditionalCheckFailedException", "TransactionConflictException"}
_NOT_THERE = "attribute_not_exists(pk)"
_THERE = "attribute_exists(pk)"

# Who collides with somebody else's transaction tries again after a pause by chance, so that they
# part. The pauses grow to a quarter of a second.
_TRIES = 30
_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Put:
    """Write an item.

    Attributes:
        is_new: Only if there is none.
        revision: Only if what is there has this revision.
    """

    item: Item = field(repr=False)
    is_new: bool = False
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an item; with ``is_there``, only if there is one."""

    key: Key
    is_there: bool = False
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but only while this item is there, and has the revision if one is given."""

    key: Key
    revision: int | None = None


Write = Put | Delete | Check


class ConflictError(Exception):
    """A condition did not hold, or somebody else wrote at the same time; nothing was written.

    Attributes:
        there: What was there instead, by the number of the write whose condition did not hold.
    """

    def __init__(self, there: Mapping[int, Item] | None = None) -> None:
        super().__init__("Somebody else has written.")
        self.there = there or {}


class Table:
    """One table of DynamoDB.

    Every method raises :class:`~almahook.errors.InboxUnavailableError` when the service does not
    do what is asked now: throttled, unreachable, refused, no such table.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def get(self, key: Key) -> Item | None:
        """Return an item."""
        with self._typed_errors():
            found = self._client.get_item(
                TableName=self.name, Key=_key(key), ConsistentRead=True
            ).get("Item")
        return None if found is None else _item(found)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Return those of the items that there are."""
        found: dict[Key, Item] = {}
        for batch in batches(list(dict.fromkeys(keys)), _MOST_READ):
            asked: Any = {self.name: {"Keys": [_key(key) for key in batch], "ConsistentRead": True}}
            for answer in self._until_processed("batch_get_item", "UnprocessedKeys", asked):
                for item in map(_item, answer["Responses"].get(self.name, ())):
                    found[item["pk"], item["sk"]] = item
        return found

    def query(
        self,
        pk: str,
        *,
        first: str = "",
        last: str = "\U0010ffff",
        newest_first: bool = False,
        page: int = 1000,
        only: Sequence[str] = (),
    ) -> Iterator[Item]:
        """Yield the items of a partition in the order of their sort keys.

        They are those from the first sort key to the last, both included. So many are read at
        once as make a page, and only these attributes, if any are named.
        """
        first = first or "\x00"
        if first > last:
            # DynamoDB takes this for a mistake.
            return
        asked: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": _attributes({":pk": pk, ":first": first, ":last": last}),
            "ScanIndexForward": not newest_first,
            "Limit": page,
            **_projection(only),
        }
        yield from self._pages("query", asked)

    def starting(self, pk: str, prefix: str, *, only: Sequence[str] = ()) -> Iterator[Item]:
        """Yield the items of a partition whose sort keys begin so, in their order."""
        return self.query(pk, first=prefix, last=f"{prefix}\U0010ffff", only=only)

    def scan(self, sk: str, *, only: Sequence[str]) -> Iterator[Item]:
        """Yield all items with this sort key; it reads the whole table."""
        asked = {
            "TableName": self.name,
            "ConsistentRead": True,
            "FilterExpression": "sk = :sk",
            "ExpressionAttributeValues": _attributes({":sk": sk}),
            **_projection(only),
        }
        yield from self._pages("scan", asked)

    def transact(self, writes: Sequence[Write]) -> None:
        """Do all of it or nothing.

        Raises:
            ConflictError: A condition did not hold, or somebody else wrote at the same time.
        """
        if not writes:
            return
        asked = [_transacted(self.name, write) for write in writes]
        with self._typed_errors():
            try:
                self._client.transact_write_items(TransactItems=asked)
            except self._client.exceptions.TransactionCanceledException as error:
                raise _conflict(error) from None

    def put(self, item: Item, *, revision: int | None = None, is_new: bool = False) -> None:
        """Write an item.

        Raises:
            ConflictError: The condition did not hold.
        """
        # In a transaction it would cost twice.
        put = _transacted(self.name, Put(item, is_new=is_new, revision=revision))["Put"]
        del put["ReturnValuesOnConditionCheckFailure"]
        with self._typed_errors():
            try:
                self._client.put_item(**put)
            except self._client.exceptions.ClientError as error:
                if code_of(error) in _CONFLICTS:
                    raise ConflictError from None
                raise

    def put_many(self, items: Sequence[Item]) -> None:
        """Write items, each for itself."""
        self._write_many([{"PutRequest": {"Item": _attributes(item)}} for item in items])

    def delete_many(self, keys: Iterable[Key]) -> None:
        """Delete items, each for itself."""
        unique = dict.fromkeys(keys)
        self._write_many([{"DeleteRequest": {"Key": _key(key)}} for key in unique])

    def add(self, key: Key, attribute: str, amount: int) -> int:
        """Raise a counter, and return how high it is now."""
        with self._typed_errors():
            answer = self._client.update_item(
                TableName=self.name,
                Key=_key(key),
                UpdateExpression="ADD #a :n",
                ExpressionAttributeNames={"#a": attribute},
                ExpressionAttributeValues=_attributes({":n": amount}),
                ReturnValues="UPDATED_NEW",
            )
        return int(answer["Attributes"][attribute]["N"])

    def is_there(self) -> bool:
        """Say whether there is such a table."""
        with self._typed_errors():
            try:
                # To describe it would take a further permission.
                self._client.get_item(TableName=self.name, Key=_key(COUNTERS))
            except self._client.exceptions.ResourceNotFoundException:
                return False
        return True

    def _typed_errors(self) -> Any:
        return typed_errors(f"table {self.name}")

    def _pages(self, operation: str, asked: dict[str, Any]) -> Iterator[Item]:
        while True:
            with self._typed_errors():
                answer = getattr(self._client, operation)(**asked)
            yield from map(_item, answer["Items"])
            if not (follows := answer.get("LastEvaluatedKey")):
                return
            asked = {**asked, "ExclusiveStartKey": follows}

    def _write_many(self, requests: Sequence[Any]) -> None:
        for batch in batches(requests, _MOST_WRITTEN):
            asked = {self.name: list(batch)}
            for _ in self._until_processed("batch_write_item", "UnprocessedItems", asked):
                pass

    def _until_processed(self, operation: str, rest: str, asked: Any) -> Iterator[Any]:
        """Ask for what is left until nothing is: a batch may be done in part."""
        for attempt in range(_TRIES):
            with self._typed_errors():
                answer = getattr(self._client, operation)(RequestItems=asked)
            yield answer
            if not (asked := answer.get(rest)):
                return
            pause(attempt)
        raise InboxUnavailableError(f"AWS (table {self.name}) leaves a part of every batch undone.")


def until_agreed(attempt: Callable[[], T]) -> T:
    """Try until nobody else writes at the same time.

    Raises:
        InboxUnavailableError: Somebody always does.
    """
    for number in range(_TRIES):
        try:
            return attempt()
        except ConflictError:
            pause(number)
    raise InboxUnavailableError("Too many write to the inbox at the same place.")


def pause(attempt: int) -> None:
    """Wait for a time by chance, which may be the longer the more often it was tried."""
    longest = min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S)
    time.sleep(random.uniform(0, longest))  # noqa: S311 - it keeps nothing secret


def batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the values in groups of at most this size."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def key_of(item: Item) -> Key:
    """Return where an item is."""
    return item["pk"], item["sk"]


def _transacted(table: str, write: Write) -> dict[str, Any]:
    if isinstance(write, Put):
        what: dict[str, Any] = {"TableName": table, "Item": _attributes(write.item)}
        condition = _NOT_THERE if write.is_new else ""
    else:
        what = {"TableName": table, "Key": _key(write.key)}
        condition = _THERE if isinstance(write, Check) or write.is_there else ""
    if write.revision is not None:
        condition = "#revision = :revision"
        what["ExpressionAttributeNames"] = {"#revision": "revision"}
        what["ExpressionAttributeValues"] = _attributes({":revision": write.revision})
    if condition:
        what["ConditionExpression"] = condition
    what["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    kind = "ConditionCheck" if isinstance(write, Check) else type(write).__name__
    return {kind: what}


def _conflict(error: Any) -> Exception:
    """Tell a conflict, which goes away, from a throttled or a wrong transaction."""
    reasons = error.response.get("CancellationReasons", ())
    codes = {reason.get("Code") for reason in reasons} - {"None", None}
    if codes and codes <= {"ConditionalCheckFailed", "TransactionConflict"}:
        return ConflictError(
            {
                number: _item(reason.get("Item") or {})
                for number, reason in enumerate(reasons)
                if reason.get("Code") == "ConditionalCheckFailed"
            }
        )
    told = ", ".join(sorted(map(str, codes))) or code_of(error)
    return InboxUnavailableError(f"AWS has cancelled a transaction: {told}.")


def _projection(only: Sequence[str]) -> dict[str, Any]:
    if not only:
        return {}
    names = {f"#p{number}": name for number, name in enumerate(only)}
    return {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}


def _key(key: Key) -> dict[str, Any]:
    pk, sk = key
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _attributes(item: Item) -> dict[str, Any]:
    return {name: _attribute(value) for name, value in item.items()}


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": value}
    # DynamoDB keeps 38 digits, and repr needs at most 17 to say a float exactly.
    return {"N": repr(value)}


def _item(attributes: Mapping[str, Any]) -> Item:
    return {name: _value(value) for name, value in attributes.items()}


def _value(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind != "N":
        return value
    return float(value) if set(value) & set(".eE") else int(value)
