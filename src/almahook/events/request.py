"""REQUEST: a hold, booking, digitization, move or work order."""

from almahook.events.event import Event
from almahook.events.view import day, moment, number, text


class RequestEvent(Event):
    """A request. Once it is closed or cancelled, Alma's REST API does not have it any more."""

    request_id = text("request_id", "The request's id.")
    additional_id = text("additional_id", "The id by which the hold shelf is sorted.")
    request_type = text("request_type", "``HOLD``, ``BOOKING``, ``DIGITIZATION``, ``MOVE``, …")
    request_sub_type = text("request_sub_type", "For example ``PATRON_PHYSICAL``.")
    status = text("request_status", "For example ``ON_HOLD_SHELF``.")
    user_id = text("user_primary_id", "The user's primary id; staff requests have none.")
    mms_id = text("mms_id", "The record's id.")
    holding_id = text("holding_id", "The holding's id.")
    item_id = text("item_id", "The item's id (pid).")
    barcode = text("barcode", "The item's barcode; requests for a title have none.")
    title = text("title", "The title.")
    author = text("author", "The author.")
    description = text("description", "The item's description.")
    manual_description = text("manual_description", "The description that staff typed.")
    date_of_publication = text("date_of_publication", "The date of publication.")
    material_type = text("material_type", "For example ``BOOK``.")
    volume = text("volume", "The volume asked for.")
    issue = text("issue", "The issue asked for.")
    part = text("part", "The part asked for.")
    comment = text("comment", "The request's note.")
    pickup_location = text("pickup_location", "The place in words.")
    pickup_location_type = text("pickup_location_type", "``LIBRARY``, ``CIRCULATION_DESK``, …")
    pickup_library = text("pickup_location_library", "The code of the library.")
    pickup_circ_desk = text("pickup_location_circulation_desk", "The code of the desk.")
    pickup_institution = text("pickup_location_institution", "The code of the institution.")
    target_destination = text("target_destination", "Where a work order goes.")
    managed_by_library = text("managed_by_library_code", "The code of the library in charge.")
    managed_by_library_name = text("managed_by_library", "Its name.")
    managed_by_circ_desk = text("managed_by_circulation_desk_code", "The code of its desk.")
    managed_by_circ_desk_name = text("managed_by_circulation_desk", "Its name.")
    task_name = text("task_name", "For example ``Pickup From Shelf``.")
    place_in_queue = number("place_in_queue", "Counted from 1.")
    request_date = day("request_date", "The day it was made.")
    request_time = moment("request_time", "When it was made.")
    expiry_date = day("expiry_date", "The day on which the hold shelf gives it up.")
    last_interest_date = day("last_interest_date", "After this day it is not wanted any more.")
    booking_start_date = moment("booking_start_date", "When a booking begins.")
    booking_end_date = moment("booking_end_date", "When a booking ends.")
    adjusted_booking_start_date = moment(
        "adjusted_booking_start_date", "When it begins, with the time for preparation."
    )
    adjusted_booking_end_date = moment(
        "adjusted_booking_end_date", "When it ends, with the time for putting back."
    )
