// ApiServer: the part of a Kubernetes API server that serves EndpointSlices, over TLS on loopback:
// list in pages, watch with bookmarks and resource versions; and everything that can go wrong with
// it, at the word of a test.
//
// Thread safety: every method from any thread. Runs on threads of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/test_ca.h"

namespace apitest {

struct Pod {
  std::string address;
  std::optional<bool> ready = true;  // none: the field is absent
  bool terminating = false;
  std::string hostname = {};
  std::string uid = {};
};

// All slices are of the Service "sampler" in the namespace "observability" unless they say
// otherwise.
struct Slice {
  std::string name;
  std::vector<Pod> pods;
  std::string address_type = "IPv4";
  std::string service = "sampler";
};

// A pod for each address, ready.
std::vector<Pod> ReadyPods(const std::vector<std::string>& addresses);

class ApiServer {
 public:
  // `certificate`: for whom it is; the default is for 127.0.0.1.
  explicit ApiServer(const router::test::CertificateOptions& certificate = {
                         .addresses = {"127.0.0.1"}});
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;
  ~ApiServer();

  std::uint16_t port() const;
  const std::string& ca_pem() const;

  // Objects. Every change has a resource version of its own and is told to the watches at once.
  void Put(const Slice& slice);
  void Delete(const std::string& name);
  // An event with these words in place of an object's JSON.
  void SendLine(const std::string& line);
  void SendBookmarks();
  // Nothing older than now can be watched any more.
  void Compact();

  // The token that is let in from now on; "token" at first.
  void SetToken(const std::string& token);
  // Answers all requests with this status and message until Heal(); 0: never answers.
  void Refuse(unsigned status, const std::string& message, unsigned retry_after = 0);
  // Answers all lists with this text until Heal().
  void AnswerListsWith(const std::string& body);
  // "410 Gone" as an event of a watch that was accepted, rather than as a status.
  void TellGoneAsEvent(bool is_event);
  void Heal();
  // New connections are accepted no more, and open ones are cut; then as before, on the same port.
  void Down();
  void Up();
  // Ends all watches: in good order, or in the middle.
  void EndWatches();
  void CutWatches();
  // Items of a page, whatever the client wants; 0: as the client wants.
  void SetPageSize(std::size_t items);

  std::vector<std::string> targets() const;  // of all requests so far
  std::size_t lists() const;                 // first pages that were asked for
  std::size_t watches() const;               // watches that were begun, so far
  std::size_t open_watches() const;
  std::size_t handshakes_failed() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace apitest
