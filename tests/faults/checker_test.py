#!/usr/bin/env python3
"""The checker on hand-made ledgers: each fault is seen, and nothing is seen where nothing is wrong."""
import pathlib
import tempfile
import unittest

import bystanders
import checker
import compare_collector
import ledgers
from checker import MS, S, RouterFacts, Run, Trouble
from ledgers import Record, Try
from schedule import make_plan

A, B = "127.0.0.1:1", "127.0.0.2:1"
TRACE = 7


def call(request=1, number=1, spans=2, begin=10 * S, taken=5 * MS, deadline_ms=1000, code=0, retry_ms=-1, rejected=0,
         is_cancelled=False, message=""):
    return Try(request, number, spans, begin, begin + taken, deadline_ms, code, retry_ms, rejected, is_cancelled,
               message)


def taken(spans=(0, 1), request=1, backend=A, answer="ok", at=10 * S + MS, left_out=(), broken=()):
    return Record(backend, answer, at, [(TRACE, request * 256 + span, span in left_out, span not in broken)
                                        for span in spans])


def down(begin=10 * S, end=11 * S, kind="kill", where=A):
    return Trouble(kind, where, begin, end)


def check(tries, records, **more):
    more.setdefault("rings", [(0, {TRACE: A})])
    return checker.check(Run(tries=tries, records=records, **more))


class CheckerTest(unittest.TestCase):
    def expect(self, findings, *names):
        self.assertEqual(sorted({line.split(":")[0] for line in findings.faults}), sorted(names), findings.faults)

    def test_a_run_where_all_arrived_once_has_no_fault(self):
        findings = check([call()], [taken()])
        self.expect(findings)
        self.assertEqual(findings.counts, dict(attempted=2, acknowledged=2, lost=0, unexpected=0, duplicated=0,
                                               recovered=0, misrouted=0))

    def test_an_acknowledged_span_at_no_backend_is_lost(self):
        findings = check([call()], [taken(spans=(0,))])
        self.expect(findings, "I1")
        self.assertEqual(findings.counts["lost"], 1)

    def test_a_refused_copy_does_not_count_as_delivered(self):
        for answer in ("gone", "code:14", "code:3"):
            self.expect(check([call()], [taken(answer=answer)]), "I1")

    def test_a_request_nobody_acknowledged_loses_nothing(self):
        refused = call(code=14, retry_ms=900, message="backend A is down")
        findings = check([refused], [taken(spans=(0,))], troubles=[down()])
        self.expect(findings)
        self.assertEqual((findings.counts["lost"], findings.counts["recovered"]), (0, 1))

    def test_rejected_spans_that_a_backend_left_out_are_not_lost(self):
        findings = check([call(rejected=1)], [taken(left_out=(1,))], troubles=[down(kind="partial")])
        self.expect(findings)
        self.assertEqual(findings.counts["acknowledged"], 1)

    def test_rejected_spans_cover_only_as_many_as_they_say(self):
        self.expect(check([call(spans=3, rejected=1)], [taken(spans=(0, 1), left_out=(1,))]), "I1")

    def test_partial_success_without_a_final_refusal_is_a_bad_verdict(self):
        for answer in ("code:14", "gone", "code:8:500"):
            findings = check([call(rejected=1)], [taken(spans=(0,)), taken(spans=(1,), answer=answer)])
            self.expect(findings, "I7")

    def test_a_damaged_span_is_unexpected(self):
        findings = check([call()], [taken(broken=(1,))])
        self.expect(findings, "I1", "I6")
        self.assertEqual(findings.counts["unexpected"], 1)

    def test_a_span_that_was_never_sent_is_unexpected(self):
        self.expect(check([call()], [taken(), taken(spans=(2,))]), "I6")
        self.expect(check([call()], [taken(), taken(request=9)]), "I6")

    def test_a_request_that_is_no_otlp_is_unexpected(self):
        self.expect(check([call()], [taken()], unreadable=1), "I6")

    def test_a_copy_away_from_its_owner_is_misrouted(self):
        findings = check([call()], [taken(spans=(0,)), taken(spans=(1,), backend=B)])
        self.expect(findings, "I2")
        self.assertEqual(findings.counts["misrouted"], 1)

    def test_trouble_of_the_owner_explains_another_backend_and_trouble_elsewhere_does_not(self):
        self.expect(check([call()], [taken(backend=B)], troubles=[down(where=A)]))
        self.expect(check([call()], [taken(backend=B)], troubles=[down(where=B)]), "I2")
        self.expect(check([call()], [taken(backend=B)], troubles=[down(kind="fail")]), "I2")
        self.expect(check([call()], [taken(backend=B)], troubles=[down(begin=20 * S, end=21 * S)]), "I2")

    def test_a_successor_that_stood_still_takes_late_what_it_was_sent(self):
        owner_down = down(where=A, begin=9 * S, end=10 * S)
        def misrouted(*troubles):
            return check([call()], [taken(backend=B, at=17 * S)], troubles=[owner_down, *troubles]).counts["misrouted"]
        self.assertEqual(misrouted(down(kind="stop", where=B, begin=10 * S, end=16 * S)), 0)
        self.assertGreater(misrouted(), 0)
        self.assertGreater(misrouted(down(kind="kill", where=B, begin=10 * S, end=16 * S)), 0)
        self.assertGreater(misrouted(down(kind="stop", where=B, begin=10 * S, end=12 * S)), 0)

    def test_a_new_ring_may_be_used_from_its_time_and_the_old_one_for_a_while(self):
        def at(second, backend):
            rings = [(0, {TRACE: A}), (40 * S, {TRACE: B})]
            return check([call(begin=second * S)], [taken(at=second * S + MS, backend=backend)], rings=rings)
        self.expect(at(30, A))
        self.expect(at(30, B), "I2")
        self.expect(at(41, A))
        self.expect(at(41, B))
        self.expect(at(60, A), "I2")

    def test_a_second_copy_within_one_try_needs_a_reason(self):
        twice = [taken(), taken(at=10 * S + 3 * MS)]
        self.expect(check([call()], twice, troubles=[down(begin=90 * S, end=91 * S)]), "I5")
        self.expect(check([call()], twice, troubles=[down(kind="fail")]), "I5")
        self.expect(check([call()], twice, troubles=[down(kind="kill")]))
        self.expect(check([call()], [taken(answer="dirty"), twice[1]], troubles=[down(kind="rst")]))

    def test_a_partial_success_explains_the_copy_that_traces_it(self):
        for left_out, names in (((1,), ()), ((), ("I5",))):
            copies = [taken(spans=(0, 1), left_out=left_out), taken(spans=(0, 1), at=10 * S + 2 * MS, left_out=left_out)]
            rejected = len(left_out)
            findings = check([call(rejected=rejected)], copies, troubles=[down(kind="partial")])
            self.expect(findings, *names)
        elsewhere = taken(spans=(0,), backend=B, at=10 * S + 2 * MS)
        self.expect(check([call(rejected=1)], [taken(left_out=(1,)), elsewhere], rings=[(0, {TRACE: A}), (9 * S, {TRACE: B})],
                          troubles=[down(kind="partial")]), "I5")

    def test_a_request_that_lay_unread_explains_the_later_copy(self):
        copies = [taken(spans=(0,)), taken(spans=(0,), backend=B, at=12 * S)]
        stuck = down(kind="blackhole", where=B, begin=9 * S, end=12 * S)
        findings = check([call(spans=1)], copies, troubles=[stuck, down(kind="kill", where=A, begin=8 * S, end=9 * S)])
        self.expect(findings)

    def test_a_retryable_answer_needs_something_that_failed_for_a_time(self):
        later = call(code=14, retry_ms=5, message="fault backend says 3")
        self.expect(check([later], [], troubles=[down(kind="refuse")]), "I7")
        self.expect(check([later], [], troubles=[down(kind="fail")]))

    def test_calls_without_an_answer_by_their_deadline_are_few(self):
        late = [call(request=i, spans=1, code=4, message="Deadline Exceeded") for i in range(4)]
        self.expect(check(late[:3], [], troubles=[down()]))
        self.expect(check(late, [], troubles=[down()]), "I8")
        self.expect(check(late, [], troubles=[down(where="router")]))

    def test_a_copy_of_the_next_try_is_the_clients_own(self):
        tries = [call(code=14, retry_ms=1, message="backend B is down"), call(number=2, begin=12 * S)]
        findings = check(tries, [taken(), taken(at=12 * S + MS)], troubles=[down(where=B)])
        self.expect(findings)
        self.assertEqual(findings.counts["duplicated"], 2)

    def test_a_run_without_faults_has_no_duplicate_and_no_refusal(self):
        self.expect(check([call()], [taken(), taken(at=10 * S + 3 * MS)]), "I5")
        self.expect(check([call(code=14, retry_ms=9, message="backend A is down")], []), "I7")

    def test_unavailable_of_the_router_carries_retry_info(self):
        self.expect(check([call(code=14, message="backend A is down: Connection refused")], [], troubles=[down()]),
                    "I7")

    def test_a_final_code_needs_a_backend_that_gave_it(self):
        invalid = call(code=3, message="fault backend says 3")
        self.expect(check([invalid], [taken(answer="code:3")], troubles=[down()]))
        self.expect(check([invalid], [taken(answer="code:13")], troubles=[down()]), "I7")
        exhausted = call(code=8, message="fault backend says 8")
        self.expect(check([exhausted], [taken(answer="code:14")], troubles=[down()]), "I7")

    def test_a_lost_connection_needs_a_router_in_trouble(self):
        broken = call(code=14, message="Socket closed")
        self.expect(check([broken], [], troubles=[down(where="router")]))
        self.expect(check([broken], [], troubles=[down(where=A)]), "I8")

    def test_an_answer_after_the_deadline_or_never_is_a_fault(self):
        troubles = [down(where=B)]
        self.expect(check([call(taken=1099 * MS)], [taken()], troubles=troubles))
        self.expect(check([call(taken=1101 * MS)], [taken()], troubles=troubles), "I8")
        self.expect(check([call(taken=11 * S, deadline_ms=-1)], [taken()], troubles=troubles), "I8")
        self.expect(check([call(code=-1, message="")], [], troubles=[down(where="router")]), "I8")

    def test_a_machine_that_stood_still_excuses_lateness_and_no_loss(self):
        stall = [down(kind="stall", where="machine"), down(where=B)]
        self.expect(check([call(taken=1500 * MS)], [taken()], troubles=stall))
        self.expect(check([call(taken=1500 * MS)], [], troubles=stall), "I1")
        refused = call(code=14, retry_ms=9, message="backend A is down")
        self.expect(check([refused], [], troubles=stall[:1]))
        self.expect(check([call(code=14, message="backend A is down")], [], troubles=stall[:1]), "I7")
        later = down(kind="stall", where="machine", begin=20 * S, end=21 * S)
        self.expect(check([refused], [], troubles=[later]), "I7")

    def test_after_healing_calls_succeed(self):
        def after(good, bad):
            tries = [call(request=i, spans=1, begin=(16 + i % 3) * S) for i in range(good)]
            tries += [call(request=1000 + i, spans=1, begin=16 * S, code=14, retry_ms=5, message="backend A is down")
                      for i in range(bad)]
            records = [taken(spans=(0,), request=i, at=(16 + i % 3) * S + MS) for i in range(good)]
            return check(tries, records, troubles=[down(end=30 * S)], healed_at=10 * S, load_end=20 * S)
        self.expect(after(100, 0))
        self.expect(after(100, 4))
        self.expect(after(100, 10), "I8")
        self.expect(after(3, 0), "I8")

    def test_a_rolling_restart_allows_no_client_error(self):
        failed = call(code=14, retry_ms=5, message="a backend is down")
        routers = [RouterFacts("router0", is_complete=False), RouterFacts("router1", is_complete=False)]
        rolling = [down(kind="router_term", where="router")]
        self.expect(check([call()], [taken()], troubles=rolling, routers=routers))
        findings = check([failed, call(number=2)], [taken()], troubles=rolling, routers=routers)
        self.assertTrue(any("rolling restart" in line for line in findings.faults), findings.faults)
        self.expect(check([failed, call(number=2)], [taken()], troubles=rolling + [down()], routers=routers))

    def test_a_router_without_descriptors_may_pass_over_any_backend(self):
        self.expect(check([call()], [taken(backend=B)], troubles=[down(kind="router_files", where="router")]))
        self.expect(check([call()], [taken(backend=B)], troubles=[down(kind="router_stop", where="router")]), "I2")


class RouterFactsTest(unittest.TestCase):
    GOOD = dict(received=2, forwarded=2)

    def facts(self, spans=None, **more):
        metrics = {f"spanring_{name}_spans_total": {"": value} for name, value in (spans or self.GOOD).items()}
        return RouterFacts("router0", metrics=metrics, **more)

    def expect(self, facts, *names, tries=None, records=None):
        findings = check(tries or [call()], records if records is not None else [taken()], routers=[facts])
        self.assertEqual(sorted({line.split(":")[0] for line in findings.faults}), sorted(names), findings.faults)

    def test_a_closed_ledger_is_no_fault(self):
        self.expect(self.facts())
        self.expect(self.facts(dict(received=5, forwarded=2, suppressed=1, refused=1, cancelled=1)))

    def test_an_open_ledger_is_a_fault(self):
        self.expect(self.facts(dict(received=3, forwarded=2)), "I4")
        self.expect(self.facts(dict(received=3, forwarded=2, in_flight=1)), "I4")

    def test_more_forwarded_than_the_backends_took_is_a_fault(self):
        self.expect(self.facts(dict(received=3, forwarded=3)), "I4")

    def test_more_acknowledged_than_forwarded_is_a_fault(self):
        self.expect(self.facts(dict(received=2, forwarded=1, cancelled=1)), "I4")

    def test_more_rejected_than_the_router_counts_is_a_fault(self):
        self.expect(self.facts(dict(received=2, forwarded=1, cancelled=1)), "I3", tries=[call(rejected=1)],
                    records=[taken(left_out=(1,))])

    def test_copies_away_from_their_owner_are_counted_by_the_router(self):
        def away(**spans):
            facts = self.facts(dict(received=2, forwarded=2, **spans))
            return check([call()], [taken(backend=B)], routers=[facts], troubles=[down()]).faults
        self.assertEqual(away(failover=2), [])
        self.assertEqual(away(rerouted=2), [])
        self.assertTrue(away(failover=1)[0].startswith("I2"))

    def test_the_exit_code_memory_threads_and_descriptors_are_judged(self):
        self.expect(self.facts(exit_code=2), "I4")
        self.expect(self.facts(memory_kib_max=200 * 1024, budget_kib=128 * 1024), "I9")
        self.expect(self.facts(threads={5, 6}), "I9")
        self.expect(self.facts(files_begin=20, files_end=90), "I9")
        self.expect(self.facts(threads={5}, files_begin=20, files_end=22))


class LedgersTest(unittest.TestCase):
    def test_ledgers_are_read_as_the_programs_write_them(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "ledger"
            path.write_text("start 5\ncommand 6 fail 14 70\nok 7 900 12.256 13.257-!\nunreadable 8 0\n"
                            "code:8:500 9 10 12.258\ncode:8 9 10\nok 10 90 12.25")
            records, unreadable = ledgers.read_records(path, A)
            self.assertEqual(unreadable, 1)
            self.assertEqual(records[0], Record(A, "ok", 7, [(12, 256, False, True), (13, 257, True, False)]))
            self.assertEqual([record.is_final_refusal for record in records], [False, False, True])
            path.write_text("258\t1\t9\t100\t200\t-1\t14\t-1\t0\t0\tSocket closed\n"
                            "259\t1\t9\t100\t200\t500\tnever\t-1\t0\t1\t\n")
            tries = ledgers.read_tries(path)
            self.assertEqual(tries[0], Try(258, 1, 9, 100, 200, -1, 14, -1, 0, False, "Socket closed"))
            self.assertTrue(tries[0].is_from_library)
            self.assertEqual((tries[1].code, tries[1].is_cancelled), (-1, True))

    def test_identities_are_those_of_the_programs(self):
        self.assertEqual(ledgers.mix(0), 0xe220a8397b1dcdaf)  # splitmix64's first value for seed 0
        self.assertEqual(len(ledgers.trace_id(1)), 32)

    def test_what_the_router_said_is_not_taken_for_the_librarys(self):
        self.assertFalse(call(code=14, message="backend A is down: Connection refused").is_from_library)
        self.assertTrue(call(code=4, message="Deadline Exceeded").is_from_library)
        self.assertFalse(call(code=4, message="backend A did not answer in time").is_from_library)


class ComparisonTest(unittest.TestCase):
    def test_what_is_lost_doubled_and_split_is_counted(self):
        tries = [call(code=14, retry_ms=5), call(number=2, taken=7 * MS), call(request=2, spans=1),
                 call(request=3, code=14, retry_ms=5)]
        records = [taken(spans=(0,)), taken(spans=(0,), backend=B, answer="dirty"), taken(request=2, spans=(0,)),
                   taken(request=3, answer="gone")]
        self.assertEqual(compare_collector.count(tries, records), compare_collector.Counts(
            attempted=5, acknowledged=3, lost=1, duplicated=1, traces=1, split=1, slow_ms=7))

    def test_rejected_spans_are_not_lost(self):
        counts = compare_collector.count([call(rejected=1)], [taken(left_out=(1,))])
        self.assertEqual((counts.acknowledged, counts.lost, counts.split), (1, 0, 0))


class ScheduleTest(unittest.TestCase):
    def test_a_seed_gives_the_same_schedule_again(self):
        self.assertEqual(make_plan(5), make_plan(5))
        self.assertNotEqual(make_plan(5).events, make_plan(6).events)
        self.assertTrue(make_plan(5).events)
        self.assertFalse(make_plan(5, kinds=()).events)



class BystandersTest(unittest.TestCase):
    """40 s with a call of B's every 100 ms and of A's now and then; A is stopped for the last 20 s."""

    def run_of(self, slow_ms=5, share=1.0, stalls=()):
        tries, records = [], []
        for i in range(400):
            during = i >= 200
            if during and (i % 100) >= share * 100:
                continue
            tries.append(call(request=i, begin=(10 + i / 10) * S, taken=(slow_ms if during else 5) * MS))
            records.append(Record(B, "ok", tries[-1].end, [(2, i * 256, False, True)]))
        tries.append(call(request=900, begin=31 * S, taken=9 * S))  # A's own: it does not count
        records.append(Record(A, "ok", 40 * S, [(1, 900 * 256, False, True)]))
        return Run(tries=tries, records=records, rings=[(0, {1: A, 2: B})],
                   troubles=[Trouble("stop", A, 30 * S, 50 * S), *stalls])

    def test_equal_before_and_during_is_no_fault(self):
        notes = {}
        self.assertEqual(bystanders.check(self.run_of(), notes), [])
        self.assertEqual(notes["bystanders during ÷ before"], "throughput 1.000, p99 1.00")

    def test_fewer_calls_are_seen(self):
        self.assertEqual(bystanders.check(self.run_of(share=0.96), {}), [])
        self.assertIn("throughput", bystanders.check(self.run_of(share=0.9), {})[0])

    def test_slower_calls_are_seen_unless_the_difference_is_nothing(self):
        self.assertEqual(bystanders.check(self.run_of(slow_ms=6.9), {}), [])
        self.assertIn("p99", bystanders.check(self.run_of(slow_ms=7.1), {})[0])

    def test_a_machine_that_stood_still_excuses_what_it_touched(self):
        stall = Trouble("stall", "machine", 30 * S, 45 * S)
        self.assertEqual(bystanders.check(self.run_of(stalls=[stall]), {}), [])
        whole = Trouble("stall", "machine", 0, 60 * S)
        self.assertIn("no call", bystanders.check(self.run_of(stalls=[whole]), {})[0])


if __name__ == "__main__":
    unittest.main()
