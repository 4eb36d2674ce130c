#include "resolver/local_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "resolver/search_list.h"

namespace resolver {
namespace {

using boost::asio::ip::make_address;
using testing::ElementsAre;
using testing::IsEmpty;

// A hosts file that lives as long as the test.
class HostsFile {
 public:
  explicit HostsFile(const std::string& text)
      : path_(testing::TempDir() + "hosts." + std::to_string(getpid())) {
    std::ofstream(path_) << text;
  }
  HostsFile(const HostsFile&) = delete;
  HostsFile& operator=(const HostsFile&) = delete;
  ~HostsFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Scenario: IP addresses in place of names.
// Guarantees: they stand for themselves, canonical.
TEST(LocalNamesTest, ReadsAddresses) {
  EXPECT_THAT(LookUpLocally("10.0.0.1", ""), ElementsAre(make_address("10.0.0.1")));
  EXPECT_THAT(LookUpLocally("::ffff:10.0.0.1", ""), ElementsAre(make_address("10.0.0.1")));
}

// Scenario: a hosts file with comments, several lines and several names per line.
// Guarantees: all addresses of a name, without regard to case; broken lines are stepped over.
TEST(LocalNamesTest, ReadsTheHostsFile) {
  const HostsFile hosts(
      "# a comment mybox\n10.0.0.1 mybox.test mybox # other\n\nnonsense mybox\n0.0.0.0 mybox\n"
      "fd00::1\tMYBOX\n10.0.0.9 else\n");
  EXPECT_THAT(LookUpLocally("MyBox", hosts.path()),
              ElementsAre(make_address("10.0.0.1"), make_address("fd00::1")));
  EXPECT_THAT(LookUpLocally("mybox.test.", hosts.path()), ElementsAre(make_address("10.0.0.1")));
  EXPECT_THAT(LookUpLocally("other", hosts.path()), IsEmpty());
}

// Scenario: localhost without a hosts file.
// Guarantees: the loopback addresses of both families.
TEST(LocalNamesTest, KnowsLocalhost) {
  EXPECT_THAT(LookUpLocally("localhost", "/does/not/exist"),
              ElementsAre(make_address("127.0.0.1"), make_address("::1")));
}

// Scenario: names with fewer dots than ndots, with enough, and with a final dot.
// Guarantees: the order of resolv.conf(5).
TEST(SearchListTest, OrdersCandidatesAsTheSystemDoes) {
  const std::vector<std::string> domains = {"ns.svc.test", "svc.test", "."};
  EXPECT_THAT(SearchNames("a", domains, 5), ElementsAre("a.ns.svc.test", "a.svc.test", "a"));
  EXPECT_THAT(SearchNames("a.b", domains, 1),
              ElementsAre("a.b", "a.b.ns.svc.test", "a.b.svc.test"));
  EXPECT_THAT(SearchNames("a.b", domains, 2),
              ElementsAre("a.b.ns.svc.test", "a.b.svc.test", "a.b"));
  EXPECT_THAT(SearchNames("a.b.", domains, 5), ElementsAre("a.b"));
  EXPECT_THAT(SearchNames("a", {}, 5), ElementsAre("a"));
}

}  // namespace
}  // namespace resolver
