#include "router/app/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace router {
namespace {

namespace fs = std::filesystem;

std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<double> ReadNumber(const fs::path& path) {
  std::istringstream stream(FirstLine(path));
  double value = 0;
  if (!(stream >> value)) return std::nullopt;  // not there, or "max"
  return value;
}

void Lower(std::optional<double>& limit, std::optional<double> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

// The group and all around it, up to the hierarchy's root.
std::vector<fs::path> FoldersOf(std::string_view group, const fs::path& hierarchy) {
  std::vector<fs::path> folders{hierarchy};
  for (const fs::path& part : fs::path(group).relative_path()) {
    if (part == "..") return {hierarchy};  // the process is outside of what is mounted
    folders.push_back(folders.back() / part);
  }
  return folders;
}

void ReadVersion2(std::string_view group, const fs::path& root, CgroupLimits& limits) {
  for (const fs::path& folder : FoldersOf(group, root)) {
    Lower(limits.cpus, ParseCpuMax(FirstLine(folder / "cpu.max")));
    Lower(limits.memory_bytes, ReadNumber(folder / "memory.max"));
  }
}

void ReadVersion1(std::string_view controller, std::string_view group, const fs::path& root,
                  CgroupLimits& limits) {
  for (const fs::path& folder : FoldersOf(group, root / controller)) {
    if (controller == "memory") {
      Lower(limits.memory_bytes, ReadNumber(folder / "memory.limit_in_bytes"));
    } else if (controller == "cpu") {
      const auto quota = ReadNumber(folder / "cpu.cfs_quota_us");
      const auto period = ReadNumber(folder / "cpu.cfs_period_us");
      if (quota && period && *quota > 0 && *period > 0) Lower(limits.cpus, *quota / *period);
    }
  }
}

}  // namespace

std::optional<double> ParseCpuMax(const std::string& text) {
  std::istringstream stream(text);
  double quota = 0;
  double period = 0;
  if (!(stream >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

CgroupLimits ReadCgroupLimits(const fs::path& own_groups, const fs::path& root) {
  CgroupLimits limits;
  std::ifstream file(own_groups);
  std::string id;
  std::string controllers;
  std::string group;
  while (std::getline(file, id, ':') && std::getline(file, controllers, ':') &&
         std::getline(file, group)) {
    if (controllers.empty()) ReadVersion2(group, root, limits);
    std::istringstream names(controllers);
    for (std::string name; std::getline(names, name, ',');) {
      ReadVersion1(name, group, root, limits);
    }
  }
  return limits;
}

}  // namespace router
