import pytest
from bench.figures import BenchError
from bench.wrk import parse

OUTPUT = """Running 1s test @ http://127.0.0.1:41473/webhooks/main
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.58ms    1.04ms  17.40ms   95.70%
    Req/Sec    42.71k     2.81k   45.10k    80.00%
  42513 requests in 1.00s, 6.08MB read
  Non-2xx or 3xx responses: 13
Requests/sec:  42489.20
Transfer/sec:      6.08MB
FIGURES {"answered": 42513, "refused": 13, "broken": 2, "seconds": 1.000560, "taken": 42578, \
"rounds": 0, "p50_ms": 1.412, "p99_ms": 4.051, "p999_ms": 9.300, "max_ms": 17.400}
"""


def test_the_figures_are_found_among_what_wrk_says_itself():
    load = parse(OUTPUT, generator_cpu_s=0.5)
    assert (load.answered, load.refused, load.broken, load.taken) == (42513, 13, 2, 42578)
    assert (load.p50_ms, load.p99_ms, load.p999_ms, load.max_ms) == (1.412, 4.051, 9.3, 17.4)
    assert (load.seconds, load.generator_cpu_s) == (1.00056, 0.5)


def test_what_was_refused_was_not_accepted():
    assert parse(OUTPUT).accepted == 42500


def test_output_without_figures_is_an_error_that_quotes_its_end():
    with pytest.raises(BenchError, match=r"requests\.lua:13: no such file"):
        parse("Running 1s test\nrequests.lua:13: no such file\n")
