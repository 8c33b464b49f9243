"""ITEM: a physical item was made, changed, received or deleted."""

from almahook.events.event import Event
from almahook.events.view import day, flag, number, text, texts


class ItemEvent(Event):
    """An item. A handler that writes to the item may cause the next event about it."""

    pid = text("item_data.pid", "The item's id.")
    barcode = text("item_data.barcode", "The barcode; not every item has one.")
    holding_id = text("holding_data.holding_id", "The holding's id.")
    mms_id = text("bib_data.mms_id", "The record's id.")
    title = text("bib_data.title", "The title.")
    author = text("bib_data.author", "The author.")
    isbn = text("bib_data.isbn", "The ISBN.")
    issn = text("bib_data.issn", "The ISSN.")
    complete_edition = text("bib_data.complete_edition", "The edition.")
    network_numbers = texts("bib_data.network_number", "For example ``(OCoLC)961169310``.")
    place_of_publication = text("bib_data.place_of_publication", "The place of publication.")
    date_of_publication = text("bib_data.date_of_publication", "The date of publication.")
    publisher = text("bib_data.publisher_const", "The publisher.")
    call_number = text("holding_data.call_number", "The call number.")
    call_number_type = text("holding_data.call_number_type", "The code of its type.")
    accession_number = text("holding_data.accession_number", "The accession number.")
    copy_id = text("holding_data.copy_id", "The copy's id.")
    library = text("item_data.library", "The code of the library.")
    location = text("item_data.location", "The code of the location.")
    policy = text("item_data.policy", "The code of the policy.")
    material_type = text("item_data.physical_material_type", "For example ``BOOK``.")
    description = text("item_data.description", "For example the volume.")
    year_of_issue = text("item_data.year_of_issue", "The year of issue.")
    enumeration_a = text("item_data.enumeration_a", "The first level of counting, as the volume.")
    enumeration_b = text("item_data.enumeration_b", "The second level; ``_c`` to ``_h`` likewise.")
    chronology_i = text("item_data.chronology_i", "The first level of dating, as the year.")
    chronology_j = text("item_data.chronology_j", "The second level; ``_k`` to ``_m`` likewise.")
    process_type = text("item_data.process_type", "``LOAN``, ``HOLDSHELF``, …; empty in place.")
    base_status = text("item_data.base_status", "``1`` in place, ``0`` not in place.")
    work_order_type = text("item_data.work_order_type", "The code of the work order.")
    work_order_at = text("item_data.work_order_at", "The code of the department that has it.")
    po_line = text("item_data.po_line", "The order's line.")
    is_requested = flag("item_data.requested", "Whether somebody has requested it.")
    is_awaiting_reshelving = flag("item_data.awaiting_reshelving", "Whether it is to be shelved.")
    is_magnetic = flag("item_data.is_magnetic", "Whether it is magnetic.")
    is_in_temp_location = flag("holding_data.in_temp_location", "Whether it is elsewhere for now.")
    temp_library = text("holding_data.temp_library", "The code of that library.")
    temp_location = text("holding_data.temp_location", "The code of that location.")
    temp_call_number = text("holding_data.temp_call_number", "The call number there.")
    temp_call_number_type = text("holding_data.temp_call_number_type", "The code of its type.")
    temp_policy = text("holding_data.temp_policy", "The code of the policy there.")
    alternative_call_number = text("item_data.alternative_call_number", "The item's own one.")
    alternative_call_number_type = text(
        "item_data.alternative_call_number_type", "The code of its type."
    )
    storage_location_id = text("item_data.storage_location_id", "Where a store keeps it.")
    physical_condition = text("item_data.physical_condition", "The code of its condition.")
    provenance = text("item_data.provenance", "The code of where it came from.")
    pages = text("item_data.pages", "The pages.")
    pieces = text("item_data.pieces", "The pieces.")
    creation_date = day("item_data.creation_date", "The day it was made.")
    modification_date = day("item_data.modification_date", "The day of its last change.")
    arrival_date = day("item_data.arrival_date", "The day it arrived.")
    expected_arrival_date = day("item_data.expected_arrival_date", "The day it should.")
    issue_date = day("item_data.issue_date", "The day of the issue.")
    receiving_operator = text("item_data.receiving_operator", "Who received it.")
    inventory_number = text("item_data.inventory_number", "The inventory number.")
    inventory_date = day("item_data.inventory_date", "The day it was entered.")
    inventory_price = text("item_data.inventory_price", "As typed, for example ``15.90 USD``.")
    replacement_cost = number("item_data.replacement_cost", "What a new one costs.")
    public_note = text("item_data.public_note", "The note for the public.")
    fulfillment_note = text("item_data.fulfillment_note", "The note shown at the desk.")
    internal_note_1 = text("item_data.internal_note_1", "A note for staff.")
    internal_note_2 = text("item_data.internal_note_2", "A note for staff.")
    internal_note_3 = text("item_data.internal_note_3", "A note for staff.")
    statistics_note_1 = text("item_data.statistics_note_1", "A note for statistics.")
    statistics_note_2 = text("item_data.statistics_note_2", "A note for statistics.")
    statistics_note_3 = text("item_data.statistics_note_3", "A note for statistics.")
    link = text("link", "Its path in Alma's REST API.")

    @property
    def is_in_place(self) -> bool:
        """Whether the item is where it belongs."""
        return self.base_status == "1"
