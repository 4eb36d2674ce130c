// FileWatch: notices that files have changed, without reading them.
//
// A change counts when the files have stayed as they are from one look to the next: a certificate
// and its key, or the bytes of one file, are seldom written at once.
// Thread safety: one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace router {

class FileWatch {
 public:
  // From now on these, as they are now; "" is none. Call it before they are read: what is written
  // meanwhile will be seen as a change.
  void Watch(std::vector<std::string> paths);
  // A look. True until MarkRead(), when they differ from what was read and are steady.
  bool HasChanged();
  // What they were at the last look, or at Watch(), has been read.
  void MarkRead();
  // At the last look, or at Watch(), they were as they had been read.
  bool IsAsRead() const { return seen_ == read_; }
  // They could not be read. True: that has not been said of this state of theirs.
  bool IsNews();

 private:
  // Of the file at the end of all symbolic links: Kubernetes swaps a link to publish a new secret.
  // All zero: there is none.
  struct Signature {
    dev_t device = 0;
    ino_t inode = 0;
    off_t bytes = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Signature&) const = default;
  };
  using Signatures = std::vector<Signature>;

  static Signature SignatureOf(const std::string& path);
  Signatures Look() const;

  std::vector<std::string> paths_;
  Signatures read_;
  Signatures seen_;    // at the last look
  Signatures failed_;  // of which a failure was told
};

}  // namespace router
