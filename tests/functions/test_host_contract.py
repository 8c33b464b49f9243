"""Every front door of AWS answers as the listener does, byte for byte."""

import pytest

from almahook.testing.host_contract import Row, rows
from aws_local.front_doors import DOORS, Door, load_balancer
from aws_local.runtime_api import LambdaFunction

# Of a header that is sent twice it passes on the last one.
TWICE = "a message with a signature that is sent twice is refused"


def cases(mode: str) -> list[object]:
    return [
        pytest.param(door, row, id=f"{door.__name__}: {row}")
        for door in DOORS
        for row in rows(mode)
        if not (door is load_balancer and row.name == TWICE)
    ]


@pytest.mark.parametrize(("door", "row"), cases("inbox"))
def test_the_receive_function_answers_this_row_byte_for_byte(
    door: Door, row: Row, receive: LambdaFunction
) -> None:
    row.check(door(receive.invoke))


@pytest.mark.parametrize(("door", "row"), cases("direct"))
def test_the_direct_function_answers_this_row_byte_for_byte(
    door: Door, row: Row, direct: LambdaFunction
) -> None:
    row.check(door(direct.invoke))
