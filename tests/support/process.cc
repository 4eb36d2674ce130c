#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace router::test {
namespace {

std::vector<char*> PointersTo(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

// Runs in the child between fork and exec: async-signal-safe calls only. A failed exec reports
// errno through `error_fd`, which a successful exec closes.
[[noreturn]] void ExecuteChild(char* const* arguments, char* const* environment, int output_fd,
                               int error_fd) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);  // Ctrl-C at a terminal is for the parent, which ends its children in order
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const int null_fd = ::open("/dev/null", O_RDONLY);
  ::dup2(null_fd, STDIN_FILENO);
  ::dup2(output_fd, STDOUT_FILENO);
  ::dup2(output_fd, STDERR_FILENO);
  ::execvpe(arguments[0], arguments, environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(error_fd, &error, sizeof(error));
  ::_exit(127);
}

void CloseAll(std::initializer_list<int> fds) {
  for (const int fd : fds) {
    if (fd >= 0) ::close(fd);
  }
}

}  // namespace

Result<std::unique_ptr<Process>> Process::Start(Options options) {
  if (options.command.empty()) return Failure("no program to start");
  std::vector<std::string> environment = std::move(options.environment);
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const std::vector<char*> argument_pointers = PointersTo(options.command);
  const std::vector<char*> environment_pointers = PointersTo(environment);

  int log_fd = -1;
  if (!options.log_path.empty()) {
    log_fd = ::open(options.log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd < 0)
      return Failure("cannot write " + options.log_path + ": " + std::strerror(errno));
  }
  int output[2] = {-1, -1};
  int error[2] = {-1, -1};
  if (::pipe2(output, O_CLOEXEC) != 0 || ::pipe2(error, O_CLOEXEC) != 0) {
    CloseAll({log_fd, output[0], output[1]});
    return Failure(std::string("pipe: ") + std::strerror(errno));
  }
  const pid_t pid = ::fork();
  if (pid == 0)
    ExecuteChild(argument_pointers.data(), environment_pointers.data(), output[1], error[1]);
  CloseAll({output[1], error[1]});
  int exec_error = pid < 0 ? errno : 0;
  if (pid > 0 && ::read(error[0], &exec_error, sizeof(exec_error)) > 0) ::waitpid(pid, nullptr, 0);
  ::close(error[0]);
  if (exec_error != 0) {
    CloseAll({log_fd, output[0]});
    return Failure("cannot start " + options.command[0] + ": " + std::strerror(exec_error));
  }
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  return std::unique_ptr<Process>(new Process(pid, pidfd, output[0], log_fd));
}

Process::Process(pid_t pid, int pidfd, int output_fd, int log_fd)
    : pid_(pid), pidfd_(pidfd), output_fd_(output_fd), log_fd_(log_fd) {
  [[maybe_unused]] const int failed = ::pipe2(stop_fds_, O_CLOEXEC);
  reader_ = std::thread([this] { ReadOutput(); });
}

Process::~Process() {
  if (!HasExited()) {
    Kill();
    WaitForExit(std::chrono::seconds(10));
  }
  ::close(std::exchange(stop_fds_[1], -1));
  reader_.join();
  CloseAll({pidfd_, output_fd_, log_fd_, stop_fds_[0]});
}

void Process::ReadOutput() {
  char buffer[16384];
  pollfd watched[2] = {{output_fd_, POLLIN, 0}, {stop_fds_[0], POLLIN, 0}};
  for (;;) {
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) break;
    if (watched[0].revents == 0 && watched[1].revents != 0) break;
    if (watched[0].revents == 0) continue;
    const ssize_t count = ::read(output_fd_, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    if (log_fd_ >= 0) {
      [[maybe_unused]] const ssize_t written =
          ::write(log_fd_, buffer, static_cast<std::size_t>(count));
    }
    const std::lock_guard lock(mu_);
    output_.append(buffer, static_cast<std::size_t>(count));
    changed_.notify_all();
  }
  const std::lock_guard lock(mu_);
  output_ended_ = true;
  changed_.notify_all();
}

std::string Process::Output() const {
  const std::lock_guard lock(mu_);
  return output_;
}

std::vector<std::string> Process::LastLines(std::size_t count) const {
  const std::string output = Output();
  std::vector<std::string> lines;
  std::size_t end = output.size();
  while (end > 0 && lines.size() < count) {
    if (output[end - 1] == '\n') --end;
    const std::size_t newline = end == 0 ? std::string::npos : output.rfind('\n', end - 1);
    const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
    lines.push_back(output.substr(begin, end - begin));
    end = begin;
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

std::optional<std::string> Process::WaitForLine(std::string_view text,
                                                std::chrono::milliseconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  std::unique_lock lock(mu_);
  std::size_t line_begin = 0;
  for (;;) {
    std::size_t newline;
    while ((newline = output_.find('\n', line_begin)) != std::string::npos) {
      const std::string_view line(output_.data() + line_begin, newline - line_begin);
      if (line.find(text) != std::string_view::npos) return std::string(line);
      line_begin = newline + 1;
    }
    if (output_ended_) return std::nullopt;
    if (changed_.wait_until(lock, until) == std::cv_status::timeout) return std::nullopt;
  }
}

void Process::Signal(int signal_number) {
  const std::lock_guard lock(mu_);
  if (!exit_code_) ::kill(pid_, signal_number);
}

void Process::Terminate() { Signal(SIGTERM); }
void Process::Kill() { Signal(SIGKILL); }

std::optional<int> Process::WaitForExit(std::chrono::milliseconds deadline) {
  {
    const std::lock_guard lock(mu_);
    if (exit_code_) return exit_code_;
  }
  pollfd watched = {pidfd_, POLLIN, 0};
  const auto until = std::chrono::steady_clock::now() + deadline;
  int ready;
  do {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    ready = ::poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return std::nullopt;

  const std::lock_guard lock(mu_);
  int status = 0;
  if (::wait4(pid_, &status, 0, &usage_) != pid_) return std::nullopt;
  exit_code_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return exit_code_;
}

}  // namespace router::test
