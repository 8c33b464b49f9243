import pytest

from almahook.simulator import ACTIVE, PENDING


@pytest.mark.parametrize("shape", ["json", "pretty", "text", "html"])
def test_any_answer_that_holds_the_challenge_activates(alma, listener, shape):
    listener.challenge_answer = shape
    profile = alma.add_profile("main", url=listener.url, secret="s")
    assert profile.status == PENDING
    result = alma.activate(profile)
    assert (result.ok, result.status, profile.status) == (True, 200, ACTIVE)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ("missing", "the answer does not contain the challenge"),
        ("202", "the listener answered HTTP 202 instead of 200"),
        ("404", "the listener answered HTTP 404 instead of 200"),
        ("302", "the listener answered HTTP 302 instead of 200"),
    ],
)
def test_any_other_answer_leaves_the_profile_pending(alma, listener, shape, reason):
    listener.challenge_answer = shape
    profile = alma.add_profile("main", url=listener.url, secret="s")
    result = alma.activate(profile)
    assert (result.ok, result.reason, profile.status) == (False, reason, PENDING)


def test_nobody_at_the_address_is_said_in_words(alma, listener):
    url = listener.url
    listener.close()
    result = alma.activate(alma.add_profile("main", url=url, secret="s"))
    assert result.status is None
    assert result.reason.startswith("could not connect")


@pytest.mark.parametrize("url", ["not a url", "ftp://example.edu/x", "http://", "http://[::1"])
def test_a_url_that_cannot_be_called_is_said_in_words(alma, url):
    result = alma.activate(alma.add_profile("main", url=url, secret="s"))
    assert (result.ok, result.status) == (False, None)
    assert result.reason


def test_the_challenge_is_unsigned_and_joins_a_query_that_is_there(alma, listener):
    url = f"{listener.url}?institution=01EXAMPLE_INST"
    alma.activate(alma.add_profile("main", url=url, secret="s"))
    (received,) = listener.received
    assert received.method == "GET"
    assert received.path.startswith("/webhooks/main?institution=01EXAMPLE_INST&challenge=")
    assert received.header("X-Exl-Signature") is None


def test_the_challenge_is_in_the_log(alma, profile):
    (entry,) = alma.log
    assert (entry.action, entry.profile, entry.status) == ("CHALLENGE", "main", 200)


def test_the_secret_is_not_in_the_repr(profile):
    assert "secr" not in repr(profile).replace("secret=", "")
