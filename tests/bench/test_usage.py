import os
import subprocess

from bench.usage import family, parse_fields, parse_stat, tree_usage

STAT = (
    "4242 (tmux: (a) b) S 17 4242 4242 0 -1 4194560 3214 1500 0 0 120 30 40 10 20 0 3 0 98765 "
    "52428800 2048 18446744073709551615 1 1 0 0 0 0 0 16781312 16898 0 0 0 17 1 0 0 0 0 0"
)


def test_a_stat_line_is_read_whatever_the_process_calls_itself():
    stat = parse_stat(STAT)
    assert (stat.parent, stat.start) == (17, 98765)


def test_cpu_counts_user_and_system_of_the_process_and_of_its_children_that_ended():
    assert parse_stat(STAT).cpu_s * os.sysconf("SC_CLK_TCK") == 120 + 30 + 40 + 10


def test_fields_are_read_with_their_units_left_out():
    text = "rchar: 10\nwchar: 20\nVmRSS:\t  300 kB\nName:\tpython\nUid:\t0\t0\t0\t0\n"
    assert parse_fields(text) == {"rchar": 10, "wchar": 20, "VmRSS": 300, "Uid": 0}


def test_a_process_that_is_gone_has_used_nothing():
    usage = tree_usage([2**22 + 1])
    assert (usage.cpu_s, usage.written_bytes, usage.resident_bytes) == (0, 0, 0)


def test_this_process_is_in_its_own_family_and_uses_memory():
    assert family([os.getpid()])[0] == os.getpid()
    assert tree_usage([os.getpid()]).resident_bytes > 0


def test_what_a_process_has_started_is_counted_with_it():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert child.pid in family([os.getpid()])
        alone = tree_usage([child.pid]).resident_bytes
        assert 0 < alone < tree_usage([os.getpid()]).resident_bytes
        child.stdin.close()
