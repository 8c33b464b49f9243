"""The views beside the fields that Alma's schemas and captured bodies have.

https://developers.exlibrisgroup.com/alma/apis/docs/xsd/webhook.xsd/ and the schemas that it names:
rest_item_loan, rest_user_request, rest_bib, rest_item, rest_job_instance, rest_user.
"""

import pytest

from almahook.events import UserRecord
from almahook.events.read import TYPES
from almahook.events.view import Field, View

from .conftest import names_of


def named(names: str) -> set[str]:
    return set(names.split())


def under(parent: str, names: str) -> set[str]:
    return {f"{parent}.{name}" for name in named(names)}


def lettered(parent: str, name: str, letters: str) -> set[str]:
    return {f"{parent}.{name}_{letter}" for letter in letters}


LOAN = named(
    """loan_id circ_desk return_circ_desk library user_id item_barcode due_date loan_status
    loan_date return_date returned_by process_status mms_id holding_id item_id title author
    description publication_year location_code item_policy call_number loan_fine request_id
    renewable last_renew_date last_renew_status"""
)
REQUEST = named(
    """user_primary_id request_id additional_id request_type request_sub_type mms_id holding_id
    item_id barcode title author description manual_description pickup_location
    pickup_location_type pickup_location_library pickup_location_circulation_desk
    pickup_location_institution target_destination managed_by_library
    managed_by_circulation_desk managed_by_library_code managed_by_circulation_desk_code
    material_type volume issue part date_of_publication comment request_status place_in_queue
    request_date request_time task_name expiry_date last_interest_date booking_start_date
    booking_end_date adjusted_booking_start_date adjusted_booking_end_date
    resource_sharing"""
)
BIB = named(
    """mms_id record_format linked_record_id title author issn isbn complete_edition
    network_number place_of_publication date_of_publication publisher_const holdings created_by
    created_date last_modified_by last_modified_date suppress_from_publishing
    suppress_from_external_search suppress_from_metadoor sync_with_oclc
    sync_with_libraries_australia originating_system originating_system_id cataloging_level
    brief_level rank anies requests link"""
)
ITEM = (
    under(
        "bib_data",
        """mms_id title author issn isbn complete_edition network_number place_of_publication
        date_of_publication publisher_const link""",
    )
    | under(
        "holding_data",
        """holding_id call_number_type call_number accession_number copy_id in_temp_location
        temp_library temp_location temp_call_number_type temp_call_number temp_policy link""",
    )
    | under(
        "item_data",
        """pid barcode creation_date modification_date base_status awaiting_reshelving
        physical_material_type policy provenance po_line issue_date is_magnetic arrival_date
        expected_arrival_date year_of_issue break_indicator pattern_type description
        replacement_cost receiving_operator process_type work_order_type work_order_at
        inventory_number inventory_date inventory_price receive_number library location
        alternative_call_number alternative_call_number_type alt_number_source
        storage_location_id pages pieces public_note fulfillment_note requested
        physical_condition""",
    )
    | lettered("item_data", "enumeration", "abcdefgh")
    | lettered("item_data", "chronology", "ijklm")
    | lettered("item_data", "internal_note", "123")
    | lettered("item_data", "statistics_note", "123")
    | {"link"}
)
JOB_END = named(
    """id external_id name submitted_by submit_time start_time end_time progress status
    status_date alert counter action link"""
) | under("job_info", "id name description type category link")
NOTIFICATION = {"receiver", "sms_content"} | under(
    "general_data", "letter_type letter_name subject"
)
RECORD = named(
    """primary_id first_name middle_name last_name full_name pref_first_name pref_middle_name
    pref_last_name user_title job_category job_description gender user_group campus_code
    web_site_url cataloger_level preferred_language expiry_date purge_date account_type
    external_id record_type status status_date contact_info user_identifier user_role user_block
    user_note user_statistic proxy_for_user linking_id pin_number password
    force_password_change link"""
)

# What a property reads, and what a handler takes from the payload if it needs it.
READ_OTHERWISE = {
    "REQUEST": {"resource_sharing"},
    "BIB": {"anies", "holdings", "requests", "link"},
    "ITEM": under("item_data", "break_indicator pattern_type receive_number alt_number_source")
    | lettered("item_data", "enumeration", "cdefgh")
    | lettered("item_data", "chronology", "klm")
    | {"bib_data.link", "holding_data.link"},
    "JOB_END": {"counter", "job_info.link"},
    "NOTIFICATION": {"receiver"},
    "USER": {"user"},
    "record": named(
        """contact_info user_identifier user_role user_block user_note user_statistic
        proxy_for_user pin_number password force_password_change linking_id link user_title
        gender web_site_url cataloger_level pref_middle_name"""
    ),
}

SCHEMAS: dict[str, tuple[type[View], set[str]]] = {
    "LOAN": (TYPES["LOAN"], LOAN),
    "REQUEST": (TYPES["REQUEST"], REQUEST),
    "BIB": (TYPES["BIB"], BIB),
    "ITEM": (TYPES["ITEM"], ITEM),
    "JOB_END": (TYPES["JOB_END"], JOB_END),
    "NOTIFICATION": (TYPES["NOTIFICATION"], NOTIFICATION),
    "USER": (TYPES["USER"], {"method", "cause", "user"}),
    "record": (UserRecord, RECORD),
}
BESIDE_A_CODE = {"desc", "name", "description", "type", "link"}


def paths_of(kind: type[View]) -> set[str]:
    members = [vars(kind).get(name) for name in names_of(kind)]
    return {member.path for member in members if isinstance(member, Field)}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_of_a_view_is_one_that_alma_has(name) -> None:
    kind, schema = SCHEMAS[name]
    unknown = [
        path
        for path in paths_of(kind) - schema
        if path.rpartition(".")[0] not in schema or path.rpartition(".")[2] not in BESIDE_A_CODE
    ]
    assert unknown == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_that_alma_has_is_in_its_view_or_known_not_to_be(name) -> None:
    kind, schema = SCHEMAS[name]
    assert schema - paths_of(kind) == READ_OTHERWISE.get(name, set())


def test_every_action_has_its_schema() -> None:
    assert set(SCHEMAS) - {"record"} == set(TYPES)
