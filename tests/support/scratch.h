// What a test of real processes borrows from the machine: a directory and port numbers.
// Thread safety: free functions any thread; ScratchDirectory one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "router/base/result.h"

namespace router::test {

// A new directory under TMPDIR (or /tmp), removed with everything in it at the end of its scope.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::string& prefix = "spanring-test-");
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // The directory stays when the scope ends.
  void Keep() { keep_ = true; }
  // Writes a whole file and returns its path.
  Result<std::filesystem::path> Write(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
  bool keep_ = false;
};

// A TCP port that was free on every address of `addresses` (IPv4) a moment ago: `preferred` when it
// is free (0: no preference), else any. Nothing holds it: bind soon.
Result<std::uint16_t> PickFreePort(const std::vector<std::string>& addresses = {"127.0.0.1"},
                                   std::uint16_t preferred = 0);
// `count` different ports, all free on 127.0.0.1 at the same moment.
Result<std::vector<std::uint16_t>> PickFreePorts(std::size_t count);

}  // namespace router::test
