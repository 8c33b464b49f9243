"""How much is measured."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How often, how long, how much.

    Attributes:
        rounds: How often everything is measured; the subjects take turns.
        pairs: How often, in each round, what an aim is about is measured right beside what it is
            compared with.
        seconds: How long a server is under load.
        connections: All numbers of connections; the middle one is measured with every peer.
        every_server_at: At which of them all servers are measured, and not almahook alone.
        engine_s: About how long an engine works.
        idle_s: How long an idle process is watched.
        probes: How many events are timed from their receipt to their handler.
        cold_starts: How often a function on AWS is started for each of its cases.
        warm_calls: How many events one process of it gets.
        stored: How many events are there already.
        peers_in_all: Whether peers are measured in every round and setting, also where almahook
            is not compared with them by a ratio.
    """

    rounds: int
    pairs: int
    seconds: int
    connections: tuple[int, ...]
    every_server_at: tuple[int, ...]
    engine_s: float
    idle_s: float
    probes: int
    cold_starts: int
    warm_calls: int
    stored: tuple[int, ...]
    peers_in_all: bool = False


SCALES: Mapping[str, Scale] = {
    "quick": Scale(
        rounds=1,
        pairs=1,
        seconds=1,
        connections=(64,),
        every_server_at=(64,),
        engine_s=1,
        idle_s=2,
        probes=40,
        cold_starts=3,
        warm_calls=300,
        stored=(10_000,),
    ),
    "usual": Scale(
        rounds=3,
        pairs=2,
        seconds=3,
        connections=(8, 64, 512),
        every_server_at=(64,),
        engine_s=2,
        idle_s=5,
        probes=60,
        cold_starts=20,
        warm_calls=2_000,
        stored=(10_000, 100_000),
    ),
    "full": Scale(
        rounds=5,
        pairs=2,
        seconds=5,
        connections=(8, 64, 512),
        every_server_at=(8, 64, 512),
        engine_s=6,
        idle_s=10,
        probes=400,
        cold_starts=20,
        warm_calls=10_000,
        stored=(10_000, 100_000, 1_000_000, 5_000_000),
        peers_in_all=True,
    ),
}
