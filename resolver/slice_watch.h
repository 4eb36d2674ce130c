// SliceWatch: lists the EndpointSlices of one Service and watches them from there on, for ever.
//
//   * a list is complete and of one moment, in pages; a watch goes on from it, event by event, and
//   is
//     renewed from the last event after `watch_max` or when the server ends it;
//   * "410 Gone", as an answer or as an event: the server no longer knows that moment, list anew;
//   * everything else that goes wrong is told, and tried again after a pause (RetrySchedule, or
//   what
//     the server asks for): a list where a list had failed or two watches in a row, else a watch.
//
// Thread safety: control thread only. Calls the observer from handlers only.
// Ownership: borrows io_context, options and observer, which outlive it. The destructor ends it,
// also from within a call of the observer.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/api_request.h"
#include "resolver/endpoint_slice.h"
#include "resolver/kubernetes_options.h"
#include "resolver/line_splitter.h"
#include "resolver/retry_schedule.h"

namespace resolver {

class SliceWatch : private ApiRequest::Reader {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    // All there are now.
    virtual void OnSlices(std::vector<EndpointSlice> slices) = 0;
    // One has changed; never an error event.
    virtual void OnEvent(SliceEvent event) = 0;
    // What was told last was still all when the watch was renewed.
    virtual void OnUnchanged() = 0;
    virtual void OnFailure(const ApiFailure& failure) = 0;
  };

  SliceWatch(boost::asio::io_context& control, const KubernetesOptions& options,
             Observer& observer);
  SliceWatch(const SliceWatch&) = delete;
  SliceWatch& operator=(const SliceWatch&) = delete;
  ~SliceWatch() override;

 private:
  enum class Step : std::uint8_t { kList, kWatch };

  void OnHead(unsigned status, std::chrono::seconds retry_after) override;
  void OnBody(std::string_view bytes) override;
  void OnEnd() override;
  void OnFailure(const ApiFailure& failure) override;

  void Ask();
  std::string Target() const;
  // Collects a body that is wanted as a whole. False: it is too large, and has failed.
  bool Collect(std::string_view bytes, std::size_t bytes_max);
  bool OnLine(std::string_view line);
  void OnPage();
  void OnRefusal();
  // From the beginning: the server has forgotten where we were.
  void ListAnew();
  void Fail(Outcome outcome, const std::string& detail);
  void AskAfter(std::chrono::milliseconds pause);
  std::string RefusalText(const ApiStatus& status) const;

  boost::asio::io_context& control_;
  const KubernetesOptions& options_;
  Observer& observer_;
  RetrySchedule retry_;
  boost::asio::steady_timer timer_;     // until the next request
  boost::asio::steady_timer deadline_;  // of a list
  std::unique_ptr<ApiRequest> request_;
  std::shared_ptr<SliceWatch*> self_;  // handlers hold it weakly

  Step step_ = Step::kList;
  std::string resource_version_;  // kWatch: where to go on
  std::string continue_token_;    // kList: of the next page
  std::vector<EndpointSlice> listed_;
  int failed_watches_ = 0;  // in a row
  bool was_gone_ = false;   // the last thing heard was that the version is gone
  bool is_just_listed_ = false;

  // Of the request under way.
  unsigned status_ = 0;
  std::chrono::seconds retry_after_{0};
  std::string body_;
  LineSplitter lines_;
  std::chrono::steady_clock::time_point asked_{};
};

}  // namespace resolver
