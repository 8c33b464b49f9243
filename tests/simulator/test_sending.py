from itertools import pairwise

import pytest

from almahook.errors import ConfigurationError
from almahook.protocol import read_envelope, verify
from almahook.simulator import PENDING, Simulator

SECRET = "clé-secrète"


def test_a_message_arrives_signed_and_byte_for_byte(alma, listener, profile):
    body = alma.message("LOAN", "LOAN_RETURNED", overrides={"item_loan.title": "Łódź"})
    delivery = alma.send(profile, body).wait(30)
    (received,) = listener.deliveries
    assert delivery.outcome == "delivered"
    assert received.body == body
    assert received.header("content-type") == "application/json"
    signature = received.header("x-exl-signature")
    assert verify(received.body, signature=signature, secrets=[SECRET.encode()]) == 0


def test_an_xml_profile_gets_the_same_message_as_signed_xml(alma, listener):
    profile = alma.add_profile("x", url=listener.url, secret=SECRET, message_type="XML")
    alma.activate(profile)
    body = alma.message("BIB")
    alma.send(profile, body).wait(30)
    (received,) = listener.deliveries
    assert received.body.startswith(b"<?xml")
    assert received.header("content-type") == "application/xml"
    assert read_envelope(received.body) == read_envelope(body)
    signature = received.header("x-exl-signature")
    assert verify(received.body, signature=signature, secrets=[SECRET.encode()]) == 0


def test_without_a_secret_there_is_no_signature(alma, listener):
    profile = alma.add_profile("x", url=listener.url, secret="")
    alma.activate(profile)
    alma.send(profile, alma.message("LOAN")).wait(30)
    assert listener.deliveries[0].header("x-exl-signature") is None


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(alma, listener, profile, status, answer):
    listener.script(answer(status=status, body=b""))
    delivery = alma.send(profile, alma.message("LOAN")).wait(30)
    assert (delivery.outcome, len(delivery.attempts)) == ("delivered", 1)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 413, 418, 429])
def test_4xx_and_redirects_are_given_up_for_ever(alma, listener, profile, status, answer):
    listener.script(answer(status=status, headers={"Location": listener.url}), 200)
    delivery = alma.send(profile, alma.message("LOAN")).wait(30)
    assert (delivery.outcome, len(delivery.attempts)) == ("refused", 1)
    assert delivery.attempts[0].status == status


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_is_retried_with_identical_bytes_and_signature(alma, listener, profile, status):
    listener.script(status, status, 200)
    delivery = alma.send(profile, alma.message("BIB")).wait(30)
    assert delivery.outcome == "delivered"
    assert [attempt.status for attempt in delivery.attempts] == [status, status, 200]
    assert len({(it.body, it.header("x-exl-signature")) for it in listener.deliveries}) == 1


def test_the_retries_come_after_1_3_and_6_hours_and_then_no_more(listener):
    with Simulator(time_scale=36_000) as alma:  # an hour is 100 ms
        profile = alma.add_profile("main", url=listener.url, secret=SECRET)
        alma.activate(profile)
        listener.script(503)
        delivery = alma.send(profile, alma.message("LOAN")).wait(30)
    assert delivery.outcome == "dropped"
    assert len(delivery.attempts) == len(listener.deliveries) == 4
    times = [attempt.at for attempt in delivery.attempts]
    waits = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert all(wait >= least for wait, least in zip(waits, [0.1, 0.3, 0.6], strict=True))


def test_no_answer_in_time_is_retried(listener, answer):
    with Simulator(time_scale=180_000, timeout_s=0.2) as alma:
        profile = alma.add_profile("main", url=listener.url, secret=SECRET)
        alma.activate(profile)
        listener.script(answer(hang=True), 200)
        delivery = alma.send(profile, alma.message("LOAN")).wait(30)
    first, second = delivery.attempts
    assert (first.status, first.reason) == (None, "no answer within 0.2 s")
    assert first.seconds >= 0.2
    assert second.status == 200


def test_a_trickle_does_not_extend_the_time(listener, answer):
    with Simulator(time_scale=180_000, timeout_s=0.3) as alma:
        profile = alma.add_profile("main", url=listener.url, secret=SECRET)
        alma.activate(profile)
        listener.script(answer(trickle=True), 200)
        delivery = alma.send(profile, alma.message("LOAN")).wait(30)
    assert [attempt.status for attempt in delivery.attempts] == [None, 200]
    assert delivery.attempts[0].reason == "no answer within 0.3 s"


def test_a_listener_that_is_gone_is_tried_four_times(alma, listener, profile):
    listener.close()
    delivery = alma.send(profile, alma.message("LOAN")).wait(30)
    assert delivery.outcome == "dropped"
    assert [attempt.status for attempt in delivery.attempts] == [None] * 4


def test_nothing_is_sent_to_a_profile_that_is_not_active(alma, listener):
    profile = alma.add_profile("main", url=listener.url, secret=SECRET)
    with pytest.raises(ConfigurationError, match="pending activation"):
        alma.send(profile, alma.message("LOAN"))
    assert alma.fire("LOAN") == []
    assert listener.received == []


def test_an_event_goes_to_every_active_profile_that_subscribed(alma, listener):
    for name, subscriptions in [("all", None), ("loans", ["LOAN"]), ("jobs", ["JOB_END"])]:
        alma.activate(
            alma.add_profile(name, url=listener.url, secret=name, subscriptions=subscriptions)
        )
    alma.profiles["all"].status = PENDING
    alma.add_profile("late", url=listener.url, secret="s")
    deliveries = [delivery.wait(30) for delivery in alma.fire("LOAN")]
    assert [delivery.profile.name for delivery in deliveries] == ["loans"]
    alma.activate(alma.profiles["all"])
    both = [delivery.wait(30) for delivery in alma.fire("LOAN")]
    assert {delivery.profile.name for delivery in both} == {"all", "loans"}
    assert len({delivery.id for delivery in both}) == 1


def test_user_events_are_filtered_by_user_group(alma, listener):
    staff = alma.add_profile("staff", url=listener.url, secret="s", user_groups=["staff"])
    alma.activate(staff)
    group = "webhook_user.user.user_group.value"
    assert alma.fire("USER", overrides={group: "student"}) == []
    (delivery,) = alma.fire("USER", overrides={group: "staff"})
    delivery.wait(30)
    # The filter is for USER only.
    assert len(alma.fire("LOAN")) == 1


def test_every_nth_message_may_come_twice(alma, listener, profile):
    profile.duplicate_every = 2
    first, second = (alma.send(profile, alma.message("LOAN")) for _ in range(2))
    assert first.duplicate is None
    assert second.duplicate.wait(30).outcome == "delivered"
    listener.wait_for(3)
    assert [it.body for it in listener.deliveries].count(second.body) == 2


def test_messages_may_overtake_each_other(alma, listener, profile):
    profile.out_of_order_s = 0.2
    bodies = [alma.message("LOAN") for _ in range(30)]
    alma.bulk(profile, bodies)
    arrived = [received.body for received in listener.deliveries]
    assert arrived != bodies
    assert sorted(arrived) == sorted(bodies)


def test_header_names_may_be_lower_case_and_bodies_chunked(alma, listener, profile):
    profile.lower_case_headers = profile.chunked = True
    body = alma.message("BIB")
    alma.send(profile, body).wait(30)
    (received,) = listener.deliveries
    assert "x-exl-signature" in dict(received.headers)
    assert received.header("transfer-encoding") == "chunked"
    assert received.body == body


def test_bulk_sends_everything_over_few_connections(listener):
    progress = []
    with Simulator(senders=3) as alma:
        profile = alma.add_profile("main", url=listener.url, secret=SECRET)
        alma.activate(profile)
        bodies = [alma.message("ITEM") for _ in range(60)]
        deliveries = alma.bulk(profile, bodies, on_progress=lambda *it: progress.append(it))
    assert {delivery.outcome for delivery in deliveries} == {"delivered"}
    assert sorted(it.body for it in listener.deliveries) == sorted(bodies)
    assert len({it.connection for it in listener.deliveries}) <= 4
    assert progress == [(done, 60) for done in range(1, 61)]


def test_the_log_says_what_happened_to_each_call(alma, listener, profile):
    listener.script(503, 401)
    delivery = alma.send(profile, alma.message("LOAN")).wait(30)
    lines = [(it.action, it.id, it.attempt, it.status, it.reason) for it in alma.log[1:]]
    assert lines == [
        ("LOAN", delivery.id, 1, 503, "HTTP 503"),
        ("LOAN", delivery.id, 2, 401, "HTTP 401"),
    ]


def test_what_is_not_a_message_can_be_sent_too(alma, listener, profile):
    delivery = alma.send(profile, b"not json").wait(30)
    assert (delivery.outcome, delivery.id) == ("delivered", "")
    assert listener.deliveries[0].body == b"not json"


def test_waiting_has_a_limit(listener):
    with Simulator() as alma:
        profile = alma.add_profile("main", url=listener.url, secret=SECRET)
        alma.activate(profile)
        listener.script(503)
        delivery = alma.send(profile, alma.message("LOAN")).wait_attempt(timeout=30)
        assert delivery.outcome == "retrying"
        with pytest.raises(TimeoutError):
            delivery.wait(0.01)
    assert delivery.wait(0).outcome == "dropped"


def test_closing_does_not_wait_for_a_listener_that_hangs(listener, answer):
    listener.script(answer(hang=True))
    with Simulator(timeout_s=3600) as alma:
        profile = alma.add_profile("main", url=listener.url, secret=SECRET)
        alma.activate(profile)
        delivery = alma.send(profile, alma.message("LOAN"))
        listener.wait_for(1)
    assert delivery.outcome == "dropped"


def test_bodies_and_secrets_are_in_no_repr(alma, profile):
    delivery = alma.send(profile, alma.message("LOAN")).wait(30)
    assert "item_loan" not in repr(delivery)
    assert SECRET not in repr(delivery)
