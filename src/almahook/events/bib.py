"""BIB: a bibliographic record was made, changed or deleted."""

import re
from io import BytesIO
from typing import TYPE_CHECKING

from almahook.errors import ForbiddenXMLError, MissingExtraError, XMLError
from almahook.events import value
from almahook.events.event import Event
from almahook.events.view import day, flag, text, texts

if TYPE_CHECKING:
    import pymarc

_DECLARATION = re.compile(r"\s*<\?xml.*?\?>\s*", re.DOTALL)


class BibEvent(Event):
    """A bibliographic record. It is not what Alma publishes: no holdings, no enrichment."""

    mms_id = text("mms_id", "The record's id.")
    record_format = text("record_format", "For example ``marc21``.")
    title = text("title", "The title.")
    author = text("author", "The author.")
    isbn = text("isbn", "The ISBN.")
    issn = text("issn", "The ISSN.")
    complete_edition = text("complete_edition", "The edition.")
    network_numbers = texts("network_number", "For example ``(OCoLC)961169310``.")
    place_of_publication = text("place_of_publication", "The place of publication.")
    date_of_publication = text("date_of_publication", "The date of publication.")
    publisher = text("publisher_const", "The publisher.")
    linked_record_id = text("linked_record_id", "The id in the network or community zone.")
    linked_record_type = text("linked_record_id.type", "``NZ``, ``CZ`` or empty.")
    cataloging_level = text("cataloging_level", "The code of the cataloging level.")
    originating_system = text("originating_system", "Where the record came from.")
    created_by = text("created_by", "Who made it.")
    created_date = day("created_date", "The day it was made.")
    last_modified_by = text("last_modified_by", "Who changed it last.")
    last_modified_date = day("last_modified_date", "The day of its last change.")
    is_suppressed = flag("suppress_from_publishing", "Whether it is kept from publishing.")
    is_suppressed_externally = flag(
        "suppress_from_external_search", "Whether it is kept from external search."
    )

    @property
    def marcxml(self) -> str:
        """The MARC record as XML, without Alma's declaration; empty when there is none.

        The declaration says UTF-16, which is not true of text within a JSON message.
        """
        found = value.text(self.payload.get("anies"))
        return _DECLARATION.sub("", found, count=1)

    def marc(self) -> "pymarc.Record | None":
        """Return the MARC record as pymarc's, or None when there is none.

        Raises:
            MissingExtraError: pymarc is not installed.
            XMLError: The record is not well-formed.
        """
        try:
            import pymarc  # noqa: PLC0415 - only who asks for it needs it
        except ModuleNotFoundError:
            raise MissingExtraError("event.marc()", extra="marc") from None
        from xml.sax import SAXException  # noqa: PLC0415 - likewise

        xml = self.marcxml
        if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
            raise ForbiddenXMLError
        if not xml:
            return None
        try:
            records = pymarc.parse_xml_to_array(BytesIO(xml.encode("utf-8")))  # type: ignore[no-untyped-call]
        except (SAXException, ValueError):
            raise XMLError("The MARC record is not well-formed XML.") from None
        return records[0] if records else None
