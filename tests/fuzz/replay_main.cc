// replay_main: runs a fuzz target without libFuzzer, the same way every time.
//
//   NAME_fuzz FILE_OR_FOLDER… [--mutations N] [--seed S] [--seconds LIMIT]
//
// Runs the empty input, every seed in order of name, then N mutations of the seeds drawn from a
// seeded generator (default 4000). Stops early after LIMIT seconds (default 20), for slow builds,
// and says how far it came. A crash saves the input beside the working directory's other files and
// names it, so that it can be replayed:
//   NAME_fuzz crash-NAME_fuzz --mutations 0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kInputBytesMax = 1 << 20;

// For the signal handler only, which may not allocate.
const Bytes* current_input = nullptr;
std::array<char, 256> crash_path{};

void SaveInputAndDie(int signal_number) {
  const int file = ::open(crash_path.data(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file >= 0 && current_input != nullptr) {
    const ssize_t written = ::write(file, current_input->data(), current_input->size());
    constexpr std::string_view kSaved = "\nreplay: crashing input saved as ";
    if (written == static_cast<ssize_t>(current_input->size()) &&
        ::write(STDERR_FILENO, kSaved.data(), kSaved.size()) > 0 &&
        ::write(STDERR_FILENO, crash_path.data(), std::strlen(crash_path.data())) > 0 &&
        ::write(STDERR_FILENO, "\n", 1) > 0) {
      ::close(file);
    }
  }
  std::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

void Run(const Bytes& input) {
  current_input = &input;
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

class Mutator {
 public:
  Mutator(std::uint64_t seed, const std::vector<Bytes>& seeds) : random_(seed), seeds_(seeds) {}

  Bytes Next() {
    Bytes input = seeds_[Below(seeds_.size())];
    for (std::size_t i = 0, changes = 1 + Below(4); i < changes; ++i) Change(input);
    if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
    return input;
  }

 private:
  // 0 when `bound` is 0. The modulo's bias does not matter here, its being the same everywhere
  // does.
  std::size_t Below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  void Change(Bytes& input) {
    // Where length prefixes and varints go wrong.
    static constexpr std::array<std::uint8_t, 8> kEdges = {0x00, 0x01, 0x7f, 0x80,
                                                           0x81, 0xfe, 0xff, 0x0a};
    const auto at = static_cast<std::ptrdiff_t>(Below(input.size()));
    switch (Below(7)) {
      case 0:  // flip a bit
        if (!input.empty()) input[Below(input.size())] ^= static_cast<std::uint8_t>(1u << Below(8));
        break;
      case 1:  // overwrite with an edge value
        if (!input.empty()) input[Below(input.size())] = kEdges[Below(kEdges.size())];
        break;
      case 2:  // insert a byte
        input.insert(input.begin() + at, static_cast<std::uint8_t>(Below(256)));
        break;
      case 3:  // truncate
        input.resize(Below(input.size() + 1));
        break;
      case 4: {  // erase a range
        const auto count = static_cast<std::ptrdiff_t>(
            Below(std::min<std::size_t>(input.size() - static_cast<std::size_t>(at), 16) + 1));
        input.erase(input.begin() + at, input.begin() + at + count);
        break;
      }
      case 5: {  // repeat a range
        const std::size_t length = Below(std::min<std::size_t>(input.size(), 64) + 1);
        const std::size_t from = Below(input.size() - length + 1);
        const Bytes piece(input.begin() + static_cast<std::ptrdiff_t>(from),
                          input.begin() + static_cast<std::ptrdiff_t>(from + length));
        input.insert(input.begin() + at, piece.begin(), piece.end());
        break;
      }
      default: {  // continue with the tail of another seed
        const Bytes& other = seeds_[Below(seeds_.size())];
        input.resize(Below(input.size() + 1));
        input.insert(input.end(),
                     other.begin() + static_cast<std::ptrdiff_t>(Below(other.size() + 1)),
                     other.end());
      }
    }
  }

  std::mt19937_64 random_;
  const std::vector<Bytes>& seeds_;
};

Bytes ReadFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(stream), {});
}

struct Options {
  std::vector<std::filesystem::path> paths;
  std::uint64_t mutations = 4000;
  std::uint64_t seed = 1;
  std::uint64_t seconds = 20;
};

bool Parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (!name.starts_with("--")) {
      options.paths.emplace_back(name);
      continue;
    }
    std::uint64_t* value = name == "--mutations" ? &options.mutations
                           : name == "--seed"    ? &options.seed
                           : name == "--seconds" ? &options.seconds
                                                 : nullptr;
    const std::string_view text = ++i < argc ? argv[i] : "";
    if (value == nullptr || text.empty() ||
        std::from_chars(text.data(), text.data() + text.size(), *value).ec != std::errc()) {
      std::fprintf(stderr, "replay: bad option %s\n", std::string(name).c_str());
      return false;
    }
  }
  return !options.paths.empty();
}

std::vector<Bytes> ReadSeeds(const std::vector<std::filesystem::path>& roots) {
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path& root : roots) {
    if (!std::filesystem::is_directory(root)) {
      files.push_back(root);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Bytes> seeds;
  for (const std::filesystem::path& file : files) seeds.push_back(ReadFile(file));
  return seeds;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, options)) return 2;
  const std::vector<Bytes> seeds = ReadSeeds(options.paths);
  if (seeds.empty()) {
    std::fprintf(stderr, "replay: no seeds: a corpus that is not there proves nothing\n");
    return 1;
  }
  const std::string name = std::filesystem::path(argv[0]).filename().string();
  std::snprintf(crash_path.data(), crash_path.size(), "crash-%s", name.c_str());
  std::signal(SIGABRT, SaveInputAndDie);
#ifndef __SANITIZE_ADDRESS__
  for (const int fatal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(fatal, SaveInputAndDie);
#endif

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
  Run({});
  for (const Bytes& seed : seeds) Run(seed);
  Mutator mutator(options.seed, seeds);
  std::uint64_t done = 0;
  while (done < options.mutations && std::chrono::steady_clock::now() < deadline) {
    Run(mutator.Next());
    ++done;
  }
  std::printf("replay: %zu seeds, %llu of %llu mutations (seed %llu), no crash\n", seeds.size(),
              static_cast<unsigned long long>(done),
              static_cast<unsigned long long>(options.mutations),
              static_cast<unsigned long long>(options.seed));
  return 0;
}
