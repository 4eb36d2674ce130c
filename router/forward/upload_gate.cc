#include "router/forward/upload_gate.h"

#include <algorithm>
#include <utility>

#include "router/base/limits.h"

namespace router {

void UploadGate::OnGrown(Upload& upload, TimePoint until) {
  if (!budget_.is_nearly_full() || upload.is_waiting_) return;
  if (passing_ == nullptr) {
    passing_ = &upload;
    turn_end_ = loop_.Now() + kTurn;
  }
  const bool is_its_turn = passing_ == &upload && (waiting_.empty() || loop_.Now() < turn_end_);
  if (is_its_turn) return;
  if (passing_ == &upload) passing_ = nullptr;
  upload.is_waiting_ = true;
  upload.until_ = until;
  upload.place_ = waiting_.insert(waiting_.end(), &upload);
  held_.Add();
  if (!timer_.is_set()) loop_.SetTimer(timer_, loop_.Now() + kLookEvery);
  upload.OnUploadHeld(true);
}

bool UploadGate::Leave(Upload& upload) {
  if (passing_ == &upload) passing_ = nullptr;
  if (!std::exchange(upload.is_waiting_, false)) return false;
  waiting_.erase(upload.place_);
  return true;
}

void UploadGate::Look() {
  ExpireLate();
  if (budget_.is_nearly_full()) {
    const bool is_turn_over = passing_ == nullptr || loop_.Now() >= turn_end_;
    if (is_turn_over && !waiting_.empty()) {
      passing_ = waiting_.front();
      turn_end_ = loop_.Now() + kTurn;
      ReleaseFirst();
    }
  } else {
    passing_ = nullptr;
    const std::size_t free_until = budget_.limit() - budget_.limit() / 4;
    const std::size_t used = budget_.used();  // other workers take from it, too
    const std::size_t room = free_until > used ? free_until - used : 0;
    const std::size_t count = std::max<std::size_t>(room / kServerStreamWindowBytes, 1);
    for (std::size_t i = 0; i < count && !waiting_.empty(); ++i) ReleaseFirst();
  }
  if (!waiting_.empty()) loop_.SetTimer(timer_, loop_.Now() + kLookEvery);
}

void UploadGate::ExpireLate() {
  for (auto place = waiting_.begin(); place != waiting_.end();) {
    Upload& upload = **place;
    ++place;
    if (loop_.Now() < upload.until_) continue;
    Leave(upload);
    upload.OnUploadExpired();
  }
}

void UploadGate::ReleaseFirst() {
  Upload& upload = *waiting_.front();
  waiting_.pop_front();
  upload.is_waiting_ = false;
  upload.OnUploadHeld(false);
}

}  // namespace router
