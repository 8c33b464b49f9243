"""BIB: a bibliographic record was made, changed or deleted."""

import re
from io import BytesIO
from typing import TYPE_CHECKING

from almahook.errors import MissingExtraError, XMLError
from almahook.events import value
from almahook.events.event import Event
from almahook.events.view import day, flag, number, text, texts
from almahook.protocol.xml import parse_xml

if TYPE_CHECKING:
    import pymarc

_DECLARATION = re.compile(r"\s*<\?xml\b.*?\?>\s*", re.DOTALL)


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
    brief_level = text("brief_level", "The code of the brief level; only in newer messages.")
    rank = number("rank", "Alma's rank of the record; only in newer messages.")
    originating_system = text("originating_system", "Where the record came from.")
    originating_system_id = text("originating_system_id", "Its id there.")
    sync_with_oclc = text(
        "sync_with_oclc", "What is kept in step with OCLC: ``NONE``, ``BIBS`` or ``HOLDINGS``."
    )
    sync_with_libraries_australia = text(
        "sync_with_libraries_australia", "What is kept in step with Libraries Australia."
    )
    created_by = text("created_by", "Who made it.")
    created_date = day("created_date", "The day it was made.")
    last_modified_by = text("last_modified_by", "Who changed it last.")
    last_modified_date = day("last_modified_date", "The day of its last change.")
    is_suppressed = flag("suppress_from_publishing", "Whether it is kept from publishing.")
    is_suppressed_externally = flag(
        "suppress_from_external_search", "Whether it is kept from external search."
    )
    is_suppressed_from_metadoor = flag(
        "suppress_from_metadoor", "Whether it is kept from Metadoor; only in newer messages."
    )
    holdings_link = text("holdings.link", "The path of its holdings in Alma's REST API.")

    @property
    def marcxml(self) -> str:
        """The MARC record as XML, without Alma's declaration; empty when there is none.

        The declaration says UTF-16, which is not true of text within a JSON message.
        """
        found = value.text(self.payload.get("anies"))
        declaration = _DECLARATION.match(found)
        return found[declaration.end() :] if declaration else found

    def marc(self) -> "pymarc.Record | None":
        """Return the MARC record as pymarc's, or None when there is none.

        Raises:
            MissingExtraError: pymarc is not installed.
            XMLError: The record is not well-formed, or it is not MARC.
            ForbiddenXMLError: It declares a document type.
        """
        try:
            import pymarc  # noqa: PLC0415 - only who asks for it needs it
        except ModuleNotFoundError:
            raise MissingExtraError("event.marc()", extra="marc") from None
        if not self.marcxml:
            return None
        xml = self.marcxml.encode("utf-8")
        # pymarc's own parser takes document types and entities.
        parse_xml(xml)
        try:
            records = pymarc.parse_xml_to_array(BytesIO(xml))  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - whatever its handler stumbles over is not MARC
            raise XMLError("The record is XML, but not MARC.") from None
        return records[0] if records else None
