// Who may talk to whom: the handshake of both sides, and why it is refused.
#include <gmock/gmock.h>

#include "tests/transport/tls_fixture.h"

namespace router {
namespace {

using testing::HasSubstr;

// Scenario: TLS 1.2 and 1.3, RSA and ECDSA, with a name and with an address.
// Guarantees: A-24: both sides agree on h2 and hear each other.
TEST_F(TlsTest, A24TwoSidesAgree) {
  for (const TlsVersion version : {TlsVersion::k12, TlsVersion::k13}) {
    for (const int rsa_bits : {0, 2048}) {
      for (const std::string name : {kName, "10.1.2.3", "::1"}) {
        TlsSettings serving =
            Serving({.names = {kName}, .addresses = {"10.1.2.3", "::1"}, .rsa_bits = rsa_bits});
        serving.max_version = version;
        Connect(serving, Trusting(), name);
        client_->Send("hello");
        ASSERT_TRUE(Until([&] { return server_->received == "hello"; })) << name;
        server_->Send("world");
        ASSERT_TRUE(Until([&] { return client_->received == "world"; })) << name;
        client_->Close("done");
        ASSERT_TRUE(Until([&] { return server_->end.has_value(); }));
        EXPECT_EQ(*server_->end, "closed by peer");
      }
    }
  }
  EXPECT_EQ(gate_->completed().Value(), 12U);
  EXPECT_EQ(gate_->failed().Value(), 0U);
}

// Scenario: a certificate of another authority; one for other names; one with only a common name;
// an expired one, one of tomorrow; a self-signed one.
// Guarantees: H-02: the client refuses, sends none of what it has to say, and says why.
TEST_F(TlsTest, H02ABackendMustBeWhoItShouldBe) {
  const test::TestCa other("other authority");
  using std::chrono::hours;
  const test::CertificateOptions good{.names = {kName}};
  struct Case {
    test::TestCertificate certificate;
    TlsFault fault;
    std::string text;
  };
  const Case cases[] = {
      {other.Sign(good), TlsFault::kUnknownAuthority, "is signed by \"CN = other authority\""},
      {ca_.Sign({.names = {"a.test", "b.test"}, .addresses = {"10.0.0.9"}}), TlsFault::kWrongName,
       "its certificate is not for \"backend.test\" but for a.test, b.test, 10.0.0.9"},
      {ca_.Sign({.common_name = kName}), TlsFault::kWrongName, "but for no name at all"},
      {ca_.Sign({.names = {kName}, .valid_from = hours(-48), .valid_until = hours(-24)}),
       TlsFault::kExpired, "its certificate expired at 20"},
      {ca_.Sign({.names = {kName}, .valid_from = hours(24), .valid_until = hours(48)}),
       TlsFault::kExpired, "not valid yet; are the clocks right?"},
      {test::TestCa::SelfSigned(good), TlsFault::kUnknownAuthority, "is self-signed"},
  };
  for (const TlsVersion version : {TlsVersion::k12, TlsVersion::k13}) {
    for (const Case& one : cases) {
      TlsSettings serving = WithCertificate({}, one.certificate);
      serving.max_version = version;
      Connect(serving, Trusting());
      client_->Send("a span");
      ExpectRefused();
      EXPECT_THAT(*client_->end, HasSubstr(one.text));
      EXPECT_EQ(client_->tls_fault(), one.fault) << one.text;
      EXPECT_THAT(*server_->end, HasSubstr("the peer refused")) << one.text;
    }
  }
}

// Scenario: the wrong name and the wrong authority, with insecure_skip_verify; the right
// certificate for a name that the configuration sets.
// Guarantees: nothing is verified; server_name_override goes before what discovery knows.
TEST_F(TlsTest, SkippingAndOverriding) {
  TlsSettings careless;
  careless.skip_verify = true;
  Connect(WithCertificate({}, test::TestCa::SelfSigned({})), careless, "");
  ASSERT_TRUE(Until([&] { return IsEstablished(); }));
  client_->Close("done");
  TlsSettings override = Trusting();
  override.server_name = kName;
  Connect(Serving(), override, "10.0.0.1");
  EXPECT_TRUE(Until([&] { return IsEstablished(); }));
}

// Scenario: a client that verifies, and no name to verify.
// Guarantees: H-02: it does not take just any certificate of the authority.
TEST_F(TlsTest, H02WithoutANameNothingIsAccepted) {
  Connect(Serving(), Trusting(), "");
  ASSERT_TRUE(Until([&] { return client_->end.has_value(); }));
  EXPECT_THAT(*client_->end, HasSubstr("no name is known"));
}

// Scenario: client_ca_file, and clients with no certificate, one of another authority, a good one.
// Guarantees: H-03: only the last is heard; the others and the log are told why.
TEST_F(TlsTest, H03ClientsNeedACertificate) {
  const test::ScratchDirectory scratch;
  TlsSettings serving = Serving();
  serving.client_ca_file = scratch.Write("client_ca.pem", ca_.pem()).value();
  for (const TlsVersion version : {TlsVersion::k12, TlsVersion::k13}) {
    serving.max_version = version;
    Connect(serving, Trusting());
    client_->Send("a span");
    ExpectRefused();
    EXPECT_THAT(*server_->end, HasSubstr("sent no certificate, and client_ca_file asks for one"));
    EXPECT_EQ(server_->tls_fault(), TlsFault::kBadCertificate);
    if (version == TlsVersion::k13) {
      EXPECT_THAT(*client_->end, HasSubstr("it wants a certificate: cert_file and key_file"));
    }

    Connect(serving, WithCertificate(Trusting(), test::TestCa("stranger").Sign({})));
    client_->Send("a span");
    ExpectRefused();
    EXPECT_EQ(server_->tls_fault(), TlsFault::kUnknownAuthority);
    EXPECT_THAT(*client_->end, HasSubstr("it does not trust who signed our certificate"));

    Connect(serving, WithCertificate(Trusting(), ca_.Sign({})));
    client_->Send("a span");
    EXPECT_TRUE(Until([&] { return server_->received == "a span"; }));
    client_->Close("done");
  }
}

// Scenario: sides with no version in common.
// Guarantees: refused, and both say so.
TEST_F(TlsTest, A24NoVersionInCommon) {
  TlsSettings serving = Serving();
  serving.min_version = TlsVersion::k13;
  TlsSettings trusting = Trusting();
  trusting.max_version = TlsVersion::k12;
  Connect(serving, trusting);
  ExpectRefused();
  EXPECT_EQ(server_->tls_fault(), TlsFault::kNoAgreement);
  EXPECT_THAT(*server_->end, HasSubstr("no TLS version in common"));
  EXPECT_EQ(client_->tls_fault(), TlsFault::kNoAgreement);
}

// Scenario: a server that speaks only http/1.1, one that knows no ALPN, before a client that wants
// h2.
// Guarantees: the client does not speak gRPC to it.
TEST_F(TlsTest, TheBackendMustSelectH2) {
  ConnectTo(Server(Serving(), {"http/1.1"}), Client(Trusting()));
  client_->Send("a span");
  ExpectRefused();
  EXPECT_THAT(*server_->end, HasSubstr("no protocol (ALPN) that is spoken here"));
  EXPECT_EQ(client_->tls_fault(), TlsFault::kNoAgreement);
  const TlsContext::Ptr silent = Server(Serving(), {"h2"}, true);
  SSL_CTX_set_alpn_select_cb(silent->get(), nullptr, nullptr);
  ConnectTo(silent, Client(Trusting()));
  client_->Send("a span");
  ASSERT_TRUE(Until([&] { return client_->end.has_value(); }));
  EXPECT_THAT(*client_->end, HasSubstr("does not select h2"));
}

// Scenario: a client without ALPN, before a port that needs it and one that does not.
// Guarantees: as grpc-go: the first refuses.
TEST_F(TlsTest, AClientWithoutAlpn) {
  for (const bool is_optional : {false, true}) {
    const TlsContext::Ptr mute = Client(Trusting());
    SSL_CTX_set_alpn_protos(mute->get(), nullptr, 0);
    ConnectTo(Server(Serving(), {"h2", "http/1.1"}, is_optional), mute);
    ASSERT_TRUE(Until([&] { return server_->end.has_value() || server_->is_established(); }));
    EXPECT_EQ(server_->is_established(), is_optional);
    if (!is_optional) {
      EXPECT_THAT(*server_->end, HasSubstr("offers no protocol (ALPN); gRPC needs h2"));
    }
    client_->Close("done");
  }
}

// Scenario: plaintext HTTP/1, HTTP/2 and rubbish to a TLS port.
// Guarantees: closed, and the reason is that it is no TLS.
TEST_F(TlsTest, PlaintextToATlsPort) {
  for (const std::string text : {"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    auto [left, right] = test::ConnectedSockets(loop_);
    server_ = PlainChannel::Start(loop_,
                                  Transport(std::move(right), TlsAccept{Server(Serving()), gate_}));
    client_ = PlainChannel::Start(loop_, Transport(std::move(left)));
    client_->Send(text);
    ASSERT_TRUE(Until([&] { return server_->end.has_value(); }));
    EXPECT_THAT(*server_->end, HasSubstr("does not speak TLS; plaintext?"));
    EXPECT_EQ(server_->tls_fault(), TlsFault::kPlaintext);
    client_->Close("done");
  }
}

// Scenario: a TLS 1.1 hello; a client that asks for a second handshake on TLS 1.2.
// Guarantees: A-24: the first is refused, the second is not done.
TEST_F(TlsTest, A24OldVersionsAndRenegotiation) {
  const TlsContext::Ptr old = Client(Trusting());
  SSL_CTX_set_min_proto_version(old->get(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(old->get(), TLS1_1_VERSION);
  SSL_CTX_set_security_level(old->get(), 0);
  SSL_CTX_set_cipher_list(old->get(), "ALL:@SECLEVEL=0");
  ConnectTo(Server(Serving()), old);
  ExpectRefused();
  EXPECT_THAT(*server_->end, HasSubstr("no TLS version in common"));
  for (const TlsContext::Ptr& context : {Server(Serving()), Client(Trusting())}) {
    const auto options = SSL_CTX_get_options(context->get());
    EXPECT_TRUE(options & SSL_OP_NO_RENEGOTIATION);
    EXPECT_TRUE(options & SSL_OP_NO_COMPRESSION);
    EXPECT_TRUE(options & SSL_OP_NO_TICKET);
    EXPECT_EQ(SSL_CTX_get_max_early_data(context->get()), 0U);
    EXPECT_EQ(SSL_CTX_get_num_tickets(context->get()), 0U);
  }
}

// Scenario: one client has begun a handshake and says nothing more, while as many others as may be
// under way do the same; then one more comes, and the first leaves.
// Guarantees: A-25: the one more waits, and has its turn as soon as a place is free.
TEST_F(TlsTest, A25HandshakesUnderWayAreBounded) {
  const TlsContext::Ptr server = Server(Serving());
  const TlsContext::Ptr client = Client(Trusting());
  TlsSession hello_maker(client, kName);
  ASSERT_TRUE(hello_maker.Begin());
  const std::string hello(hello_maker.unsent().begin(), hello_maker.unsent().end());
  std::vector<std::shared_ptr<PlainChannel>> kept;
  const auto begin = [&] {
    auto [left, right] = test::ConnectedSockets(loop_);
    kept.push_back(
        PlainChannel::Start(loop_, Transport(std::move(right), TlsAccept{server, gate_})));
    kept.push_back(PlainChannel::Start(loop_, Transport(std::move(left))));
    kept.back()->Send(hello);
  };
  for (std::size_t i = 0; i < kHandshakesMax; ++i) begin();
  ASSERT_TRUE(Until([&] { return gate_->under_way() == kHandshakesMax; }));
  ConnectTo(server, client);
  client_->Send("x");
  for (int i = 0; i < 20; ++i) loop_.Turn(false);
  EXPECT_FALSE(server_->is_established());
  EXPECT_EQ(gate_->under_way(), kHandshakesMax);
  const TimePoint freed = Clock::now();
  kept[0]->Close("gone");
  EXPECT_TRUE(Until([&] { return server_->received == "x"; }));
  EXPECT_LT(Clock::now() - freed, kHandshakeGrace / 2) << "it waited for somebody's end";
  for (const auto& channel : kept) channel->Close("done");
  EXPECT_EQ(gate_->completed().Value(), 1U);
  EXPECT_EQ(gate_->failed().Value(), kHandshakesMax) << "those that were never finished";
}

}  // namespace
}  // namespace router
