#include "tests/support/process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/http_get.h"
#include "tests/support/scratch.h"

namespace router::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Scenario: a child prints two lines, one on each stream, and exits with 3.
// Guarantees: both lines are found, in memory and in the log file; the exit code is the child's.
TEST(ProcessTest, OutputAndExitCodeOfChildAreKept) {
  const ScratchDirectory directory;
  const std::string log = directory.path() / "log";
  auto child = Process::Start({.command = {"sh", "-c", "echo first; echo $WORD >&2; exit 3"},
                               .environment = {"WORD=second"},
                               .log_path = log});
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ((*child)->WaitForLine("sec", seconds(10)), "second");
  EXPECT_EQ((*child)->WaitForExit(seconds(10)), 3);
  EXPECT_EQ((*child)->LastLines(2), (std::vector<std::string>{"first", "second"}));
  EXPECT_EQ(std::filesystem::file_size(log), (*child)->Output().size());
}

// Scenario: a program that does not exist.
// Guarantees: Start says so, with the name.
TEST(ProcessTest, MissingProgramIsAnError) {
  const auto child = Process::Start({.command = {"/nowhere/no-such-program"}});
  ASSERT_FALSE(child);
  EXPECT_NE(child.error().message.find("no-such-program"), std::string::npos);
}

// Scenario: a child that never prints and never ends is terminated.
// Guarantees: waits give up at their deadline; the end shows the signal.
TEST(ProcessTest, TerminatedChildReportsItsSignal) {
  auto child = Process::Start({.command = {"sleep", "600"}}).value();
  EXPECT_EQ(child->WaitForLine("anything", milliseconds(20)), std::nullopt);
  EXPECT_EQ(child->WaitForExit(milliseconds(20)), std::nullopt);
  child->Terminate();
  EXPECT_EQ(child->WaitForExit(seconds(10)), -SIGTERM);
}

// Scenario: a scratch directory goes out of scope.
// Guarantees: it is gone with its files.
TEST(ScratchTest, DirectoryDisappearsWithItsScope) {
  std::filesystem::path path;
  {
    const ScratchDirectory directory;
    path = directory.path();
    ASSERT_TRUE(directory.Write("file", "content"));
    EXPECT_TRUE(std::filesystem::exists(path / "file"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

// Scenario: eight ports at once.
// Guarantees: none is zero, none is the same.
TEST(ScratchTest, PortsPickedTogetherDiffer) {
  const auto ports = PickFreePorts(8);
  ASSERT_TRUE(ports);
  const std::set<std::uint16_t> distinct(ports->begin(), ports->end());
  EXPECT_EQ(distinct.size(), 8u);
  EXPECT_FALSE(distinct.contains(0));
}

// Scenario: nobody listens.
// Guarantees: HttpGet fails at once instead of throwing or hanging.
TEST(HttpGetTest, RefusedConnectionIsAnError) {
  EXPECT_FALSE(HttpGet("127.0.0.1", PickFreePort().value(), "/", seconds(5)));
}

// Scenario: a scrape with comments, labels, a longer name with the same beginning.
// Guarantees: the sum takes the metric's own samples, filtered by label.
TEST(ParsePrometheusTest, SumTakesOnlyTheNamedMetric) {
  const Samples samples = ParsePrometheus(
      "# HELP x help\n"
      "x{reason=\"a\",code=\"1\"} 2\n"
      "x{reason=\"b\"} 3.5\n"
      "x_more 100\n"
      "y 7\n");
  EXPECT_EQ(SumOf(samples, "x"), 5.5);
  EXPECT_EQ(SumOf(samples, "x", {"reason=\"a\""}), 2);
  EXPECT_EQ(SumOf(samples, "y"), 7);
  EXPECT_EQ(SumOf(samples, "absent"), 0);
}

}  // namespace
}  // namespace router::test
