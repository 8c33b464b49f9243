import os

from bench.engines import mark


def test_marks_have_one_length_and_are_read_back_by_id(tmp_path, monkeypatch):
    monkeypatch.setenv(mark.FOLDER_VARIABLE, str(tmp_path))
    mark._file.cache_clear()
    ids = ["1000000000000000001", "8999999999999999999"]
    try:
        for event_id in ids:
            mark.handled(event_id)
        assert (tmp_path / "handled").stat().st_size == 2 * mark.LINE_BYTES
        assert mark.count_handled(tmp_path) == 2
        assert list(mark.read(tmp_path, "handled")) == ids
    finally:
        os.close(mark._file("handled", os.getpid()))
        mark._file.cache_clear()


def test_before_the_first_mark_nothing_was_handled(tmp_path):
    assert mark.count_handled(tmp_path) == 0
