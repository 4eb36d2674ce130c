// Process: a child program whose output is read line by line and whose end is awaited with a
// deadline.
//
// stdout and stderr arrive in one stream, which a reader thread keeps in memory and, on request, in
// a file. stdin is /dev/null. A child dies with the thread that started it (PR_SET_PDEATHSIG), so a
// crashed test leaves nothing behind: start children from a thread that lives as long as they
// should.
// Thread safety: every method may run on any thread, except that only one may call WaitForExit
// at a time.
// Failure: Start fails when the program cannot be executed; waiting returns nullopt at its
// deadline.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "router/base/result.h"

namespace router::test {

class Process {
 public:
  struct Options {
    std::vector<std::string> command =
        {};  // program (a path, or a name looked up in PATH), then its arguments
    std::vector<std::string> environment = {};  // "NAME=value", added to the parent's
    std::string log_path = {};                  // also append the output here; empty: memory only
  };

  static Result<std::unique_ptr<Process>> Start(Options options);
  // Kills the child if it still runs, and reaps it.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // Everything printed so far.
  std::string Output() const;
  // The last `count` lines printed.
  std::vector<std::string> LastLines(std::size_t count) const;
  // The first whole line that contains `text`, from the start of the output on.
  std::optional<std::string> WaitForLine(std::string_view text, std::chrono::milliseconds deadline);

  // Nothing happens when the child has been reaped already.
  void Signal(int signal_number);
  void Terminate();
  void Kill();
  // The exit code, or minus the signal that ended the child. Remembers it: may be called again.
  std::optional<int> WaitForExit(std::chrono::milliseconds deadline);
  bool HasExited() { return WaitForExit(std::chrono::milliseconds(0)).has_value(); }
  // What the child has consumed. REQUIRES: WaitForExit returned a value.
  const rusage& usage() const { return usage_; }

 private:
  Process(pid_t pid, int pidfd, int output_fd, int log_fd);
  void ReadOutput();

  const pid_t pid_;
  const int pidfd_;
  const int output_fd_;
  const int log_fd_;
  int stop_fds_[2] = {
      -1, -1};  // closing the write end stops the reader even if a grandchild holds the pipe

  mutable std::mutex mu_;
  std::condition_variable changed_;
  std::string output_;            // under mu_
  bool output_ended_ = false;     // under mu_
  std::optional<int> exit_code_;  // under mu_
  rusage usage_{};
  std::thread reader_;
};

}  // namespace router::test
