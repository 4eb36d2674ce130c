"""The judge before the judged: answers that are right are accepted, and each kind of wrong ones is noticed."""

import unittest

import corpus
from smuggling import LAST_ANSWER, Malformed, judge, take_answer

REFUSED = corpus.Case("t", "refused", b"", (400,), corpus.CLOSED)
TAKEN = corpus.Case("t", "taken", b"", (100, 200), corpus.OPEN)
EITHER = corpus.Case("t", "either", b"", ((404, 405),), corpus.EITHER)


class JudgeTest(unittest.TestCase):
    # Scenario: the right answers. Guarantees: no complaint.
    def test_accepts_what_is_right(self):
        self.assertIsNone(judge(REFUSED, [(400, "x")], []))
        self.assertIsNone(judge(TAKEN, [(100, ""), (200, "x")], [LAST_ANSWER]))
        self.assertIsNone(judge(EITHER, [(405, "x")], []))
        self.assertIsNone(judge(EITHER, [(404, "x")], [LAST_ANSWER]))

    # Scenario: other statuses, an answer too many or too few, the last request not answered or answered as another.
    # Guarantees: each is noticed.
    def test_notices_what_is_wrong(self):
        for case, answers, behind in ((REFUSED, [(200, "x")], []), (REFUSED, [(400, "x"), (404, "x")], []),
                                      (REFUSED, [], []), (TAKEN, [(100, ""), (200, "x")], []),
                                      (TAKEN, [(100, ""), (200, "x")], [(404, "x")]),
                                      (TAKEN, [(100, ""), (200, "x")], [(404, "x"), LAST_ANSWER]),
                                      (TAKEN, [(200, "x")], [LAST_ANSWER]), (EITHER, [(404, "x")], [(200, "y")])):
            self.assertIsNotNone(judge(case, answers, behind), (answers, behind))


class AnswerTest(unittest.TestCase):
    # Scenario: an answer in parts, one without body, two in a row. Guarantees: each ends where its length says.
    def test_reads_answers(self):
        answer = b"HTTP/1.1 404 Not Found\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\nhi"
        for size in range(len(answer)):
            self.assertIsNone(take_answer(answer[:size], True))
        self.assertEqual(take_answer(answer + answer, True), ((404, "a/b"), answer))
        self.assertEqual(take_answer(b"HTTP/1.1 100 Continue\r\n\r\nH", True), ((100, ""), b"H"))
        self.assertEqual(take_answer(answer[:-2] + b"H", False), ((404, "a/b"), b"H"))

    # Scenario: no status line, no length, a field twice, chunks. Guarantees: malformed.
    def test_refuses_what_can_be_read_in_two_ways(self):
        ok = b"HTTP/1.1 200 OK\r\n"
        for wrong in (b"hello\r\n\r\n", ok + b"\r\n", ok + b"Content-Length: 1\r\n" * 2 + b"\r\n",
                      ok + b"Transfer-Encoding: chunked\r\n\r\n", ok + b"nothing\r\n\r\n"):
            with self.assertRaises(Malformed):
                take_answer(wrong, True)


if __name__ == "__main__":
    unittest.main()
