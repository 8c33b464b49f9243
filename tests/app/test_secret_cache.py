"""Secrets that are kept for a time: when they are read again, and what is valid meanwhile."""

import logging

import pytest

from almahook.app.secret_cache import Reading, SecretCache
from almahook.config import Reference, Secret
from almahook.errors import AlmaHookError, ConfigurationError

REFERENCE = Reference("aws-ssm", "/almahook/secret")
DAY_S = 86_400.0


class Kept:
    """A secret somewhere else, and the clock on the wall."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.reading: Reading | AlmaHookError = Reading(current=Secret("first"))
        self.reads = 0
        self.cache = SecretCache(self.read, lifetime_s=300, overlap_s=DAY_S, clock=lambda: self.now)

    def read(self, reference: Reference) -> Reading:
        assert reference == REFERENCE
        self.reads += 1
        if isinstance(self.reading, AlmaHookError):
            raise self.reading
        return self.reading

    def rotate(self, text: str) -> None:
        assert isinstance(self.reading, Reading)
        self.reading = Reading(
            current=Secret(text), previous=self.reading.current, rotated_at=self.now
        )

    def values(self) -> list[str]:
        return [secret.reveal() for secret in self.cache.values(REFERENCE)]


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_secret_is_read_once_within_its_lifetime(kept: Kept) -> None:
    kept.values()
    kept.now += 299
    kept.rotate("second")
    assert (kept.values(), kept.reads) == (["first"], 1)


def test_a_secret_that_is_old_is_read_again(kept: Kept) -> None:
    kept.values()
    kept.rotate("second")
    kept.now += 300
    assert kept.values() == ["second", "first"]


def test_the_previous_value_is_valid_for_a_time_after_the_rotation(kept: Kept) -> None:
    kept.rotate("second")
    kept.now += DAY_S - 1
    assert kept.values() == ["second", "first"]
    kept.now += 1
    assert kept.values() == ["second"]


def test_the_old_value_is_used_and_a_warning_logged_when_it_cannot_be_read_again(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.values()
    kept.now += 300
    kept.reading = ConfigurationError("not there any more")
    with caplog.at_level(logging.WARNING):
        assert kept.values() == ["first"]
    (record,) = caplog.records
    assert record.getMessage() == "secret.not_refreshed"
    assert vars(record)["fields"]["reference"] == "aws-ssm:/almahook/secret"
    assert "first" not in f"{vars(record)}"


def test_a_failure_is_not_tried_again_at_once_but_soon(kept: Kept) -> None:
    kept.values()
    kept.now += 300
    kept.reading = ConfigurationError("throttled")
    assert [kept.values(), kept.values()] == [["first"], ["first"]]
    assert kept.reads == 2
    kept.now += 30
    kept.reading = Reading(current=Secret("second"))
    assert kept.values() == ["second"]


def test_a_secret_that_was_never_read_is_an_error_each_time(kept: Kept) -> None:
    kept.reading = AlmaHookError("no network")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="aws-ssm:/almahook/secret cannot be read: no"):
            kept.values()
    assert kept.reads == 2


def test_a_clock_that_is_set_back_makes_nothing_fresh(kept: Kept) -> None:
    kept.values()
    kept.now -= DAY_S
    kept.values()
    assert kept.reads == 2
