"""What is too large for an item is an object of the bucket, and the item says which."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

from almahook.inbox.aws.clients import typed_errors
from almahook.inbox.aws.resources import KEPT_PREFIX
from almahook.inbox.aws.table import Item, batches

# An item may have 400 KB. Reading a page of items costs by their size, and from a few KB on an
# object is cheaper to write; but each costs one more call.
INLINE_BYTES = 64 * 1024

_DATA, _OBJECT = "data", "object"
REFERENCE = _OBJECT
_MOST_DELETED = 1000


class Objects:
    """The bucket.

    Args:
        client: Makes the client when the first object is kept or read.
        bucket: Finds the bucket's name then.
    """

    def __init__(self, client: Callable[[], Any], bucket: Callable[[], str]) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, data: bytes, *, owner: str) -> Item:
        """Return the attributes that hold the data, or that say which object does.

        The same data of the same owner is the same object, however often it is kept.
        """
        if len(data) <= INLINE_BYTES:
            return {_DATA: data}
        name = f"{sha256(owner.encode()).hexdigest()}/{sha256(data).hexdigest()}"
        key = f"{KEPT_PREFIX}{name}"
        with typed_errors("bucket"):
            self._client().put_object(Bucket=self._bucket(), Key=key, Body=data)
        return {_OBJECT: key}

    def load(self, item: Item) -> bytes:
        """Return the data that an item holds, or that of its object."""
        key = item.get(_OBJECT)
        return self.read(self._bucket(), key) if key else bytes(item[_DATA])

    def read(self, bucket: str, key: str) -> bytes:
        """Return an object."""
        with typed_errors("bucket"):
            answer = self._client().get_object(Bucket=bucket, Key=key)
            with answer["Body"] as body:
                data: bytes = body.read()
        return data

    def forget(self, items: Iterable[Item]) -> None:
        """Delete the objects of items."""
        self.delete([item[_OBJECT] for item in items if _OBJECT in item])

    def delete(self, keys: Iterable[str], *, bucket: str = "") -> None:
        """Delete objects by their keys."""
        for batch in batches(list(dict.fromkeys(keys)), _MOST_DELETED):
            named = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
            with typed_errors("bucket"):
                self._client().delete_objects(Bucket=bucket or self._bucket(), Delete=named)
