#include "resolver/api_request.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "resolver/api_credentials.h"
#include "resolver/dns_attempt.h"
#include "resolver/endpoint.h"

namespace resolver {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;

namespace {

constexpr std::size_t kHeadBytesMax = 32 * 1024;
constexpr std::chrono::seconds kRetryAfterMax{60};

// A peer that vanished is noticed although we have nothing to say to it.
void WatchForLoss(tcp::socket& socket) {
  constexpr int kOn = 1;
  constexpr int kIdleSeconds = 10;
  constexpr int kProbeSeconds = 5;
  constexpr int kProbes = 3;
  const int fd = socket.native_handle();
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof kOn);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof kIdleSeconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kProbeSeconds, sizeof kProbeSeconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
}

std::string HostHeader(const ApiServer& server) {
  const bool is_v6 = server.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + server.host + "]" : server.host) + ":" + std::to_string(server.port);
}

// Only whole seconds: no API server sends a date there.
std::chrono::seconds RetryAfter(std::string_view text) {
  long seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return {};
  return std::min<std::chrono::seconds>(std::chrono::seconds(seconds), kRetryAfterMax);
}

Outcome OutcomeOf(const beast::error_code& error) {
  if (error == beast::error::timeout) return Outcome::kTimeout;
  if (error.category() == http::make_error_code(http::error::end_of_stream).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message) {
    return Outcome::kMalformed;
  }
  return Outcome::kConnectionRefused;
}

}  // namespace

class ApiRequest::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::io_context& io, ApiServer server, std::string target, const Limits& limits,
          Reader& reader)
      : io_(io),
        server_(std::move(server)),
        target_(std::move(target)),
        limits_(limits),
        reader_(&reader) {}

  void Start() {
    asio::post(io_, [self = shared_from_this()] {
      if (self->reader_ != nullptr) self->Begin();
    });
  }
  // Nothing is called from now on.
  void Cancel() {
    reader_ = nullptr;
    lookup_.reset();
    if (stream_) beast::get_lowest_layer(*stream_).close();
  }

 private:
  using Stream = beast::ssl_stream<beast::tcp_stream>;

  void Fail(Outcome outcome, const std::string& detail) {
    Reader* const reader = std::exchange(reader_, nullptr);
    if (stream_) beast::get_lowest_layer(*stream_).close();
    if (reader != nullptr) reader->OnFailure({outcome, detail});
  }
  // True: go on. False: it was ended meanwhile, or has failed now.
  bool Went(const beast::error_code& error, const char* what) {
    if (reader_ == nullptr) return false;
    if (!error) return true;
    Fail(OutcomeOf(error), std::string(what) + " " + HostHeader(server_) + ": " +
                               (error == beast::error::timeout ? "timeout" : error.message()));
    return false;
  }
  beast::tcp_stream& socket() { return beast::get_lowest_layer(*stream_); }

  void Begin() {
    if (server_.host.empty()) {
      Fail(Outcome::kOther,
           "no API server: KUBERNETES_SERVICE_HOST is not set, so this is no pod; set "
           "spanring.kubernetes.api_server");
      return;
    }
    auto credentials = ReadApiCredentials(server_);
    if (!credentials) {
      Fail(Outcome::kOther, credentials.error());
      return;
    }
    credentials_ = *std::move(credentials);
    boost::system::error_code error;
    const asio::ip::address address = asio::ip::make_address(server_.host, error);
    if (!error) {
      Connect({tcp::endpoint(address, server_.port)});
      return;
    }
    dns_ = server_.dns;
    dns_.hostname = server_.host;
    dns_.port = server_.port;
    dns_.srv = false;
    lookup_ = std::make_unique<DnsAttempt>(
        io_.get_executor(), dns_,
        [this](const EndpointAnswer& answer, const ResolutionReport& report) {
          OnName(answer, report);
        });
  }

  void OnName(const EndpointAnswer& answer, const ResolutionReport& report) {
    const auto self = shared_from_this();
    if (answer.endpoints.empty()) {
      Fail(report.outcome == Outcome::kSuccess ? Outcome::kNoData : report.outcome,
           "the name of the API server, " + server_.host + ": " +
               std::string(OutcomeName(report.outcome)));
      return;
    }
    std::vector<tcp::endpoint> addresses;
    for (const Endpoint& endpoint : answer.endpoints) addresses.push_back(endpoint.address);
    Connect(std::move(addresses));
  }

  void Connect(std::vector<tcp::endpoint> addresses) {
    addresses_ = std::move(addresses);
    stream_ = std::make_unique<Stream>(io_, *credentials_.tls);
    SSL* const ssl = stream_->native_handle();
    boost::system::error_code error;
    asio::ip::make_address(server_.host, error);
    if (error) {
      SSL_set_tlsext_host_name(ssl, server_.host.c_str());
      SSL_set1_host(ssl, server_.host.c_str());
    } else {
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server_.host.c_str());
    }
    socket().expires_after(limits_.connect);
    socket().async_connect(addresses_, [self = shared_from_this()](const beast::error_code& failed,
                                                                   const tcp::endpoint&) {
      if (self->Went(failed, "cannot connect to the API server at")) self->Handshake();
    });
  }

  void Handshake() {
    WatchForLoss(socket().socket());
    socket().expires_after(limits_.connect);
    stream_->async_handshake(
        asio::ssl::stream_base::client,
        [self = shared_from_this()](const beast::error_code& error) { self->OnHandshake(error); });
  }

  void OnHandshake(const beast::error_code& error) {
    if (reader_ == nullptr) return;
    if (error) {
      const long verdict = SSL_get_verify_result(stream_->native_handle());
      const std::string why = verdict != X509_V_OK
                                  ? std::string("its certificate is not accepted: ") +
                                        X509_verify_cert_error_string(verdict) +
                                        " (authorities: " + server_.ca_file + ")"
                                  : (error == beast::error::timeout ? "timeout" : error.message());
      Fail(error == beast::error::timeout ? Outcome::kTimeout : Outcome::kOther,
           "TLS with the API server at " + HostHeader(server_) + ": " + why);
      return;
    }
    request_ = {http::verb::get, target_, 11};
    request_.set(http::field::host, HostHeader(server_));
    request_.set(http::field::user_agent, "spanring");
    request_.set(http::field::accept, "application/json");
    request_.set(http::field::authorization, "Bearer " + credentials_.token);
    request_.set(http::field::connection, "close");
    socket().expires_after(limits_.head);
    http::async_write(*stream_, request_,
                      [self = shared_from_this()](const beast::error_code& failed, std::size_t) {
                        if (self->Went(failed, "cannot ask the API server at")) self->ReadHead();
                      });
  }

  void ReadHead() {
    parser_.emplace();
    parser_->header_limit(kHeadBytesMax);
    parser_->body_limit(boost::none);
    http::async_read_header(
        *stream_, buffer_, *parser_,
        [self = shared_from_this()](const beast::error_code& error, std::size_t) {
          if (self->Went(error, "no answer from the API server at")) self->OnHead();
        });
  }

  void OnHead() {
    const auto& head = parser_->get();
    const auto retry_after = head[http::field::retry_after];
    // Else bytes of an event would wait for those of the next.
    parser_->eager(false);
    reader_->OnHead(head.result_int(),
                    RetryAfter(std::string_view(retry_after.data(), retry_after.size())));
    if (reader_ != nullptr) ReadBody();
  }

  void ReadBody() {
    if (parser_->is_done()) {
      End();
      return;
    }
    auto& body = parser_->get().body();
    body.data = piece_.data();
    body.size = piece_.size();
    body.more = true;
    socket().expires_after(limits_.silence);
    http::async_read_some(*stream_, buffer_, *parser_,
                          [self = shared_from_this()](beast::error_code error, std::size_t) {
                            if (error == http::error::need_buffer) error = {};
                            self->OnPiece(error);
                          });
  }

  void OnPiece(const beast::error_code& error) {
    if (reader_ == nullptr) return;
    const std::size_t size = piece_.size() - parser_->get().body().size;
    if (size > 0) reader_->OnBody({piece_.data(), size});
    if (Went(error, "an answer broke off, from the API server at")) ReadBody();
  }

  void End() {
    Reader* const reader = std::exchange(reader_, nullptr);
    socket().close();
    reader->OnEnd();
  }

  asio::io_context& io_;
  const ApiServer server_;
  const std::string target_;
  const Limits limits_;
  Reader* reader_;  // null: nothing is called any more
  DnsOptions dns_;  // lookup_ borrows it
  std::unique_ptr<DnsAttempt> lookup_;
  std::vector<tcp::endpoint> addresses_;
  ApiCredentials credentials_;
  std::unique_ptr<Stream> stream_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  std::optional<http::response_parser<http::buffer_body>> parser_;
  std::array<char, 16 * 1024> piece_;
};

ApiRequest::ApiRequest(asio::io_context& io, const ApiServer& server, const std::string& target,
                       const Limits& limits, Reader& reader)
    : session_(std::make_shared<Session>(io, server, target, limits, reader)) {
  session_->Start();
}

ApiRequest::~ApiRequest() { session_->Cancel(); }

}  // namespace resolver
