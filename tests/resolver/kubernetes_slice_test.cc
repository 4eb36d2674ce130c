// EndpointSlices as JSON, and how several become one set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resolver/endpoint_slice.h"
#include "resolver/line_splitter.h"
#include "resolver/retry_schedule.h"
#include "resolver/slice_store.h"
#include "tests/resolver/resolver_fixture.h"

namespace resolver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string PageWith(const std::string& endpoints) {
  return R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"7"},"items":[{"metadata":)"
         R"({"name":"a","resourceVersion":"5"},"addressType":"IPv4","endpoints":[)" +
         endpoints + "]}]}";
}

EndpointSlice SliceOf(const std::string& endpoints) {
  const auto page = ParseSlicePage(PageWith(endpoints));
  EXPECT_TRUE(page.has_value()) << page.error();
  return page ? page->slices.at(0) : EndpointSlice();
}

KubernetesOptions OptionsWith(std::vector<std::uint16_t> ports, bool return_hostnames = false) {
  KubernetesOptions options;
  options.service = "sampler";
  options.service_namespace = "obs";
  options.ports = std::move(ports);
  options.return_hostnames = return_hostnames;
  return options;
}

SliceEndpoint At(const std::string& address, const std::string& target = "",
                 const std::string& hostname = "") {
  return {boost::asio::ip::make_address(address), hostname, target, true};
}

std::vector<std::string> CollectorNames(const EndpointSet& set) {
  std::vector<std::string> names;
  for (const Endpoint& endpoint : set) names.push_back(endpoint.collector_name);
  return names;
}

// Scenario: an answer without a byte, as a page and as an event. The fuzzer found it under UBSan.
// Guarantees: refused like anything else that is no JSON.
TEST(EndpointSliceTest, NothingIsNoAnswer) {
  EXPECT_FALSE(ParseSlicePage({}).has_value());
  EXPECT_FALSE(ParseSliceEvent({}).has_value());
}

// Scenario: conditions that are absent, null, true and false in all their combinations.
// Guarantees: nobody saying anything means ready; terminating is not ready whatever else is said.
TEST(EndpointSliceTest, ConditionsAreReadAsKubernetesMeansThem) {
  const std::pair<const char*, bool> cases[] = {
      {R"({})", true},
      {R"({"conditions":null})", true},
      {R"({"conditions":{}})", true},
      {R"({"conditions":{"ready":null}})", true},
      {R"({"conditions":{"ready":true}})", true},
      {R"({"conditions":{"ready":false}})", false},
      {R"({"conditions":{"ready":false,"serving":true}})", false},
      {R"({"conditions":{"ready":true,"serving":true,"terminating":true}})", false},
      {R"({"conditions":{"terminating":false}})", true}};
  for (const auto& [text, is_ready] : cases) {
    const std::string endpoint = std::string(R"({"addresses":["10.0.0.1"],)") + (text + 1);
    const EndpointSlice slice =
        SliceOf(std::string(text) == "{}" ? R"({"addresses":["10.0.0.1"]})" : endpoint);
    ASSERT_THAT(slice.endpoints, SizeIs(1)) << text;
    EXPECT_EQ(slice.endpoints[0].is_ready, is_ready) << text;
  }
}

// Scenario: endpoints without an address, with several, with one that nobody can be connected to,
// and a name where an address should be.
// Guarantees: the first address counts; those without a usable one are left out and counted.
TEST(EndpointSliceTest, UnusableAddressesAreCounted) {
  const EndpointSlice slice = SliceOf(
      R"({"addresses":["10.0.0.1","10.0.0.2"]},{"addresses":[]},{},{"addresses":["0.0.0.0"]},)"
      R"({"addresses":["host.example"]},{"addresses":["::ffff:10.0.0.9"]})");
  ASSERT_THAT(slice.endpoints, SizeIs(2));
  EXPECT_EQ(slice.endpoints[0].address.to_string(), "10.0.0.1");
  EXPECT_EQ(slice.endpoints[1].address.to_string(), "10.0.0.9");
  EXPECT_EQ(slice.unusable, 4u);
}

// Scenario: fields of the wrong type, at every level that is read.
// Guarantees: the whole list is refused: a part must not pass for the set.
TEST(EndpointSliceTest, OneWrongFieldSpoilsTheList) {
  for (const char* endpoint :
       {"1", R"({"addresses":"10.0.0.1"})", R"({"addresses":[1]})", R"({"conditions":[]})",
        R"({"conditions":{"ready":"yes"}})", R"({"conditions":{"terminating":1}})",
        R"({"hostname":1})", R"({"hostname":"a/b"})", R"({"targetRef":"x"})",
        R"({"targetRef":{"uid":4}})"}) {
    EXPECT_FALSE(ParseSlicePage(PageWith(endpoint))) << endpoint;
  }
}

// Scenario: events of each type.
// Guarantees: each with its version; an error with code and a printable message.
TEST(EndpointSliceTest, EventsAreRead) {
  const auto put = ParseSliceEvent(
      R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"8"},"endpoints":[)"
      R"({"addresses":["10.0.0.1"],"hostname":"pod-0","targetRef":{"uid":"u-1"}}]}})");
  ASSERT_TRUE(put) << put.error();
  EXPECT_EQ(put->type, SliceEvent::Type::kPut);
  EXPECT_EQ(put->resource_version, "8");
  EXPECT_THAT(put->slice.endpoints, ElementsAre(At("10.0.0.1", "u-1", "pod-0")));
  const auto removed = ParseSliceEvent(
      R"({"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"9"}}})");
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->type, SliceEvent::Type::kDelete);
  EXPECT_EQ(removed->slice.name, "a");
  const auto bookmark =
      ParseSliceEvent(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"10"}}})");
  ASSERT_TRUE(bookmark);
  EXPECT_EQ(bookmark->resource_version, "10");
  const auto error = ParseSliceEvent(
      R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"too\nold"}})");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->status.code, 410);
  EXPECT_EQ(error->status.message, "too old");
}

// Scenario: no ports, one, several.
// Guarantees: 4317 is dialled and the Collector's name has no port; else a member for each port.
TEST(SliceStoreTest, PortsMakeMembers) {
  SliceStore store;
  store.Put({"a", {At("10.0.0.1"), At("fd00::1")}, 0});
  const EndpointSet none = store.MembersFor(OptionsWith({})).endpoints;
  EXPECT_THAT(Names(none), ElementsAre("10.0.0.1:4317", "[fd00::1]:4317"));
  EXPECT_THAT(CollectorNames(none), ElementsAre("10.0.0.1", "fd00::1"));
  const EndpointSet two = store.MembersFor(OptionsWith({15317, 16317})).endpoints;
  EXPECT_THAT(Names(two), ElementsAre("10.0.0.1:15317", "10.0.0.1:16317", "[fd00::1]:15317",
                                      "[fd00::1]:16317"));
  EXPECT_EQ(CollectorNames(two), Names(two));
}

// Scenario: a Service of both families: pods with both addresses, and one with an IPv6 address
// only. Guarantees: a pod is one member, by its IPv4 address; what has no other keeps its IPv6
// address.
TEST(SliceStoreTest, DualStackPodIsOneMember) {
  SliceStore store;
  store.Put({"v4", {At("10.0.0.1", "u1"), At("10.0.0.2", "u2")}, 0});
  store.Put({"v6", {At("fd00::1", "u1"), At("fd00::2", "u2"), At("fd00::3", "u3")}, 0});
  EXPECT_THAT(Names(store.MembersFor(OptionsWith({4317})).endpoints),
              ElementsAre("10.0.0.1:4317", "10.0.0.2:4317", "[fd00::3]:4317"));
}

// Scenario: the same address in two slices, in one of them not ready any more.
// Guarantees: one member, which is ready.
TEST(SliceStoreTest, EndpointInTwoSlicesCountsOnce) {
  SliceStore store;
  SliceEndpoint old = At("10.0.0.1");
  old.is_ready = false;
  store.Put({"a", {old}, 0});
  store.Put({"b", {At("10.0.0.1")}, 0});
  store.Put({"c", {At("10.0.0.1")}, 0});
  EXPECT_THAT(Names(store.MembersFor(OptionsWith({1})).endpoints), ElementsAre("10.0.0.1:1"));
}

// Scenario: hostnames are wanted; one pod has none yet.
// Guarantees: names as the Collector makes them, at the address that the slice says; the other is
// left out and counted.
TEST(SliceStoreTest, HostnamesNameMembers) {
  SliceStore store;
  store.Put({"a", {At("10.0.0.7", "u", "pod-0"), At("10.0.0.8", "w")}, 0});
  const SliceStore::Members members = store.MembersFor(OptionsWith({}, true));
  ASSERT_THAT(members.endpoints, SizeIs(1));
  EXPECT_EQ(members.endpoints[0].name, "pod-0.sampler.obs:4317");
  EXPECT_EQ(members.endpoints[0].collector_name, "pod-0.sampler.obs");
  EXPECT_EQ(CanonicalName(members.endpoints[0].address), "10.0.0.7:4317");
  EXPECT_EQ(members.unusable, 1u);
  EXPECT_THAT(CollectorNames(store.MembersFor(OptionsWith({9}, true)).endpoints),
              ElementsAre("pod-0.sampler.obs:9"));
}

// Scenario: more slices than there is room for, one by one and at once.
// Guarantees: at the limit all are taken; beyond it nothing is, and what was there stays.
TEST(SliceStoreTest, SlicesAreBounded) {
  SliceStore store;
  for (std::size_t i = 0; i < SliceStore::kSlicesMax; ++i) {
    ASSERT_TRUE(store.Put({"s" + std::to_string(i), {}, 0}));
  }
  EXPECT_FALSE(store.Put({"one-more", {}, 0}));
  EXPECT_TRUE(store.Put({"s7", {At("10.0.0.1")}, 0}));
  EXPECT_FALSE(store.Replace(std::vector<EndpointSlice>(SliceStore::kSlicesMax + 1)));
  EXPECT_EQ(store.size(), SliceStore::kSlicesMax);
}

// Scenario: more ready pods than members may be.
// Guarantees: cut in the order of names, and counted.
TEST(SliceStoreTest, MembersAreBounded) {
  SliceStore store;
  EndpointSlice slice{"a", {}, 0};
  for (std::uint32_t i = 0; i <= kEndpointsMax; ++i) {
    slice.endpoints.push_back(At(boost::asio::ip::address_v4(0x0A000000U + i).to_string()));
  }
  store.Put(slice);
  const SliceStore::Members members = store.MembersFor(OptionsWith({4317}));
  EXPECT_EQ(members.endpoints.size(), kEndpointsMax);
  EXPECT_EQ(members.cut, 1u);
}

// Scenario: lines in one piece, split anywhere, empty, and longer than the limit.
// Guarantees: whole lines in order; one byte over the limit is the end.
TEST(LineSplitterTest, LinesAreWhole) {
  const std::string text = "one\n\ntwo\nthree!!\n";
  for (std::size_t split = 0; split <= text.size(); ++split) {
    LineSplitter lines(7);
    std::vector<std::string> found;
    const auto keep = [&](std::string_view line) {
      found.emplace_back(line);
      return true;
    };
    EXPECT_TRUE(lines.Take(std::string_view(text).substr(0, split), keep));
    EXPECT_TRUE(lines.Take(std::string_view(text).substr(split), keep));
    EXPECT_THAT(found, ElementsAre("one", "two", "three!!")) << split;
  }
  LineSplitter lines(7);
  EXPECT_TRUE(lines.Take("1234567", [](std::string_view) { return true; }));
  EXPECT_FALSE(lines.Take("8", [](std::string_view) { return true; }));
  EXPECT_TRUE(lines.is_too_long());
}

// Scenario: a row of failures, then a success.
// Guarantees: pauses double up to the longest, each by half more or less, and begin anew.
TEST(RetryScheduleTest, PausesDouble) {
  using std::chrono::milliseconds;
  RetrySchedule retry(milliseconds(100), milliseconds(500), 1);
  for (const int base : {100, 200, 400, 500, 500}) {
    const auto pause = retry.Next();
    EXPECT_GE(pause.count(), base / 2);
    EXPECT_LE(pause.count(), base * 3 / 2);
  }
  retry.Reset();
  EXPECT_LE(retry.Next().count(), 150);
}

}  // namespace
}  // namespace resolver
