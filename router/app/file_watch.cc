#include "router/app/file_watch.h"

#include <sys/stat.h>

#include <utility>

namespace router {

FileWatch::Signature FileWatch::SignatureOf(const std::string& path) {
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return {};
  const auto ns = [](const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  };
  return {status.st_dev, status.st_ino, status.st_size, ns(status.st_mtim), ns(status.st_ctim)};
}

FileWatch::Signatures FileWatch::Look() const {
  Signatures signatures;
  for (const std::string& path : paths_) signatures.push_back(SignatureOf(path));
  return signatures;
}

void FileWatch::Watch(std::vector<std::string> paths) {
  paths_ = std::move(paths);
  read_ = seen_ = Look();
  failed_.clear();
}

bool FileWatch::HasChanged() {
  const Signatures before = std::exchange(seen_, Look());
  return seen_ == before && seen_ != read_;
}

void FileWatch::MarkRead() {
  read_ = seen_;
  failed_.clear();
}

bool FileWatch::IsNews() { return std::exchange(failed_, seen_) != seen_; }

}  // namespace router
