"""The simulator on its own, until it is told to stop."""

import signal
from collections.abc import Callable
from queue import SimpleQueue

from almahook.simulator.simulator import Simulator


def serve(
    host: str = "127.0.0.1",
    port: int = 8090,
    *,
    time_scale: float = 1.0,
    timeout_s: float = 5.0,
    seed: int | None = None,
    senders: int = 16,
    on_ready: Callable[[Simulator], None] | None = None,
) -> None:
    """Run a simulator until SIGINT or SIGTERM; to be called from the main thread.

    Args:
        host: The address to listen on.
        port: 0 takes any free one.
        time_scale: How many times faster Alma's hours pass.
        timeout_s: A listener that takes longer counts as failed.
        seed: With a seed, the same messages are made each time.
        senders: How many calls of listeners are under way at once.
        on_ready: Called once the simulator answers.

    Raises:
        ConfigurationError: The address cannot be listened on.
    """
    # The handler runs within the wait, where an event's lock may be held: its set() would wait for
    # ever. A simple queue is made for this.
    stop: SimpleQueue[int] = SimpleQueue()
    before = {
        number: signal.signal(number, lambda number, _: stop.put(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with Simulator(
            host,
            port,
            time_scale=time_scale,
            timeout_s=timeout_s,
            seed=seed,
            senders=senders,
        ) as alma:
            if on_ready is not None:
                on_ready(alma)
            stop.get()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
