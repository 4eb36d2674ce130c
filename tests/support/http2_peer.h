// Http2Peer: the other end of a connection under test: raw nghttp2, told frame by frame what to do.
//
// Either side, on the loop of the test's own thread; checks nothing of HTTP semantics, so that it
// may answer nonsense. What it hears is kept per stream and, in order, in frames().
// Thread safety: the loop's thread.
// Ownership: kept alive by its wait on the socket until that is closed.
#pragma once

#include <nghttp2/nghttp2.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "router/base/worker_loop.h"

namespace router::test {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Turns the loop until `is_met`, at most 10 s. False: in vain.
[[nodiscard]] bool TurnUntil(WorkerLoop& loop, const std::function<bool()>& is_met);

// Two connected sockets on the loopback. Small socket buffers when `buffer_bytes` is not 0.
std::pair<boost::asio::ip::tcp::socket, boost::asio::ip::tcp::socket> ConnectedSockets(
    WorkerLoop& loop, int buffer_bytes = 0);

// One gRPC message with its prefix.
std::string GrpcFrame(std::string_view message, bool compressed = false);

struct PeerOptions {
  std::vector<nghttp2_settings_entry> settings = {};
  bool auto_window_update = true;
  std::int32_t connection_window = 0;  // 0: the default of HTTP/2
};

struct PeerStream {
  std::int32_t id = 0;
  HeaderList headers;  // all the other side sent, trailers included
  std::string body;
  bool is_ended = false;   // END_STREAM came
  bool is_closed = false;  // and with which error
  std::uint32_t error = 0;

  std::string Header(std::string_view name) const;  // "" when absent

  // What we send.
  std::string out;
  bool is_out_ended = false;
  HeaderList trailers;
};

class Http2Peer : public std::enable_shared_from_this<Http2Peer> {
 public:
  enum class Side { kClient, kServer };

  static std::shared_ptr<Http2Peer> Start(WorkerLoop& loop, boost::asio::ip::tcp::socket socket,
                                          Side side, const PeerOptions& options = {});
  ~Http2Peer();

  // Client: opens a stream. The body may go on with Send().
  PeerStream& Request(const HeaderList& headers, std::string_view body, bool is_end = true);
  // Server: answers; trailers end it, or else the body does.
  void Answer(PeerStream& stream, const HeaderList& headers, std::string_view body,
              const HeaderList& trailers);
  // Server: a gRPC answer with a status and, when OK, a message.
  void AnswerGrpc(PeerStream& stream, int code, std::string_view message,
                  const HeaderList& more = {});

  void Send(PeerStream& stream, std::string_view bytes, bool is_end);
  void Reset(PeerStream& stream, std::uint32_t error);
  void GoAway(std::int32_t last_stream_id, std::uint32_t error);
  void Consume(PeerStream& stream, std::size_t bytes);  // without auto_window_update
  void Close();
  // Sends what the session has queued; for those who use session() themselves.
  void Flush();
  nghttp2_session* session() { return session_; }

  bool is_open() const { return socket_.is_open(); }
  // nullptr: the other side has opened (or we have) no such stream.
  PeerStream* Find(std::int32_t id);
  const std::map<std::int32_t, std::unique_ptr<PeerStream>>& streams() const { return streams_; }
  // Every frame received: "HEADERS 1", "DATA 1 END", "RST_STREAM 1 8", "GOAWAY 0 <last> <error>"
  // ...
  const std::vector<std::string>& frames() const { return frames_; }
  bool HasFrame(std::string_view frame) const;

  // Server: a request is complete.
  std::function<void(PeerStream&)> on_request;

 private:
  Http2Peer(WorkerLoop& loop, boost::asio::ip::tcp::socket socket)
      : loop_(loop), socket_(std::move(socket)) {}
  static nghttp2_session_callbacks* Callbacks();
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static ssize_t ReadOut(nghttp2_session*, std::int32_t id, std::uint8_t* out, std::size_t size,
                         std::uint32_t* flags, nghttp2_data_source* source, void* self);
  void Wait(boost::asio::ip::tcp::socket::wait_type what);
  void Read();

  WorkerLoop& loop_;
  boost::asio::ip::tcp::socket socket_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, std::unique_ptr<PeerStream>> streams_;
  std::vector<std::string> frames_;
  std::string unsent_;
  bool is_waiting_to_write_ = false;
};

// A listening backend: every connection becomes a server Http2Peer.
class Http2Server {
 public:
  explicit Http2Server(WorkerLoop& loop, PeerOptions options = {});

  boost::asio::ip::tcp::endpoint address() const { return acceptor_.local_endpoint(); }
  const std::vector<std::shared_ptr<Http2Peer>>& peers() const { return peers_; }
  // Of all connections together.
  std::size_t request_count() const { return request_count_; }
  // Ends listening and all connections.
  void Close();

  // Called for every complete request of every connection.
  std::function<void(Http2Peer&, PeerStream&)> on_request;
  bool is_mute = false;  // accepts, and then says nothing at all

 private:
  void Accept();

  WorkerLoop& loop_;
  const PeerOptions options_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Http2Peer>> peers_;
  std::vector<boost::asio::ip::tcp::socket> mute_;
  std::size_t request_count_ = 0;
};

}  // namespace router::test
