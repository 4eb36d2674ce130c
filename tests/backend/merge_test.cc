// What leaves in one turn leaves as one message, and every answer to it reaches each attempt.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "router/backend/backend.h"
#include "router/base/limits.h"
#include "router/otlp/export_response.h"
#include "tests/backend/backend_fixture.h"

namespace router {
namespace {

using test::PeerStream;

constexpr std::size_t kMergedBytesMax = 100;

class MergeTest : public BackendTest {
 protected:
  void Connect() {
    options_.merged_bytes_max = kMergedBytesMax;
    ListenAndConnect();
    server_->on_request = [this](Peer& peer, PeerStream& stream) {
      bodies_.push_back(stream.body.substr(Body::kHeadroomBytes));
      if (answer_) answer_(peer, stream);
    };
  }
  KeepingAttempt& SendPart(std::string_view text, std::size_t spans = 10) {
    return Send(text, spans);
  }
  void AnswerAll(int code, std::string_view message = "") {
    answer_ = [code, text = std::string(message)](Peer& peer, PeerStream& stream) {
      peer.AnswerGrpc(stream, code, text);
    };
  }
  // Every message that holds the poison is refused for good.
  void RefusePoison() {
    answer_ = [](Peer& peer, PeerStream& stream) {
      peer.AnswerGrpc(stream, stream.body.find("poison") == std::string::npos ? 0 : 3, "");
    };
  }
  bool AllDone() {
    return Until([&] {
      for (const auto& attempt : attempts_) {
        if (!attempt->result) return false;
      }
      return true;
    });
  }
  std::string Inflated(const std::string& gzip) {
    Body out(account_);
    EXPECT_FALSE(codec_.Inflate(Compression::kGzip,
                                {reinterpret_cast<const std::uint8_t*>(gzip.data()), gzip.size()},
                                {.output_bytes_max = 1 << 20}, out));
    return {reinterpret_cast<const char*>(out.data()), out.size()};
  }
  std::uint64_t Messages() const { return backend_->metrics()->messages.Value(); }

  std::vector<std::string> bodies_;  // of all requests, without the prefix
  std::function<void(Peer&, PeerStream&)> answer_;
};

// Scenario: three attempts in one turn, a fourth in the next.
// Guarantees: two messages; the first is the three one after the other, with one prefix of their
// sum; each attempt is accepted; every message and attempt is counted.
TEST_F(MergeTest, WhatLeavesTogetherIsOneMessage) {
  Connect();
  AnswerAll(0);
  for (const char* text : {"one", "two", "three"}) SendPart(text);
  ASSERT_TRUE(AllDone());
  SendPart("four");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_, (std::vector<std::string>{"onetwothree", "four"}));
  const std::string& first = server_->peers()[0]->Find(1)->body;
  EXPECT_EQ(first.substr(0, 5), std::string("\0\0\0\0\x0B", 5));
  for (const auto& attempt : attempts_) EXPECT_EQ(attempt->result->kind, Kind::kAccepted);
  EXPECT_EQ(Messages(), 2U);
  EXPECT_EQ(Outcomes(AttemptOutcome::kOk), 4U);
  EXPECT_EQ(backend_->metrics()->spans_accepted.Value(), 40U);
  EXPECT_EQ(backend_->metrics()->bytes_sent.Value(), 5U + 11 + 5 + 4);
}

// Scenario: two attempts to be sent as gzip and one as it is leave in one turn; then a fourth,
// alone. Guarantees: what differs in compression is not merged; the merged message is one gzip
// member of both, shorter than two; the request says so.
TEST_F(MergeTest, MergedMessagesAreCompressedAsOne) {
  Connect();
  AnswerAll(0);
  next_compression_ = Compression::kGzip;
  SendPart(std::string(40, 'a'));
  SendPart(std::string(40, 'b'));
  next_compression_ = Compression::kNone;
  SendPart("plain");
  next_compression_ = Compression::kGzip;
  SendPart("alone");
  ASSERT_TRUE(AllDone());
  ASSERT_EQ(bodies_.size(), 3U);
  EXPECT_EQ(Inflated(bodies_[0]), std::string(40, 'a') + std::string(40, 'b'));
  EXPECT_EQ(bodies_[1], "plain");
  EXPECT_EQ(Inflated(bodies_[2]), "alone");
  const PeerStream& merged = *server_->peers()[0]->Find(1);
  EXPECT_EQ(merged.body[0], 1);
  EXPECT_EQ(merged.Header("grpc-encoding"), "gzip");
  EXPECT_EQ(server_->peers()[0]->Find(3)->Header("grpc-encoding"), "");
}

// Scenario: an attempt to be compressed, and no memory for that.
// Guarantees: it ends at once, unprocessed, and nothing is sent; the next one is.
TEST_F(MergeTest, NoMemoryToCompressIsToldAtOnce) {
  Connect();
  AnswerAll(0);
  next_compression_ = Compression::kGzip;
  const KeepingAttempt& first = SendPart(std::string(300'000, 'x'));
  budget_.SetLimit(1);
  ASSERT_TRUE(Done(first));
  EXPECT_EQ(first.result->kind, Kind::kTransient);
  EXPECT_FALSE(first.result->was_processed_maybe || first.result->may_retry);
  EXPECT_TRUE(bodies_.empty());
  budget_.SetLimit(256 << 20);
  const KeepingAttempt& second = SendPart("y");
  ASSERT_TRUE(Done(second));
  EXPECT_EQ(second.result->kind, Kind::kAccepted);
}

// Scenario: parts that add up to exactly the limit, and with one byte more; one that is over it
// alone; merging switched off.
// Guarantees: the limit itself is merged, beyond it a message of its own begins; a part that is too
// large goes alone.
TEST_F(MergeTest, MessagesAreBounded) {
  Connect();
  AnswerAll(0);
  SendPart(std::string(kMergedBytesMax - 1, 'a'));
  SendPart("b");
  SendPart("c");
  SendPart(std::string(kMergedBytesMax + 1, 'd'));
  ASSERT_TRUE(AllDone());
  ASSERT_EQ(bodies_.size(), 3U);
  EXPECT_EQ(bodies_[0].size(), kMergedBytesMax);
  EXPECT_EQ(bodies_[1], "c");
  EXPECT_EQ(bodies_[2].size(), kMergedBytesMax + 1);
  options_.merged_bytes_max = 0;
  backend_->SetOptions(std::make_shared<const BackendOptions>(options_));
  SendPart("e");
  SendPart("f");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_.size(), 5U);
}

// Scenario: in_flight_max is 1; four attempts come while the first message is unanswered.
// Guarantees: what waited for a place leaves as one message.
TEST_F(MergeTest, WhatWaitsIsMerged) {
  options_.in_flight_max = 1;
  Connect();
  SendPart("first");
  ASSERT_TRUE(Until([&] { return bodies_.size() == 1; }));
  for (const char* text : {"1", "2", "3", "4"}) {
    SendPart(text);
    loop_.Turn(false);
  }
  EXPECT_EQ(backend_->metrics()->waiting.Value(), 4U);
  AnswerAll(0);
  server_->peers()[0]->AnswerGrpc(*server_->peers()[0]->Find(1), 0, "");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_, (std::vector<std::string>{"first", "1234"}));
}

// Scenario: one of three merged attempts makes the backend refuse the message for good.
// Guarantees: each is sent again alone, once, in order; the two others are accepted, only the one
// is refused; nothing is merged for the time being.
TEST_F(MergeTest, PoisonCostsNobodyElseAnything) {
  Connect();
  RefusePoison();
  const KeepingAttempt& before = SendPart("before");
  const KeepingAttempt& poison = SendPart("poison");
  const KeepingAttempt& after = SendPart("after");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_, (std::vector<std::string>{"beforepoisonafter", "before", "poison", "after"}));
  EXPECT_EQ(before.result->kind, Kind::kAccepted);
  EXPECT_EQ(poison.result->kind, Kind::kPermanent);
  EXPECT_EQ(poison.result->code, GrpcCode::kInvalidArgument);
  EXPECT_EQ(after.result->kind, Kind::kAccepted);
  EXPECT_EQ(backend_->metrics()->unmerged.Value(), 1U);
  SendPart("x");
  SendPart("y");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_.size(), 6U) << "merged again too early";
}

// Scenario: a merged message is refused for good when one of its attempts is abandoned, and another
// was cancelled meanwhile.
// Guarantees: the abandoned one is not sent again and hears the refusal; the cancelled one hears
// nothing; the third is sent alone.
TEST_F(MergeTest, NobodyWaitsForAnAbandonedPart) {
  Connect();
  KeepingAttempt& abandoned = SendPart("1");
  KeepingAttempt& cancelled = SendPart("2");
  const KeepingAttempt& third = SendPart("3");
  ASSERT_TRUE(Until([&] { return bodies_.size() == 1; }));
  abandoned.is_abandoned = true;
  backend_->Cancel(cancelled, AttemptOutcome::kCancelled);
  AnswerAll(0);
  server_->peers()[0]->AnswerGrpc(*server_->peers()[0]->Find(1), 3, "");
  ASSERT_TRUE(Until([&] { return abandoned.result && third.result; }));
  EXPECT_EQ(abandoned.result->kind, Kind::kPermanent);
  EXPECT_EQ(third.result->kind, Kind::kAccepted);
  EXPECT_FALSE(cancelled.result);
  EXPECT_EQ(bodies_, (std::vector<std::string>{"123", "3"}));
}

// Scenario: a merged message is answered with a transient code, with RetryInfo, or its stream is
// reset.
// Guarantees: each attempt gets that outcome; whether it may have been processed is told to each.
TEST_F(MergeTest, TransientOutcomesReachEach) {
  Connect();
  AnswerAll(14);
  SendPart("1");
  SendPart("2");
  ASSERT_TRUE(AllDone());
  answer_ = [](Peer& peer, PeerStream& stream) { peer.Reset(stream, NGHTTP2_INTERNAL_ERROR); };
  SendPart("3");
  SendPart("4");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_.size(), 2U);
  for (const auto& attempt : attempts_) {
    EXPECT_EQ(attempt->result->kind, Kind::kTransient);
    EXPECT_TRUE(attempt->result->was_processed_maybe);
  }
  EXPECT_EQ(Outcomes(AttemptOutcome::kTransient), 4U);
}

// Scenario: the stream of a merged message is refused, once and then again.
// Guarantees: P-10: sent again once, nobody notices; then transient and unprocessed for each.
TEST_F(MergeTest, RefusedStreamIsSentAgainOnceP10) {
  Connect();
  answer_ = [](Peer& peer, PeerStream& stream) { peer.Reset(stream, NGHTTP2_REFUSED_STREAM); };
  SendPart("1");
  SendPart("2");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_, (std::vector<std::string>{"12", "12"}));
  for (const auto& attempt : attempts_) {
    EXPECT_EQ(attempt->result->kind, Kind::kTransient);
    EXPECT_FALSE(attempt->result->was_processed_maybe);
  }
}

// Scenario: a backend leaves 4 spans of the third part of a merged message out, and says so.
// Guarantees: I1, I3: each part is asked for alone, so that only the third one's sender hears of
// them; nothing is ever merged for that backend again.
TEST_F(MergeTest, PartialSuccessIsTracedToItsPart) {
  Connect();
  answer_ = [](Peer& peer, PeerStream& stream) {
    const bool is_partial = stream.body.find('3') != std::string::npos;
    peer.AnswerGrpc(stream, 0, is_partial ? SerializeExportResponse({4, "no"}) : "");
  };
  SendPart("1", 10);
  SendPart("2", 20);
  SendPart("3", 30);
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_, (std::vector<std::string>{"123", "1", "2", "3"}));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(attempts_[i]->result->kind, Kind::kAccepted);
    EXPECT_EQ(attempts_[i]->result->rejected_spans, i == 2 ? 4U : 0U);
    EXPECT_EQ(attempts_[i]->result->message, i == 2 ? "no" : "");
  }
  EXPECT_EQ(backend_->metrics()->spans_accepted.Value(), 56U);
  EXPECT_EQ(backend_->metrics()->unmerged.Value(), 1U);
  SendPart("4");
  SendPart("5");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_.size(), 6U);
}

// Scenario: a backend says OK to a merged message, with an answer that says it is compressed and is
// not.
// Guarantees: each hears that the answer cannot be read; nothing is sent again: it was taken.
TEST_F(MergeTest, WhatWasTakenIsNotSentAgain) {
  Connect();
  answer_ = [](Peer& peer, PeerStream& stream) {
    peer.Answer(stream, {{":status", "200"}, {"content-type", "application/grpc"}},
                test::GrpcFrame("x", true), {{"grpc-status", "0"}});
  };
  SendPart("1");
  SendPart("2");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_.size(), 1U);
  for (const auto& attempt : attempts_) {
    EXPECT_EQ(attempt->result->kind, Kind::kPermanent);
    EXPECT_EQ(attempt->result->code, GrpcCode::kInternal);
  }
}

// Scenario: a backend takes a merged message whole and warns.
// Guarantees: GS-10: each hears the warning; nothing is sent again.
TEST_F(MergeTest, AWarningReachesEach) {
  Connect();
  AnswerAll(0, SerializeExportResponse({0, "soon no more"}));
  SendPart("1");
  SendPart("2");
  ASSERT_TRUE(AllDone());
  EXPECT_EQ(bodies_.size(), 1U);
  for (const auto& attempt : attempts_) EXPECT_EQ(attempt->result->message, "soon no more");
}

// Scenario: of two merged attempts one is cancelled on the wire, then the other.
// Guarantees: the stream lives as long as somebody waits; then it is reset.
TEST_F(MergeTest, StreamEndsWithItsLastAttempt) {
  Connect();
  KeepingAttempt& first = SendPart("1");
  KeepingAttempt& second = SendPart("2");
  ASSERT_TRUE(Until([&] { return bodies_.size() == 1; }));
  Peer& peer = *server_->peers()[0];
  backend_->Cancel(first, AttemptOutcome::kTimeout);
  loop_.Turn(false);
  EXPECT_EQ(backend_->metrics()->in_flight.Value(), 1U);
  EXPECT_FALSE(peer.HasFrame("RST_STREAM 1 8"));
  backend_->Cancel(second, AttemptOutcome::kCancelled);
  EXPECT_EQ(backend_->metrics()->in_flight.Value(), 0U);
  EXPECT_TRUE(Until([&] { return peer.HasFrame("RST_STREAM 1 8"); }));
  EXPECT_FALSE(first.result || second.result);
}

// Scenario: attempts with other deadlines leave together.
// Guarantees: the backend is told the latest of them.
TEST_F(MergeTest, BackendIsToldTheLatestDeadline) {
  Connect();
  AnswerAll(0);
  next_time_ = milliseconds(500);
  SendPart("1");
  next_time_ = milliseconds(5000);
  SendPart("2");
  next_time_ = milliseconds(1000);
  SendPart("3");
  ASSERT_TRUE(AllDone());
  ASSERT_EQ(bodies_.size(), 1U);
  const std::string timeout = server_->peers()[0]->Find(1)->Header("grpc-timeout");
  EXPECT_GE(std::stoi(timeout), 4000) << timeout;
}

// Scenario: a message of two is answered, and timers run in the same turn, before the attempts are
// told.
// Guarantees: that they have ended can be seen, so that no timer gives up what was accepted.
TEST_F(MergeTest, WhatWasAnsweredCannotRunOutOfTimeBeforeItIsTold) {
  struct Watch {
    void Look() { look(); }
    std::function<void()> look;
    MemberTimer<Watch, &Watch::Look> timer{*this};
  } watch;
  Connect();
  AnswerAll(0);
  SendPart("one");
  SendPart("two");
  int seen = 0;
  const auto arm = [&] { loop_.SetTimer(watch.timer, loop_.Now()); };
  watch.look = [&] {
    for (const auto& attempt : attempts_) {
      EXPECT_FALSE(attempt->has_ended() && attempt->result);
      seen += attempt->has_ended() ? 1 : 0;
    }
    arm();
  };
  // Every turn is longer than a tick, so that the timer is due in each.
  std::function<void()> work = [&] {
    const TimePoint until = Clock::now() + kTimerTick + milliseconds(1);
    while (Clock::now() < until) {
    }
    if (seen == 0) loop_.Post(work);
  };
  arm();
  loop_.Post(work);
  EXPECT_TRUE(AllDone());
  EXPECT_EQ(seen, 2);
  watch.timer.Cancel();
  loop_.Turn(false);  // the last of `work`
  for (const auto& attempt : attempts_) {
    EXPECT_EQ(attempt->result->kind, Kind::kAccepted);
    EXPECT_FALSE(attempt->has_ended());
  }
}

}  // namespace
}  // namespace router
