"""Bringing a store to the schema of this release."""

from dataclasses import dataclass

from almahook.app.stores import aws_name, inbox_file, open_existing_inbox, open_inbox
from almahook.config import Settings
from almahook.inbox.aws.resources import SCHEMA
from almahook.inbox.sqlite.schema import schema_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """From which schema to which; both are the same when there was nothing to do.

    Attributes:
        before: 0 when there was no store.
    """

    before: int
    after: int


def migrate(settings: Settings) -> Migration:
    """Make the store, or bring it to the schema of this release; one on AWS is made by a template.

    Raises:
        ConfigurationError: The URL names no store of this release.
        InboxUnavailableError: The store cannot be opened.
        SchemaError: The store was written by a newer release.
    """
    if aws_name(settings) is not None:
        open_existing_inbox(settings).close()
        return Migration(before=SCHEMA, after=SCHEMA)
    file = inbox_file(settings)
    before = schema_of(file)
    open_inbox(settings).close()
    return Migration(before=before, after=schema_of(file))
