"""LOAN: something was lent, returned, renewed, lost, or its due date has changed."""

from almahook.events.event import Event
from almahook.events.view import flag, moment, number, text


class LoanEvent(Event):
    """A loan. It names the user by id only: for a mail address or a number, ask ``ctx.alma``."""

    loan_id = text("loan_id", "The loan's id.")
    user_id = text("user_id", "The user's primary id.")
    item_id = text("item_id", "The item's id (pid).")
    barcode = text("item_barcode", "The item's barcode.")
    holding_id = text("holding_id", "The holding's id; absent before 2020.")
    mms_id = text("mms_id", "The record's id.")
    title = text("title", "The title.")
    author = text("author", "The author.")
    description = text("description", "The item's description, for example its volume.")
    publication_year = text("publication_year", "The year of publication.")
    call_number = text("call_number", "The call number.")
    library = text("library", "The code of the item's library.")
    library_name = text("library.desc", "Its name.")
    location = text("location_code", "The code of the item's location.")
    location_name = text("location_code.name", "Its name.")
    item_policy = text("item_policy", "The code of the item's policy.")
    item_policy_name = text("item_policy.description", "Its name.")
    circ_desk = text("circ_desk", "The code of the desk that lent it.")
    return_circ_desk = text("return_circ_desk", "The code of the desk that took it back.")
    returned_by = text("returned_by", "The primary id of who took it back.")
    status = text("loan_status", "``ACTIVE`` or ``COMPLETE``.")
    process_status = text("process_status", "For example ``NORMAL``.")
    loan_date = moment("loan_date", "When it was lent.")
    due_date = moment("due_date", "When it is due; midnight of the library's own zone, in UTC.")
    return_date = moment("return_date", "When it came back.")
    last_renew_date = moment("last_renew_date", "When it was renewed last.")
    last_renew_status = text("last_renew_status", "The code of how that went.")
    renewable = flag("renewable", "Whether it can be renewed.")
    fine = number("loan_fine", "The fine, in the institution's currency.")
    request_id = text("request_id", "The id of the request that it fulfils.")
