def test_a_worker_with_nothing_to_do_only_looks_whether_anybody_has_written(shop, desk, watched):
    shop.write(loan="def process(event): pass")
    shop.start(inbox=watched, poll_s=3600, lease_s=3600)
    seqs = shop.send(count=3)
    shop.until_final(*seqs)
    # Its own writes make it look once more.
    watched.next_calls("version", 3)
    assert set(watched.next_calls("version", 10)) == {"version"}


def test_a_poll_that_finds_nothing_costs_one_look_at_everything(shop, watched):
    shop.write(loan="def process(event): pass")
    shop.start(inbox=watched, poll_s=0.5, lease_s=3600)
    watched.next_calls("expired", 1)
    calls = watched.next_calls("expired", 3)
    assert calls["dispatch"] <= 4
    assert calls["lease"] <= 4


def test_a_handler_that_runs_long_costs_no_more_than_the_renewal_of_its_lease(shop, desk, watched):
    shop.write(loan="def process(event): desk.wait_at('end')")
    shop.start(inbox=watched, poll_s=3600, lease_s=3600)
    shop.send()
    desk.until_noted("at end")
    watched.next_calls("version", 3)
    assert set(watched.next_calls("version", 10)) == {"version"}


def test_a_wake_up_is_never_lost(shop, desk):
    shop.write(loan="def process(event): desk.note('run')")
    shop.start(poll_s=3600)
    for number in range(1, 101):
        shop.send()
        desk.until_noted("run", number)
