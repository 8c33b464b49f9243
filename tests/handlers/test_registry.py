import pytest

from almahook import Event
from almahook.errors import HandlerLoadError
from almahook.handlers import Handler, Registry, describe


def handler(name: str, *, wanted: bool = True) -> Handler:
    return Handler(name=name, function=print, takes=lambda _: wanted)


def broken(_: Event) -> bool:
    raise RecursionError


def test_the_handlers_that_take_an_event_are_found_in_their_order(job: Event) -> None:
    registry = Registry([handler("b"), handler("no", wanted=False), handler("a")])
    assert [one.name for one in registry.matching(job)] == ["b", "a"]


def test_a_filter_that_raises_does_not_match_and_does_not_stop_the_others(job: Event) -> None:
    registry = Registry([Handler(name="broken", function=print, takes=broken), handler("good")])
    assert [one.name for one in registry.matching(job)] == ["good"]


def test_two_handlers_of_one_name_are_refused() -> None:
    with pytest.raises(HandlerLoadError, match="Two handlers are called twin"):
        Registry([handler("twin"), handler("twin")])


def test_a_handler_is_got_by_its_name() -> None:
    registry = Registry([handler("one")])
    assert registry.get("one") in list(registry)
    assert registry.get("gone") is None
    assert registry.names == ["one"]
    assert len(registry) == 1


def test_a_function_of_ones_own_is_described_as_such() -> None:
    (description,) = describe(Registry([handler("one")]))
    assert description.takes == "as its own function says"
    assert description.options == "at most 8 attempts, 300 s each, 4 at once"
