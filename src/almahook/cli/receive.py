"""``almahook receive``: a further process that receives, started by ``almahook serve`` alone."""

import signal
import socket
from typing import Annotated

import typer

from almahook.cli.common import TETHER


def receive(tether: Annotated[int, typer.Option(TETHER, hidden=True)]) -> None:
    """Receive on the port of the ``almahook serve`` that has started this process."""
    from almahook.app.main_process import MainProcess
    from almahook.app.tether import leave_interrupts

    main = MainProcess(tether)
    leave_interrupts()

    from almahook.app.further_receiver import FurtherReceiver
    from almahook.app.logs import configure_logs
    from almahook.app.server import BackgroundServer

    orders = main.orders()
    if orders is None:
        return
    # What is logged before this, nobody could read.
    configure_logs(form=orders.table.log_format, level=orders.table.log_level)
    sockets = [socket.socket(fileno=descriptor) for descriptor in orders.sockets]
    for one in sockets:
        one.set_inheritable(False)
    server = BackgroundServer(FurtherReceiver(main, orders))
    # uvicorn raises the signal again once everything has ended in good order: that is no failure.
    signal.signal(signal.SIGTERM, server.handle_exit)

    def end() -> None:
        server.should_exit = True

    main.follow(end=end)
    server.run(sockets=sockets)
