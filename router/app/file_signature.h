// FileSignature: what tells one state of a file from the next without reading it.
// Thread safety: a value.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace router {

// Of the file at the end of all symbolic links: Kubernetes swaps a link to publish a new secret.
// All zero: there is none.
struct FileSignature {
  dev_t device = 0;
  ino_t inode = 0;
  off_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  bool operator==(const FileSignature&) const = default;

  static FileSignature Of(const std::string& path);
};

}  // namespace router
