// TLS of the real process, with gRPC C++ as client and as backend.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/load.h"
#include "tests/integration/requests.h"
#include "tests/integration/running_router.h"
#include "tests/support/grpc_backend.h"
#include "tests/support/grpc_client.h"
#include "tests/support/scratch.h"
#include "tests/support/test_ca.h"

namespace router::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

// One POST of spans over HTTP/1.1 and TLS; `alpn` as on the wire, or empty. Returns what was agreed
// on and the first line of the answer; nothing when there is no connection.
std::string PostOverTls(const std::string& endpoint, const std::string& alpn,
                        const std::string& body) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (!alpn.empty()) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned>(alpn.size()));
  }
  BIO* connection = BIO_new_ssl_connect(context);
  BIO_set_conn_hostname(connection, endpoint.c_str());
  std::string answer;
  if (BIO_do_handshake(connection) == 1) {
    SSL* ssl = nullptr;
    BIO_get_ssl(connection, &ssl);
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &size);
    answer = std::string(reinterpret_cast<const char*>(chosen), size) + " ";
    const std::string request =
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        "Connection: close\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    BIO_write(connection, request.data(), static_cast<int>(request.size()));
    std::array<char, 4096> buffer;
    const int got = BIO_read(connection, buffer.data(), buffer.size());
    const std::string text(buffer.data(), static_cast<std::size_t>(std::max(got, 0)));
    answer += text.substr(0, text.find("\r\n"));
  }
  BIO_free_all(connection);
  SSL_CTX_free(context);
  return answer;
}

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    PutPair("server", ca_.Sign(Local()));
    PutPair("client", ca_.Sign({}));
    Put("ca.pem", ca_.pem());
  }

  static CertificateOptions Local() { return {.addresses = {"127.0.0.1"}}; }
  void Put(const std::string& name, const std::string& text) {
    std::filesystem::rename(scratch_.Write("next", text).value(), scratch_.path() / name);
  }
  void PutPair(const std::string& name, const TestCertificate& made) {
    Put(name + ".crt", made.cert_pem);
    Put(name + ".key", made.key_pem);
  }
  std::string Path(const std::string& name) const { return scratch_.path() / name; }
  std::string Pair(const std::string& name) const {
    return "cert_file: " + Path(name + ".crt") + ", key_file: " + Path(name + ".key");
  }

  // A backend that is `made`; with `client_ca`, only for those who have a certificate of it.
  static std::unique_ptr<GrpcBackend> StartBackend(const TestCertificate& made,
                                                   const std::string& client_ca = "") {
    grpc::SslServerCredentialsOptions options(
        client_ca.empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = client_ca;
    options.pem_key_cert_pairs = {{made.key_pem, made.cert_pem}};
    return GrpcBackend::Start({.credentials = grpc::SslServerCredentials(options)}).value();
  }
  static std::shared_ptr<grpc::ChannelCredentials> Trusting(const std::string& ca,
                                                            const TestCertificate& own = {}) {
    return grpc::SslCredentials({ca, own.key_pem, own.cert_pem});
  }
  static std::unique_ptr<GrpcClient> Connect(
      const RunningRouter& router, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return std::make_unique<GrpcClient>(
        grpc::CreateCustomChannel("ipv4:" + router.endpoint(), credentials, arguments));
  }
  static bool Works(GrpcClient& client) {
    return client.WaitForConnection(seconds(10)) && client.Export(RequestFor({1})).code() == 0;
  }

  ScratchDirectory scratch_;
  TestCa ca_;
};

// Scenario: a client over TLS, spanring, two backends over TLS; a body of 3 MiB.
// Guarantees: what was sent arrives, whole; the metrics know the certificate.
TEST_F(TlsTest, InAndOut) {
  const auto first = StartBackend(ca_.Sign(Local()));
  const auto second = StartBackend(ca_.Sign(Local()));
  RunningRouter router({.backends = {first->endpoint(), second->endpoint()},
                        .grpc_settings = "tls: {" + Pair("server") + "}",
                        .exporter_tls = "ca_file: " + Path("ca.pem")});
  ASSERT_TRUE(router.WaitForMembers(2, seconds(10)));
  const auto client = Connect(router, Trusting(ca_.pem()));
  ASSERT_TRUE(client->WaitForConnection(seconds(10)));
  ExportRequest request;
  for (std::uint64_t trace = 1; trace <= 100; ++trace) {
    request.MergeFrom(RequestFor({trace}));
    request.mutable_resource_spans(request.resource_spans_size() - 1)
        ->mutable_scope_spans(0)
        ->mutable_spans(0)
        ->set_name(std::string(30'000, 'n'));
  }
  ASSERT_EQ(client->Export(request).code(), 0);
  SpanLedger sent;
  sent.Add(request);
  SpanLedger received = first->ledger();
  received.Merge(second->ledger());
  EXPECT_EQ(CountLost(sent, received), 0U);
  EXPECT_GT(first->request_count(), 0U);
  EXPECT_GT(second->request_count(), 0U);
  const Samples samples = router.Scrape();
  const double now = static_cast<double>(std::time(nullptr));
  EXPECT_NEAR(SumOf(samples, "spanring_tls_certificate_expiry_timestamp_seconds",
                    {"key=\"receivers.otlp.protocols.grpc.tls.cert_file\""}) -
                  now,
              24 * 3600, 60);
  EXPECT_EQ(SumOf(samples, "spanring_tls_handshakes_total", {"outcome=\"completed\""}), 1);
}

// Scenario: client_ca_file; clients without a certificate, with one of another authority, with a
// good one. Backends that ask for a certificate.
// Guarantees: H-03: only the last gets through, and spanring shows its own to the backend.
TEST_F(TlsTest, H03BothSidesShowCertificates) {
  const auto backend = StartBackend(ca_.Sign(Local()), ca_.pem());
  RunningRouter router(
      {.backends = {backend->endpoint()},
       .grpc_settings = "tls: {" + Pair("server") + ", client_ca_file: " + Path("ca.pem") + "}",
       .exporter_tls = "ca_file: " + Path("ca.pem") + ", " + Pair("client")});
  const auto nobody = Connect(router, Trusting(ca_.pem()));
  EXPECT_NE(nobody->Call("", {.deadline = seconds(2)}).code(), 0);
  const auto stranger = Connect(router, Trusting(ca_.pem(), TestCa("other").Sign({})));
  EXPECT_NE(stranger->Call("", {.deadline = seconds(2)}).code(), 0);
  EXPECT_EQ(backend->request_count(), 0U);
  EXPECT_TRUE(router.process().WaitForLine("sent no certificate, and client_ca_file asks for one",
                                           seconds(5)));
  EXPECT_TRUE(router.process().WaitForLine("which is not among those we trust", seconds(5)));
  const auto known = Connect(router, Trusting(ca_.pem(), ca_.Sign({})));
  EXPECT_TRUE(Works(*known));
  EXPECT_EQ(backend->request_count(), 1U);
}

// Scenario: backends with a certificate of another authority, for another name, expired,
// self-signed, one that speaks plaintext, and one that wants a certificate; requests meanwhile.
// Guarantees: H-02, A-23: none of them sees a span; log and metrics say why of each.
TEST_F(TlsTest, H02AWrongBackendSeesNoSpan) {
  struct Case {
    std::unique_ptr<GrpcBackend> backend;
    std::string reason;
    std::string text;
  };
  std::vector<Case> cases;
  cases.push_back({StartBackend(TestCa("other authority").Sign(Local())), "unknown_authority",
                   "is signed by \"CN = other authority\", which is not among those we trust"});
  cases.push_back({StartBackend(ca_.Sign({.names = {"elsewhere.test"}})), "wrong_name",
                   "is not for \"127.0.0.1\" but for elsewhere.test"});
  cases.push_back(
      {StartBackend(ca_.Sign(
           {.addresses = {"127.0.0.1"}, .valid_from = hours(-48), .valid_until = hours(-24)})),
       "expired", "its certificate expired at 20"});
  cases.push_back(
      {StartBackend(TestCa::SelfSigned(Local())), "unknown_authority", "is self-signed"});
  cases.push_back({GrpcBackend::Start({}).value(), "plaintext", "does not speak TLS; plaintext?"});
  cases.push_back({StartBackend(ca_.Sign(Local()), ca_.pem()), "refused",
                   "does it want a certificate (cert_file and key_file)"});
  for (const Case& one : cases) {
    RunningRouter router({.backends = {one.backend->endpoint()},
                          .exporter_tls = "ca_file: " + Path("ca.pem"),
                          .wait_until_ready = false});
    EXPECT_TRUE(router.process().WaitForLine(one.text, seconds(10))) << one.text;
    GrpcClient client(router.endpoint());
    ASSERT_TRUE(client.WaitForConnection(seconds(10)));
    EXPECT_EQ(client.Export(RequestFor({1, 2, 3})).code(), 14) << one.text;
    EXPECT_EQ(one.backend->request_count(), 0U) << one.text;
    EXPECT_GT(SumOf(router.Scrape(), "spanring_backend_tls_failures_total",
                    {"reason=\"" + one.reason + "\""}),
              0)
        << one.text;
  }
}

// Scenario: OTLP/HTTP over TLS: a client that wants http/1.1, one without ALPN, one that speaks
// something else, one in plaintext; the gRPC port beside it in plaintext.
// Guarantees: the first two are served, over the certificate of that port; each port has TLS of its
// own.
TEST_F(TlsTest, OtlpOverHttps) {
  const auto backend = GrpcBackend::Start({}).value();
  RunningRouter router(
      {.backends = {backend->endpoint()}, .http_settings = "tls: {" + Pair("server") + "}"});
  const std::string endpoint = "127.0.0.1:" + std::to_string(router.http_port());
  const std::string body = RequestFor({1}).SerializeAsString();
  EXPECT_EQ(PostOverTls(endpoint, "\x08http/1.1", body), "http/1.1 HTTP/1.1 200 OK");
  EXPECT_EQ(PostOverTls(endpoint, "", body), " HTTP/1.1 200 OK");
  EXPECT_EQ(PostOverTls(endpoint, "\x06spdy/3", body), "");
  EXPECT_EQ(PostOverTls(router.endpoint(), "", body), "") << "plaintext there";
  EXPECT_GE(backend->request_count(), 1U);
  GrpcClient client(router.endpoint());
  EXPECT_TRUE(Works(client));
  EXPECT_FALSE(HttpGet("127.0.0.1", router.http_port(), "/v1/traces", seconds(5)));
}

// Scenario: the name that the configuration sets; no verification at all.
// Guarantees: both work where the address alone would be refused.
TEST_F(TlsTest, NameOverrideAndSkippedVerification) {
  const auto backend = StartBackend(ca_.Sign({.names = {"sampler.test"}}));
  for (const std::string& tls :
       {"ca_file: " + Path("ca.pem") + ", server_name_override: sampler.test",
        std::string("insecure_skip_verify: true")}) {
    RunningRouter router({.backends = {backend->endpoint()}, .exporter_tls = tls});
    GrpcClient client(router.endpoint());
    EXPECT_TRUE(Works(client)) << tls;
  }
}

// Scenario: plaintext to the TLS port, TLS to a plaintext port.
// Guarantees: refused, and the log says what is wrong.
TEST_F(TlsTest, TheWrongKindOfClient) {
  const auto backend = GrpcBackend::Start({}).value();
  RunningRouter secure(
      {.backends = {backend->endpoint()}, .grpc_settings = "tls: {" + Pair("server") + "}"});
  GrpcClient plain(secure.endpoint());
  EXPECT_NE(plain.Call("", {.deadline = seconds(2)}).code(), 0);
  EXPECT_TRUE(
      secure.process().WaitForLine("TLS: the peer does not speak TLS; plaintext?", seconds(5)));
  RunningRouter open({.backends = {backend->endpoint()}});
  const auto client = Connect(open, Trusting(ca_.pem()));
  EXPECT_NE(client->Call("", {.deadline = seconds(2)}).code(), 0);
  EXPECT_TRUE(
      open.process().WaitForLine("it speaks TLS, and here plaintext is configured", seconds(5)));
}

// Scenario: 20 rotations of the certificates for clients and for backends, by SIGHUP and
// by change of the files, one of them broken, while a load never pauses; a new client each time; at
// last a certificate of another authority.
// Guarantees: H-04: no call fails, no span is lost; new connections get the new certificate, those
// that are open go on.
TEST_F(TlsTest, H04RotationsUnderLoad) {
  const auto backend = StartBackend(ca_.Sign(Local()), ca_.pem());
  RunningRouter router({.backends = {backend->endpoint()},
                        .grpc_settings = "tls: {" + Pair("server") + "}",
                        .exporter_tls = "ca_file: " + Path("ca.pem") + ", " + Pair("client")});
  Load load({router.endpoint()}, 8, Trusting(ca_.pem()));
  const auto count = [&](const std::string& outcome) {
    return SumOf(router.Scrape(), "spanring_tls_reloads_total", {"outcome=\"" + outcome + "\""});
  };
  const auto expiry = [&] {
    return SumOf(router.Scrape(), "spanring_tls_certificate_expiry_timestamp_seconds",
                 {"key=\"receivers.otlp.protocols.grpc.tls.cert_file\""});
  };
  for (int i = 0; i < 20; ++i) {
    const hours until(100 + i);
    const double before = count("success");
    CertificateOptions options = Local();
    options.valid_until = until;
    PutPair("server", ca_.Sign(options));
    PutPair("client", ca_.Sign({.valid_until = until}));
    if (i % 4 != 1) router.process().Signal(SIGHUP);
    ASSERT_TRUE(router.WaitUntil([&] { return count("success") >= before + 2; }, seconds(10))) << i;
    const double left = expiry() - static_cast<double>(std::time(nullptr));
    EXPECT_NEAR(left, static_cast<double>(seconds(until).count()), 60);
    const auto client = Connect(router, Trusting(ca_.pem()));
    EXPECT_TRUE(Works(*client)) << i;
    if (i == 10) {
      Put("server.crt", "broken");
      ASSERT_TRUE(router.WaitUntil([&] { return count("failure") > 0; }, seconds(10)));
      EXPECT_TRUE(Works(*Connect(router, Trusting(ca_.pem()))));
    }
  }
  const TestCa next("next authority");
  const double before = count("success");
  PutPair("server", next.Sign(Local()));
  ASSERT_TRUE(router.WaitUntil([&] { return count("success") > before; }, seconds(10)));
  EXPECT_TRUE(Works(*Connect(router, Trusting(next.pem()))));
  const std::uint64_t calls = load.calls();
  EXPECT_TRUE(router.WaitUntil([&] { return load.calls() > calls + 20; }, seconds(10)))
      << "the connection with the old certificate does not go on";
  load.Stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());
  EXPECT_GT(load.calls(), 500U);
  EXPECT_EQ(CountLost(load.accepted(), backend->ledger()), 0U);
}

// Scenario: TLS for clients and to backends is switched on and off by SIGHUP, under load over a
// connection of its own kind.
// Guarantees: new connections are of the new kind, to backends too; no call fails.
TEST_F(TlsTest, SwitchedOnByReload) {
  const auto backend = GrpcBackend::Start({}).value();
  const auto secure = StartBackend(ca_.Sign(Local()));
  RunningRouter::Options options{.backends = {backend->endpoint()}};
  RunningRouter router(options);
  Load load({router.endpoint()}, 4);
  ASSERT_TRUE(router.WaitUntil([&] { return load.calls() > 20; }, seconds(10)));
  options.grpc_settings = "tls: {" + Pair("server") + "}";
  ASSERT_TRUE(router.Reload(router.ConfigText(options), "applied", seconds(10)));
  const auto client = Connect(router, Trusting(ca_.pem()));
  EXPECT_TRUE(Works(*client));
  const std::uint64_t calls = load.calls();
  EXPECT_TRUE(router.WaitUntil([&] { return load.calls() > calls + 20; }, seconds(10)));
  load.Stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());

  // A reload whose certificate cannot be read changes nothing.
  RunningRouter::Options broken = options;
  broken.exporter_tls = "ca_file: " + Path("none.pem");
  EXPECT_TRUE(router.Reload(router.ConfigText(broken), "invalid", seconds(10)));
  EXPECT_THAT(router.process().Output(),
              HasSubstr("ca_file " + Path("none.pem") + ": No such file or directory"));
  EXPECT_TRUE(Works(*client));
}

}  // namespace
}  // namespace router::test
