"""The commands that work on an inbox say of one on AWS what they say of one in a file."""

from cli import test_events, test_purge, test_rejections, test_replay, test_tail

# These write into the file themselves, break it, or need thousands of events; or they are about
# the output alone, and start a process that has no environment.
_OF_A_FILE = {
    "test_a_reader_that_closes_early_ends_a_list_without_a_word",
    "test_a_retry_beyond_the_calendar_can_be_shown",
    "test_an_encoding_that_lacks_a_character_is_no_failure",
    "test_an_event_is_shown_with_each_attempt_its_log_and_its_last_traceback",
    "test_an_inbox_that_breaks_ends_a_replay_and_says_how_far_it_came",
    "test_an_inbox_that_cannot_be_read_is_told_without_a_traceback",
    "test_many_are_deleted_in_batches_while_the_listener_receives",
    "test_more_parked_events_than_a_page_are_replayed",
    "test_piped_output_is_plain_and_fits_eighty_columns",
    "test_the_body_is_printed_byte_for_byte",
}

for module in (test_events, test_purge, test_rejections, test_replay, test_tail):
    globals().update(
        {
            name: test
            for name, test in vars(module).items()
            if name.startswith("test_") and name not in _OF_A_FILE
        }
    )
