#include "tests/support/api_server.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace apitest {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Lock = std::unique_lock<std::mutex>;
using boost::system::error_code;

namespace {

std::string Quoted(const std::string& text) { return '"' + text + '"'; }

std::string JsonOf(const Pod& pod) {
  std::string text = "{\"addresses\":[" + Quoted(pod.address) + "],\"conditions\":{";
  if (pod.ready) text += std::string("\"ready\":") + (*pod.ready ? "true," : "false,");
  text += std::string("\"serving\":true,\"terminating\":") + (pod.terminating ? "true" : "false");
  text += "}";
  if (!pod.hostname.empty()) text += ",\"hostname\":" + Quoted(pod.hostname);
  if (!pod.uid.empty()) text += R"(,"targetRef":{"kind":"Pod","uid":)" + Quoted(pod.uid) + "}";
  return text + "}";
}

std::string JsonOf(const Slice& slice, std::uint64_t version) {
  std::string pods;
  for (const Pod& pod : slice.pods) pods += (pods.empty() ? "" : ",") + JsonOf(pod);
  return R"({"metadata":{"name":)" + Quoted(slice.name) +
         R"(,"namespace":"observability","resourceVersion":)" + Quoted(std::to_string(version)) +
         R"(,"labels":{"kubernetes.io/service-name":)" + Quoted(slice.service) +
         R"(}},"addressType":)" + Quoted(slice.address_type) + R"(,"endpoints":[)" + pods +
         R"(],"ports":[{"name":"otlp","port":4317,"protocol":"TCP"}]})";
}

std::string EventOf(const std::string& type, const std::string& object) {
  return R"({"type":)" + Quoted(type) + R"(,"object":)" + object + "}";
}

std::string StatusOf(unsigned code, const std::string& message) {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":)" + Quoted(message) +
         R"(,"code":)" + std::to_string(code) + "}";
}

// "" when it is not there. Of what a client escapes only these are needed.
std::string Parameter(const std::string& target, const std::string& name) {
  const std::size_t at = target.find(name + "=");
  if (at == std::string::npos || (target[at - 1] != '?' && target[at - 1] != '&')) return {};
  std::string value = target.substr(at + name.size() + 1);
  value.resize(std::min(value.find('&'), value.size()));
  for (const auto& [code, plain] : {std::pair("%2F", "/"), std::pair("%3D", "=")}) {
    for (std::size_t i; (i = value.find(code)) != std::string::npos;) value.replace(i, 3, plain);
  }
  return value;
}

std::uint64_t Number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

}  // namespace

std::vector<Pod> ReadyPods(const std::vector<std::string>& addresses) {
  std::vector<Pod> pods;
  for (const std::string& address : addresses) pods.push_back({.address = address});
  return pods;
}

// What every thread sees is guarded by `mutex_`; a thread per connection, blocking.
class ApiServer::State {
 public:
  struct Event {
    std::uint64_t version;
    std::string service;
    std::string line;
  };
  struct Refusal {
    unsigned status = 0;
    std::string message;
    unsigned retry_after = 0;
  };

  explicit State(const router::test::CertificateOptions& options)
      : ca_("fake kubernetes"), tls_(asio::ssl::context::tls_server), acceptor_(io_) {
    const router::test::TestCertificate certificate = ca_.Sign(options);
    tls_.use_certificate_chain(asio::buffer(certificate.cert_pem));
    tls_.use_private_key(asio::buffer(certificate.key_pem), asio::ssl::context::pem);
    Listen(0);
  }
  ~State() { Close(); }

  void Listen(std::uint16_t port);
  void Close();
  void Accept();
  void Serve(const std::shared_ptr<tcp::socket>& socket);

  using Stream = asio::ssl::stream<tcp::socket&>;
  void Answer(Stream& stream, const http::request<http::empty_body>& request);
  void Send(Stream& stream, unsigned status, const std::string& body, unsigned retry_after = 0);
  void List(Stream& stream, const std::string& target);
  void Watch(Stream& stream, const std::string& target);
  // False: the connection is gone.
  static bool WriteChunk(Stream& stream, const std::string& text);
  std::string ServiceOf(const std::string& target) const;
  void Add(const std::string& service, const std::string& type, const std::string& object);

  router::test::TestCa ca_;
  asio::io_context io_;
  asio::ssl::context tls_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::thread accepting_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_closing_ = false;
  std::list<std::thread> threads_;
  std::set<std::shared_ptr<tcp::socket>> open_;
  std::map<std::string, std::pair<Slice, std::uint64_t>> slices_;
  std::vector<Event> events_;
  std::uint64_t version_ = 1000;
  std::uint64_t oldest_ = 0;
  std::uint64_t end_watches_ = 0;  // counts up
  std::uint64_t cut_watches_ = 0;
  std::string token_ = "token";
  std::optional<Refusal> refusal_;
  std::optional<std::string> list_answer_;
  bool tells_gone_as_event_ = false;
  std::size_t page_size_ = 0;
  std::vector<std::string> targets_;
  std::size_t lists_ = 0;
  std::size_t watches_ = 0;
  std::size_t open_watches_ = 0;
  std::size_t handshakes_failed_ = 0;
};

void ApiServer::State::Listen(std::uint16_t port) {
  const tcp::endpoint address(asio::ip::address_v4::loopback(), port);
  error_code error;
  acceptor_.open(address.protocol(), error);
  acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (acceptor_.bind(address, error); !error) acceptor_.listen(64, error);
  if (error) {
    std::fprintf(stderr, "ApiServer: %s\n", error.message().c_str());
    std::abort();
  }
  port_ = acceptor_.local_endpoint().port();
  is_closing_ = false;
  accepting_ = std::thread([this] { Accept(); });
}

void ApiServer::State::Close() {
  std::list<std::thread> threads;
  {
    const Lock lock(mutex_);
    if (std::exchange(is_closing_, true)) return;
    // Wakes the thread that accepts; closing the descriptor would not.
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    for (const auto& socket : open_) ::shutdown(socket->native_handle(), SHUT_RDWR);
    changed_.notify_all();
  }
  accepting_.join();
  {
    const Lock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  error_code ignored;
  acceptor_.close(ignored);
}

void ApiServer::State::Accept() {
  while (true) {
    error_code error;
    auto socket = std::make_shared<tcp::socket>(io_);
    acceptor_.accept(*socket, error);
    const Lock lock(mutex_);
    if (is_closing_) return;
    if (error) continue;
    open_.insert(socket);
    threads_.emplace_back([this, socket] {
      Serve(socket);
      const Lock done(mutex_);
      open_.erase(socket);
      error_code ignored;
      socket->close(ignored);
    });
  }
}

void ApiServer::State::Serve(const std::shared_ptr<tcp::socket>& socket) {
  Stream stream(*socket, tls_);
  error_code error;
  stream.handshake(asio::ssl::stream_base::server, error);
  if (error) {
    const Lock lock(mutex_);
    ++handshakes_failed_;
    return;
  }
  beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  http::read(stream, buffer, request, error);
  if (!error) Answer(stream, request);
}

void ApiServer::State::Answer(Stream& stream, const http::request<http::empty_body>& request) {
  const std::string target(request.target());
  const std::string authorization(request[http::field::authorization]);
  Lock lock(mutex_);
  targets_.push_back(target);
  changed_.notify_all();
  if (refusal_) {
    const Refusal refusal = *refusal_;
    if (refusal.status == 0) {
      changed_.wait(lock, [this] { return is_closing_ || !refusal_; });
      return;
    }
    lock.unlock();
    Send(stream, refusal.status, StatusOf(refusal.status, refusal.message), refusal.retry_after);
    return;
  }
  const bool is_known = authorization == "Bearer " + token_;
  lock.unlock();
  if (!is_known) {
    Send(stream, 401, StatusOf(401, "Unauthorized"));
  } else if (Parameter(target, "watch") == "true") {
    Watch(stream, target);
  } else {
    List(stream, target);
  }
}

void ApiServer::State::Send(Stream& stream, unsigned status, const std::string& body,
                            unsigned retry_after) {
  http::response<http::string_body> response(static_cast<http::status>(status), 11, body);
  response.set(http::field::content_type, "application/json");
  if (retry_after > 0) response.set(http::field::retry_after, std::to_string(retry_after));
  response.prepare_payload();
  error_code error;
  http::write(stream, response, error);
}

std::string ApiServer::State::ServiceOf(const std::string& target) const {
  const std::string selector = Parameter(target, "labelSelector");
  const bool is_here =
      target.starts_with("/apis/discovery.k8s.io/v1/namespaces/observability/endpointslices?");
  return is_here ? selector.substr(selector.find('=') + 1) : "";
}

// The continue token is "version.index" of the first item of the next page.
void ApiServer::State::List(Stream& stream, const std::string& target) {
  Lock lock(mutex_);
  const std::string next = Parameter(target, "continue");
  if (next.empty()) ++lists_;
  if (list_answer_) {
    const std::string body = *list_answer_;
    lock.unlock();
    Send(stream, 200, body);
    return;
  }
  const std::uint64_t version = next.empty() ? version_ : Number(next);
  if (version < oldest_) {
    lock.unlock();
    Send(stream, 410, StatusOf(410, "The provided continue parameter is too old"));
    return;
  }
  std::vector<std::string> found;
  for (const auto& [name, slice] : slices_) {
    if (slice.first.service == ServiceOf(target))
      found.push_back(JsonOf(slice.first, slice.second));
  }
  const std::size_t first = next.empty() ? 0 : Number(next.substr(next.find('.') + 1));
  const std::size_t limit = page_size_ > 0 ? page_size_ : Number(Parameter(target, "limit"));
  const std::size_t end = limit == 0 ? found.size() : std::min(found.size(), first + limit);
  std::string items;
  for (std::size_t i = first; i < end; ++i) items += (items.empty() ? "" : ",") + found[i];
  const std::string more =
      end < found.size() ? std::to_string(version) + "." + std::to_string(end) : "";
  lock.unlock();
  Send(stream, 200,
       R"({"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":)"
       R"({"resourceVersion":)" +
           Quoted(std::to_string(version)) + R"(,"continue":)" + Quoted(more) + R"(},"items":[)" +
           items + "]}");
}

bool ApiServer::State::WriteChunk(Stream& stream, const std::string& text) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  error_code error;
  asio::write(stream, asio::buffer(size + text + "\r\n"), error);
  return !error;
}

void ApiServer::State::Watch(Stream& stream, const std::string& target) {
  Lock lock(mutex_);
  ++watches_;
  const std::uint64_t from = Number(Parameter(target, "resourceVersion"));
  const bool is_gone = from < oldest_;
  const std::string gone = StatusOf(410, "too old resource version");
  if (is_gone && !tells_gone_as_event_) {
    lock.unlock();
    Send(stream, 410, gone);
    return;
  }
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(Number(Parameter(target, "timeoutSeconds")));
  const std::uint64_t ends = end_watches_;
  const std::uint64_t cuts = cut_watches_;
  std::size_t next = 0;
  while (next < events_.size() && events_[next].version <= from) ++next;
  const std::string service = ServiceOf(target);
  ++open_watches_;
  changed_.notify_all();
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
  lock.unlock();
  error_code error;
  asio::write(stream, asio::buffer(head), error);
  bool is_up = !error;
  if (is_up && is_gone) is_up = WriteChunk(stream, EventOf("ERROR", gone) + "\n");
  lock.lock();
  bool is_over = is_gone;
  while (is_up && !is_over) {
    if (is_closing_ || cut_watches_ != cuts) break;
    if (next < events_.size()) {
      const Event event = events_[next++];
      if (!event.service.empty() && event.service != service) continue;
      lock.unlock();
      is_up = WriteChunk(stream, event.line + "\n");
      lock.lock();
      continue;
    }
    const bool woke = changed_.wait_until(lock, end, [&] {
      return is_closing_ || next < events_.size() || end_watches_ != ends || cut_watches_ != cuts;
    });
    is_over = !woke || (end_watches_ != ends && next == events_.size());
  }
  --open_watches_;
  changed_.notify_all();
  lock.unlock();
  if (is_up && is_over) asio::write(stream, asio::buffer(std::string("0\r\n\r\n")), error);
}

void ApiServer::State::Add(const std::string& service, const std::string& type,
                           const std::string& object) {
  events_.push_back({version_, service, EventOf(type, object)});
  changed_.notify_all();
}

ApiServer::ApiServer(const router::test::CertificateOptions& certificate)
    : state_(std::make_unique<State>(certificate)) {}

ApiServer::~ApiServer() = default;

std::uint16_t ApiServer::port() const { return state_->port_; }
const std::string& ApiServer::ca_pem() const { return state_->ca_.pem(); }

void ApiServer::Put(const Slice& slice) {
  const Lock lock(state_->mutex_);
  const std::uint64_t version = ++state_->version_;
  const bool is_new = state_->slices_.count(slice.name) == 0;
  state_->slices_[slice.name] = {slice, version};
  state_->Add(slice.service, is_new ? "ADDED" : "MODIFIED", JsonOf(slice, version));
}

void ApiServer::Delete(const std::string& name) {
  const Lock lock(state_->mutex_);
  const auto found = state_->slices_.find(name);
  if (found == state_->slices_.end()) return;
  const Slice slice = found->second.first;
  state_->slices_.erase(found);
  const std::uint64_t version = ++state_->version_;
  state_->Add(slice.service, "DELETED", JsonOf(slice, version));
}

void ApiServer::SendLine(const std::string& line) {
  const Lock lock(state_->mutex_);
  state_->events_.push_back({++state_->version_, "", line});
  state_->changed_.notify_all();
}

void ApiServer::SendBookmarks() {
  const Lock lock(state_->mutex_);
  const std::string version = std::to_string(++state_->version_);
  state_->Add("", "BOOKMARK",
              R"({"kind":"EndpointSlice","metadata":{"resourceVersion":)" + Quoted(version) + "}}");
}

void ApiServer::Compact() {
  const Lock lock(state_->mutex_);
  state_->oldest_ = ++state_->version_;
  state_->events_.clear();
  ++state_->cut_watches_;
  state_->changed_.notify_all();
}

void ApiServer::SetToken(const std::string& token) {
  const Lock lock(state_->mutex_);
  state_->token_ = token;
}

void ApiServer::Refuse(unsigned status, const std::string& message, unsigned retry_after) {
  const Lock lock(state_->mutex_);
  state_->refusal_ = State::Refusal{status, message, retry_after};
}

void ApiServer::AnswerListsWith(const std::string& body) {
  const Lock lock(state_->mutex_);
  state_->list_answer_ = body;
}

void ApiServer::TellGoneAsEvent(bool is_event) {
  const Lock lock(state_->mutex_);
  state_->tells_gone_as_event_ = is_event;
}

void ApiServer::Heal() {
  const Lock lock(state_->mutex_);
  state_->refusal_.reset();
  state_->list_answer_.reset();
  state_->changed_.notify_all();
}

void ApiServer::Down() { state_->Close(); }
void ApiServer::Up() { state_->Listen(state_->port_); }

void ApiServer::EndWatches() {
  const Lock lock(state_->mutex_);
  ++state_->end_watches_;
  state_->changed_.notify_all();
}

void ApiServer::CutWatches() {
  const Lock lock(state_->mutex_);
  ++state_->cut_watches_;
  state_->changed_.notify_all();
}

void ApiServer::SetPageSize(std::size_t items) {
  const Lock lock(state_->mutex_);
  state_->page_size_ = items;
}

std::vector<std::string> ApiServer::targets() const {
  const Lock lock(state_->mutex_);
  return state_->targets_;
}

std::size_t ApiServer::lists() const {
  const Lock lock(state_->mutex_);
  return state_->lists_;
}

std::size_t ApiServer::watches() const {
  const Lock lock(state_->mutex_);
  return state_->watches_;
}

std::size_t ApiServer::open_watches() const {
  const Lock lock(state_->mutex_);
  return state_->open_watches_;
}

std::size_t ApiServer::handshakes_failed() const {
  const Lock lock(state_->mutex_);
  return state_->handshakes_failed_;
}

}  // namespace apitest
