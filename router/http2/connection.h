// Connection: one HTTP/2 connection: a channel and an nghttp2 session.
//
// ServerConnection and ClientConnection add the streams. What comes goes to nghttp2, which calls
// back; anything that makes nghttp2 want to write calls MarkDirty(), and at the end of the turn
// Gather() moves its frames, and the bodies by reference, to the channel.
// Thread safety: its worker only.
// Failure: any error closes the connection; OnEnded() runs exactly once, and no callback after it.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "router/base/body.h"
#include "router/transport/channel.h"

namespace router {

class Connection : public Channel {
 public:
  ~Connection() override;

  // As RFC 9113 §6.8 has it: a GOAWAY that names no stream, then one that names the last.
  void AnnounceShutDown() override;
  void ShutDown() override;

 protected:
  using Channel::Channel;

  // The subclass's session, owned from here on; its queued frames (SETTINGS) are written.
  void SetSession(nghttp2_session* session);
  // The first bytes have come and there is no session yet: SetSession() now. A connection that says
  // nothing should cost no more than its socket.
  virtual void OpenSession() = 0;
  nghttp2_session* session() const { return session_.get(); }
  // Fresh callbacks with what both sides share; the subclass adds its own and owns the result.
  static nghttp2_session_callbacks* NewCallbacks();
  // To be called for every frame sent: when nghttp2 ends the session itself, OnClosed() will say
  // why.
  void NoteGoaway(const nghttp2_frame& frame);

  // Exactly once, from Close(). Streams that are still alive must be told here.
  virtual void OnEnded(std::string_view reason) = 0;
  // Hands on what was read to the session. As nghttp2_session_mem_recv().
  virtual ssize_t Receive(std::span<const std::uint8_t> bytes);
  // Appends the next `size` bytes of the body that `source` stands for: a NO_COPY DATA frame's.
  virtual void AppendBody(void* source, std::size_t size) = 0;
  // To out(): by reference, or by copy where that is cheaper.
  void AppendRange(std::span<const std::uint8_t> bytes, const std::shared_ptr<const Body>& owner);

 private:
  struct SessionDeleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  static int OnSendData(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header,
                        std::size_t size, nghttp2_data_source* source, void* self);
  static int OnInvalidFrame(nghttp2_session*, const nghttp2_frame* frame, int error, void* self);
  static bool IsTls(std::span<const std::uint8_t> bytes);
  void OnBytes(std::span<const std::uint8_t> bytes) final;
  void Gather() final;
  void OnAllWritten() final;
  void OnClosed(std::string_view reason) final;

  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  bool has_heard_ = false;
  std::string invalid_frame_;  // the last one, and what was wrong with it
  std::string end_reason_;     // when we ended it by GOAWAY with an error
};

}  // namespace router
