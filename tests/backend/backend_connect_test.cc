#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "router/backend/backend.h"
#include "tests/backend/backend_fixture.h"

namespace router {
namespace {

using test::PeerStream;

// Scenario: the backend's port refuses; attempts are made before and after that is known; then it
// listens.
// Guarantees: kDown; both end as transient and unprocessed (FM-26), the second at once; it comes
// back by itself.
TEST_F(BackendTest, RefusedConnectionFailsAttemptsAtOnceAndComesBack) {
  UseRefusingAddress();
  Open();
  EXPECT_EQ(backend_->state(), BackendState::kConnecting);
  KeepingAttempt& early = Send();
  ASSERT_TRUE(Done(early));
  EXPECT_EQ(backend_->state(), BackendState::kDown);
  const KeepingAttempt& late = Send();
  loop_.Turn(false);
  ASSERT_TRUE(late.result.has_value()) << "kDown: within the turn";
  for (const auto& attempt : attempts_) {
    EXPECT_EQ(attempt->result->kind, Kind::kTransient);
    EXPECT_FALSE(attempt->result->was_processed_maybe);
    EXPECT_NE(attempt->result->message.find("b:1 is down"), std::string::npos);
  }
  EXPECT_EQ(Outcomes(AttemptOutcome::kTransient), 2U);
  boost::asio::ip::tcp::acceptor listener(loop_.io());
  listener.open(boost::asio::ip::tcp::v4());
  listener.set_option(boost::asio::ip::tcp::acceptor::reuse_address(true));
  listener.bind(address_);
  listener.listen();
  std::shared_ptr<Peer> peer;
  listener.async_accept(
      [&](const boost::system::error_code& error, boost::asio::ip::tcp::socket socket) {
        if (!error) peer = Peer::Start(loop_, std::move(socket), Peer::Side::kServer);
      });
  ASSERT_TRUE(Until([&] { return backend_->state() == BackendState::kReady; }));
  EXPECT_TRUE(states_.back().first);
  EXPECT_GE(backend_->metrics()->connect_failures.Value(), 1U);
  EXPECT_EQ(backend_->metrics()->connects.Value(), 1U);
  peer->Close();
}

// Scenario: TLS is switched on while a plaintext connection has been opened and its peer has not
// said anything yet; then the backend is retired in the middle of the handshake.
// Guarantees: H-02: that connection never becomes ready, a new one speaks TLS; retiring waits for
// nobody.
TEST_F(BackendTest, H02SwitchingTlsOnReplacesWhatIsNotReady) {
  using boost::asio::ip::tcp;
  tcp::acceptor listener(loop_.io(), {boost::asio::ip::address_v4::loopback(), 0});
  address_ = listener.local_endpoint();
  Open();
  std::vector<std::shared_ptr<tcp::socket>> peers;
  std::vector<std::string> heard;
  const auto accept_and_read = [&] {
    const auto peer = std::make_shared<tcp::socket>(loop_.io());
    peers.push_back(peer);
    bool has_read = false;
    std::array<char, 4096> buffer;
    listener.async_accept(*peer, [&](const boost::system::error_code& error) {
      if (error) return;
      peer->async_read_some(boost::asio::buffer(buffer),
                            [&](const boost::system::error_code&, std::size_t size) {
                              heard.emplace_back(buffer.data(), size);
                              has_read = true;
                            });
    });
    ASSERT_TRUE(Until([&] { return has_read; }));
  };
  accept_and_read();
  EXPECT_TRUE(heard[0].starts_with("PRI * HTTP/2.0"));
  BackendOptions secure = options_;
  TlsSettings settings;
  settings.skip_verify = true;
  secure.tls = TlsContext::NewClient(settings).value();
  backend_->SetOptions(std::make_shared<const BackendOptions>(secure));
  accept_and_read();
  EXPECT_EQ(heard[1][0], 0x16) << "a TLS handshake";
  boost::system::error_code error;
  std::array<char, 1> byte;
  while (!error) peers[0]->read_some(boost::asio::buffer(byte), error);
  EXPECT_TRUE(error == boost::asio::error::eof || error == boost::asio::error::connection_reset);
}

// Lets the process have no further descriptor while it lives.
class FewDescriptors {
 public:
  FewDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit few = before_;
    few.rlim_cur = 3;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// Scenario: there is no descriptor for a connection: for the first one, and for the one that
// replaces a lost connection; then there is.
// Guarantees: FM-30: that is no failure of the backend: it is not DOWN, nobody is told that it is,
// what is to be sent waits, and is sent as soon as there is a descriptor.
TEST_F(BackendTest, WantOfDescriptorsIsNotTheBackendsFaultFm30) {
  Listen();
  server_->on_request = [](Peer& peer, PeerStream& stream) { peer.AnswerGrpc(stream, 0, ""); };
  for (const bool is_first : {true, false}) {
    const std::uint64_t failures =
        is_first ? 0 : backend_->metrics()->local_connect_failures.Value();
    KeepingAttempt* attempt = nullptr;
    {
      const FewDescriptors few;
      if (is_first) {
        Open();
      } else {
        const TimePoint old_enough = Clock::now() + std::chrono::milliseconds(1100);
        ASSERT_TRUE(Until([&] { return Clock::now() > old_enough; }));
        server_->peers().back()->Close();
      }
      ASSERT_TRUE(Until(
          [&] { return backend_->metrics()->local_connect_failures.Value() >= failures + 2; }));
      EXPECT_EQ(backend_->state(), BackendState::kConnecting);
      attempt = &Send();
      loop_.Turn(false);
      EXPECT_FALSE(attempt->result.has_value()) << "it waits";
    }
    ASSERT_TRUE(Done(*attempt));
    EXPECT_EQ(attempt->result->kind, Kind::kAccepted);
    EXPECT_EQ(backend_->metrics()->connect_failures.Value(), 0U);
    for (const auto& [is_ready, at] : states_) EXPECT_TRUE(is_ready);
  }
}

// Scenario: a backend that is DOWN cannot be probed for want of descriptors; then it can, and it is
// there.
// Guarantees: it stays DOWN meanwhile, and the probes go on.
TEST_F(BackendTest, ProbesGoOnAfterWantOfDescriptors) {
  UseRefusingAddress();
  Open();
  ASSERT_TRUE(Until([&] { return backend_->is_down(); }));
  {
    const FewDescriptors few;
    ASSERT_TRUE(Until([&] { return backend_->metrics()->local_connect_failures.Value() >= 2; }));
    EXPECT_TRUE(backend_->is_down());
  }
  const std::uint64_t failures = backend_->metrics()->connect_failures.Value();
  ASSERT_TRUE(Until([&] { return backend_->metrics()->connect_failures.Value() > failures; }))
      << "it asks again and is refused";
}

// Scenario: six refused connects in a row.
// Guarantees: GC-11: the pauses grow by 1.6 from 50 ms, each 20 % more or less.
TEST_F(BackendTest, PausesBetweenConnectsGrowGc11) {
  UseRefusingAddress();
  Open();
  std::vector<TimePoint> failed_at;
  for (std::uint64_t n = 1; n <= 6; ++n) {
    ASSERT_TRUE(Until([&] { return backend_->metrics()->connect_failures.Value() == n; }));
    failed_at.push_back(loop_.Now());
  }
  for (std::size_t i = 0; i < 5; ++i) {
    const auto pause = failed_at[i + 1] - failed_at[i];
    const double expected_ms = 50 * std::pow(1.6, static_cast<double>(i));
    const double ms = std::chrono::duration<double, std::milli>(pause).count();
    EXPECT_GE(ms, 0.8 * expected_ms - 1) << i;
    EXPECT_LE(ms, 1.2 * expected_ms + 500) << i;  // a busy machine may be late
  }
}

// Scenario: the backend accepts and never speaks; an attempt waits.
// Guarantees: after connect_timeout it is down and the attempt has failed, unprocessed.
TEST_F(BackendTest, SilentListenerTimesOut) {
  options_.connect_timeout = milliseconds(40);
  Listen();
  server_->is_mute = true;
  const TimePoint start = loop_.Now();
  Open();
  const KeepingAttempt& attempt = Send();
  ASSERT_TRUE(Done(attempt));
  EXPECT_GE(Clock::now() - start, milliseconds(40));
  EXPECT_EQ(backend_->state(), BackendState::kDown);
  EXPECT_FALSE(attempt.result->was_processed_maybe);
  EXPECT_NE(attempt.result->message.find("no HTTP/2 connection within 40 ms"), std::string::npos);
}

// Scenario: attempts are made before the connection is there.
// Guarantees: they wait and are sent, in order, when it is.
TEST_F(BackendTest, AttemptsWaitWhileConnectingAndAreSentInOrder) {
  Listen();
  std::vector<std::string> bodies;
  server_->on_request = [&](Peer& peer, test::PeerStream& stream) {
    bodies.push_back(stream.body);
    peer.AnswerGrpc(stream, 0, "");
  };
  Open();
  for (const char* text : {"1", "2", "3"}) Send(text);
  EXPECT_EQ(backend_->metrics()->waiting.Value(), 3U);
  ASSERT_TRUE(Done(*attempts_.back()));
  EXPECT_EQ(bodies, (std::vector<std::string>{test::GrpcFrame("1"), test::GrpcFrame("2"),
                                              test::GrpcFrame("3")}));
  EXPECT_EQ(Outcomes(AttemptOutcome::kOk), 3U);
  EXPECT_EQ(states_.size(), 1U);
}

// Scenario: a young connection with calls in flight is lost.
// Guarantees: the calls end as transient, maybe processed; the observer hears it; it reconnects.
TEST_F(BackendTest, LostConnectionEndsItsCallsAndIsReplaced) {
  ListenAndConnect();
  const KeepingAttempt& attempt = Send();
  ASSERT_TRUE(Until([&] { return server_->request_count() == 1; }));
  server_->peers()[0]->Close();
  ASSERT_TRUE(Done(attempt));
  EXPECT_EQ(attempt.result->kind, Kind::kTransient);
  EXPECT_TRUE(attempt.result->was_processed_maybe);
  ASSERT_TRUE(Until([&] { return backend_->state() == BackendState::kReady; }));
  EXPECT_FALSE(states_[1].first);
  EXPECT_TRUE(states_.back().first);
}

// Scenario: GOAWAY with calls above and below its last stream, and more calls behind it.
// Guarantees: P-09: nobody sees a failure; what was above is sent again once on the new connection;
// what was below finishes on the old one.
TEST_F(BackendTest, GoAwayLosesNothingAndDoublesNothingP09) {
  ListenAndConnect();
  for (int i = 0; i < 6; ++i) Send(std::to_string(i));
  ASSERT_TRUE(Until([&] { return server_->request_count() == 6; }));
  Peer& old = *server_->peers()[0];
  server_->on_request = [](Peer& peer, test::PeerStream& stream) {
    peer.AnswerGrpc(stream, 0, "");
  };
  old.GoAway(5, NGHTTP2_NO_ERROR);
  ASSERT_TRUE(Until([&] { return old.HasFrame("GOAWAY 0 0 0"); }));
  for (int i = 6; i < 8; ++i) Send(std::to_string(i));
  ASSERT_TRUE(Until([&] { return server_->request_count() == 11; }));
  for (const std::int32_t id : {1, 3, 5}) old.AnswerGrpc(*old.Find(id), 0, "");
  for (const auto& attempt : attempts_) {
    ASSERT_TRUE(Done(*attempt));
    EXPECT_EQ(attempt->result->kind, Kind::kAccepted);
  }
  EXPECT_EQ(server_->peers().size(), 2U);
  EXPECT_EQ(server_->request_count(), 6U + 3U + 2U);
  EXPECT_EQ(Outcomes(AttemptOutcome::kOk), 8U);
  EXPECT_EQ(backend_->metrics()->connect_failures.Value(), 0U);
}

// Scenario: every connection may make three calls; ten are made.
// Guarantees: a connection whose calls are used up is replaced, without a failed attempt.
TEST_F(BackendTest, ConnectionWithUsedUpCallsIsReplaced) {
  options_.calls_per_connection_max = 3;
  Listen();
  server_->on_request = [](Peer& peer, test::PeerStream& stream) {
    peer.AnswerGrpc(stream, 0, "");
  };
  Open();
  for (int i = 0; i < 10; ++i) Send();
  for (const auto& attempt : attempts_) {
    ASSERT_TRUE(Done(*attempt));
    EXPECT_EQ(attempt->result->kind, Kind::kAccepted);
  }
  EXPECT_EQ(server_->peers().size(), 4U);
  for (const auto& peer : server_->peers()) EXPECT_LE(peer->streams().size(), 3U);
}

// Scenario: retired with one attempt in flight and one waiting behind in_flight_max; one more is
// sent after.
// Guarantees: the waiting and the late one are handed back unprocessed; the running one
// finishes; then kGone.
TEST_F(BackendTest, RetiredBackendHandsBackWhatWaitsAndFinishesWhatRuns) {
  options_.in_flight_max = 1;
  ListenAndConnect();
  const KeepingAttempt& running = Send();
  const KeepingAttempt& waiting = Send();
  ASSERT_TRUE(Until([&] { return server_->request_count() == 1; }));
  backend_->Retire();
  const KeepingAttempt& late = Send();
  ASSERT_TRUE(Done(waiting) && Done(late));
  EXPECT_FALSE(waiting.result->was_processed_maybe);
  EXPECT_FALSE(late.result->was_processed_maybe);
  EXPECT_EQ(backend_->state(), BackendState::kDraining);
  EXPECT_FALSE(running.result.has_value());
  Peer& peer = *server_->peers()[0];
  peer.AnswerGrpc(*peer.Find(1), 0, "");
  ASSERT_TRUE(Until([&] { return backend_->state() == BackendState::kGone; }));
  EXPECT_EQ(running.result->kind, Kind::kAccepted);
}

// Scenario: retired before the connection is there: while TCP connects, and between that and the
// peer's SETTINGS, which then arrive in the same turn.
// Guarantees: gone all the same; the observer never hears of it as ready.
TEST_F(BackendTest, RetiredWhileConnecting) {
  Listen();
  Open();
  backend_->Retire();
  ASSERT_TRUE(Until([&] { return backend_->state() == BackendState::kGone; }));

  boost::asio::ip::tcp::acceptor listener(loop_.io(), {boost::asio::ip::address_v4::loopback(), 0});
  address_ = listener.local_endpoint();
  Open();
  boost::asio::ip::tcp::socket peer = listener.accept();
  ASSERT_TRUE(Until([&] { return peer.available() > 0; })) << "the preface";
  const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
  peer.write_some(boost::asio::buffer(settings));
  backend_->Retire();
  ASSERT_TRUE(Until([&] { return backend_->state() == BackendState::kGone; }));
  EXPECT_TRUE(states_.empty());
}

// Scenario: the backend object goes while TCP connects, and while a probe is planned.
// Guarantees: nothing touches it any more (the address sanitizer watches).
TEST_F(BackendTest, DestroyedWhileConnecting) {
  UseRefusingAddress();
  Open();
  backend_.reset();
  loop_.Turn(false);
  Open();
  ASSERT_TRUE(Until([&] { return backend_->state() == BackendState::kDown; }));
  backend_.reset();
  loop_.Turn(false);
}

}  // namespace
}  // namespace router
