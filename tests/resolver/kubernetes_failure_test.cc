// What can go wrong between the resolver and the API server: the last good set stays, the reason is
// told, and it goes on by itself.
#include "tests/resolver/kubernetes_fixture.h"

namespace resolver {
namespace {

using apitest::ReadyPods;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class KubernetesFailureTest : public KubernetesFixture {
 protected:
  // One pod, found and being watched.
  void StartWithOne() {
    api_.Put({"sampler-a", ReadyPods({"10.0.0.1"})});
    Start();
    RunUntilMembers({"10.0.0.1:4317"});
    RunUntilWatching();
  }
  // The first set is still the only one; then it goes on.
  void ExpectRecovery() {
    EXPECT_THAT(recorder_.sets, SizeIs(1));
    api_.Heal();
    api_.Put({"sampler-a", ReadyPods({"10.0.0.1", "10.0.0.2"})});
    RunUntilMembers({"10.0.0.1:4317", "10.0.0.2:4317"});
  }
};

// Scenario: the service account has no Role for EndpointSlices.
// Guarantees: told as refused, with the Role that is missing and the words of the API server.
TEST_F(KubernetesFailureTest, MissingRoleIsNamed) {
  StartWithOne();
  api_.Refuse(403, "User system:serviceaccount:edge:router cannot list resource endpointslices");
  api_.CutWatches();
  RunUntilOutcome(Outcome::kRefused);
  EXPECT_THAT(LastDetail(),
              AllOf(HasSubstr("namespace observability needs a Role with apiGroups "
                              "[discovery.k8s.io], resources [endpointslices], verbs [get, list, "
                              "watch]"),
                    HasSubstr("(\"User system:serviceaccount:edge:router cannot list")));
  ExpectRecovery();
}

// Scenario: the token is replaced in its file and the old one refused; in between neither is good.
// Guarantees: the file is read for each request; the text names the file, and never the token.
TEST_F(KubernetesFailureTest, RotatedTokenIsReadAgain) {
  StartWithOne();
  api_.SetToken("second");
  api_.CutWatches();
  RunUntilOutcome(Outcome::kRefused);
  EXPECT_THAT(LastDetail(), AllOf(HasSubstr("/token: it has expired"), Not(HasSubstr("second"))));
  SetToken("second");
  RunUntilOutcome(Outcome::kSuccess);
  ExpectRecovery();
}

// Scenario: the API server is gone for a while, and meanwhile a pod leaves and another comes.
// Guarantees: the set stays, and is right again soon after it is back.
TEST_F(KubernetesFailureTest, RestartOfTheApiServerIsSurvived) {
  StartWithOne();
  api_.Down();
  RunUntil("a refused connection", [&] {
    return LastDetail().starts_with("cannot connect to the API server at 127.0.0.1:");
  });
  EXPECT_EQ(recorder_.reports.back().outcome, Outcome::kConnectionRefused);
  EXPECT_THAT(recorder_.sets, SizeIs(1));
  api_.Put({"sampler-a", ReadyPods({"10.0.0.2"})});
  api_.Up();
  RunUntilMembers({"10.0.0.2:4317"});
}

// Scenario: watches that break off in the middle, and one that ends in good order.
// Guarantees: a new one goes on where it was; after two failures in a row all is listed anew.
TEST_F(KubernetesFailureTest, BrokenWatchIsResumed) {
  StartWithOne();
  const auto another_watch = [&](std::size_t count) {
    RunUntil("another watch", [&] { return api_.watches() == count && api_.open_watches() == 1; });
  };
  api_.CutWatches();
  another_watch(2);
  EXPECT_EQ(api_.lists(), 1u);
  api_.CutWatches();
  RunUntil("a list", [&] { return api_.lists() == 2; });
  another_watch(3);
  api_.EndWatches();
  another_watch(4);
  EXPECT_EQ(api_.lists(), 2u);
  ExpectRecovery();
}

// Scenario: an event that is no JSON, one that is another thing, one of an unknown type; each time
// with a pod that leaves right after it.
// Guarantees: told as malformed; what was missed is made good by a list.
TEST_F(KubernetesFailureTest, GarbageInAWatchIsMadeGoodByAList) {
  StartWithOne();
  for (const char* line :
       {"{]", R"({"type":"MODIFIED","object":{"metadata":{"name":"sampler-a"}}})",
        R"({"type":"NEWS","object":{}})", R"([1,2,3])"}) {
    const std::size_t lists = api_.lists();
    const std::size_t watches = api_.watches();
    api_.SendLine(line);
    RunUntilOutcome(Outcome::kMalformed);
    RunUntil("a list and a watch",
             [&] { return api_.lists() > lists && api_.watches() > watches; });
  }
  ExpectRecovery();
}

// Scenario: lists that are empty text, half a list, another kind of object, a slice without a name.
// Guarantees: none of them is taken for a set.
TEST_F(KubernetesFailureTest, GarbageInAListIsNoSet) {
  StartWithOne();
  for (const char* body :
       {"", R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"5"},"items":[)",
        R"({"kind":"PodList","metadata":{"resourceVersion":"5"},"items":[]})",
        R"({"kind":"EndpointSliceList","metadata":{"resourceVersion":"5"},"items":[{}]})",
        R"({"kind":"EndpointSliceList","metadata":{},"items":[]})"}) {
    api_.AnswerListsWith(body);
    api_.Compact();
    RunUntilOutcome(Outcome::kMalformed);
  }
  ExpectRecovery();
}

// Scenario: 429 with a wish, 500, and 404.
// Guarantees: each is told with its number; the wish of the server is longer than our own pause and
// is kept.
TEST_F(KubernetesFailureTest, RefusalsOfTheServerAreTold) {
  StartWithOne();
  for (const unsigned status : {500U, 404U}) {
    api_.Refuse(status, "not now");
    api_.CutWatches();
    RunUntilOutcome(status == 500 ? Outcome::kServFail : Outcome::kOther);
    api_.Heal();
    RunUntil("a watch", [&] { return api_.open_watches() == 1; });
  }
  api_.Refuse(429, "slow down", 1);
  api_.CutWatches();
  RunUntilOutcome(Outcome::kServFail);
  EXPECT_EQ(LastDetail(), "the API server answered 429 (\"slow down\")");
  const auto begin = std::chrono::steady_clock::now();
  const std::size_t asked = api_.targets().size();
  RunUntil("the next request", [&] { return api_.targets().size() > asked; });
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(900));
  ExpectRecovery();
}

// Scenario: an API server that accepts and never answers.
// Guarantees: a timeout, and another try.
TEST_F(KubernetesFailureTest, SilentServerIsATimeout) {
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1"})});
  api_.Refuse(0, "");
  KubernetesOptions options = Options();
  options.answer_timeout = std::chrono::milliseconds(50);
  Start(options);
  RunUntilOutcome(Outcome::kTimeout);
  api_.Heal();
  RunUntilMembers({"10.0.0.1:4317"});
}

// Scenario: a watch on which nothing comes, not even its end, past the time it may last.
// Guarantees: it is given up and renewed.
TEST_F(KubernetesFailureTest, SilentWatchIsRenewed) {
  api_.Put({"sampler-a", ReadyPods({"10.0.0.1"})});
  KubernetesOptions options = Options();
  options.watch_max = std::chrono::seconds(1);
  options.watch_grace = std::chrono::milliseconds(-500);  // we give up before the server ends it
  Start(options);
  RunUntil("a third watch", [&] { return api_.watches() >= 3; });
  EXPECT_EQ(api_.lists(), 1u);
}

// Scenario: the certificate is signed by somebody else, is for another address, or the file with
// the authorities is no PEM, or is not there; and an answer that is for a token never leaves us
// then. Guarantees: no request is made, and the text says which it was.
TEST_F(KubernetesFailureTest, UntrustedServerIsNotSpokenTo) {
  const auto detail_with = [&](const KubernetesOptions& options) {
    recorder_.reports.clear();
    Start(options);
    RunUntilOutcome(Outcome::kOther);
    resolver_.reset();
    return LastDetail();
  };
  KubernetesOptions options = Options();
  options.server.ca_file = scratch_.Write("other.crt", router::test::TestCa("other").pem()).value();
  EXPECT_THAT(detail_with(options),
              AllOf(HasSubstr("its certificate is not accepted: "), HasSubstr("other.crt")));
  options.server.ca_file = scratch_.Write("no.crt", "not PEM").value();
  EXPECT_THAT(detail_with(options), HasSubstr("no.crt: holds no certificate in PEM"));
  options.server.ca_file = scratch_.path() / "missing.crt";
  EXPECT_THAT(detail_with(options), HasSubstr("missing.crt: No such file"));
  options = Options();
  options.server.token_file = scratch_.Write("empty", "\n").value();
  EXPECT_THAT(detail_with(options), HasSubstr("empty: holds no token"));
  options.server.token_file = scratch_.path();
  EXPECT_THAT(detail_with(options), HasSubstr("is not a regular file"));
  options = Options();
  options.server.host.clear();
  EXPECT_THAT(detail_with(options), HasSubstr("KUBERNETES_SERVICE_HOST is not set"));
  apitest::ApiServer elsewhere({.addresses = {"10.1.2.3"}});
  options = Options();
  options.server.port = elsewhere.port();
  options.server.ca_file = scratch_.Write("elsewhere.crt", elsewhere.ca_pem()).value();
  EXPECT_THAT(detail_with(options), HasSubstr("IP address mismatch"));
  EXPECT_THAT(elsewhere.targets(), SizeIs(0));
  EXPECT_THAT(api_.targets(), SizeIs(0));
}

}  // namespace
}  // namespace resolver
