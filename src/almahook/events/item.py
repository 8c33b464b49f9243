"""ITEM: a physical item was made, changed, received or deleted."""

from almahook.events.event import Event
from almahook.events.view import day, flag, text


class ItemEvent(Event):
    """An item. A handler that writes to the item may cause the next event about it."""

    pid = text("item_data.pid", "The item's id.")
    barcode = text("item_data.barcode", "The barcode; not every item has one.")
    holding_id = text("holding_data.holding_id", "The holding's id.")
    mms_id = text("bib_data.mms_id", "The record's id.")
    title = text("bib_data.title", "The title.")
    author = text("bib_data.author", "The author.")
    isbn = text("bib_data.isbn", "The ISBN.")
    call_number = text("holding_data.call_number", "The call number.")
    library = text("item_data.library", "The code of the library.")
    location = text("item_data.location", "The code of the location.")
    policy = text("item_data.policy", "The code of the policy.")
    material_type = text("item_data.physical_material_type", "For example ``BOOK``.")
    description = text("item_data.description", "For example the volume.")
    process_type = text("item_data.process_type", "``LOAN``, ``HOLDSHELF``, …; empty in place.")
    base_status = text("item_data.base_status", "``1`` in place, ``0`` not in place.")
    po_line = text("item_data.po_line", "The order's line.")
    is_requested = flag("item_data.requested", "Whether somebody has requested it.")
    is_awaiting_reshelving = flag("item_data.awaiting_reshelving", "Whether it is to be shelved.")
    is_in_temp_location = flag("holding_data.in_temp_location", "Whether it is elsewhere for now.")
    creation_date = day("item_data.creation_date", "The day it was made.")
    modification_date = day("item_data.modification_date", "The day of its last change.")
    arrival_date = day("item_data.arrival_date", "The day it arrived.")
    public_note = text("item_data.public_note", "The note for the public.")
    fulfillment_note = text("item_data.fulfillment_note", "The note shown at the desk.")
    internal_note_1 = text("item_data.internal_note_1", "A note for staff.")
    internal_note_2 = text("item_data.internal_note_2", "A note for staff.")
    internal_note_3 = text("item_data.internal_note_3", "A note for staff.")

    @property
    def is_in_place(self) -> bool:
        """Whether the item is where it belongs."""
        return self.base_status == "1"
