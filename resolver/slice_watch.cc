#include "resolver/slice_watch.h"

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <iterator>
#include <utility>

#include "resolver/slice_store.h"

namespace resolver {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kSlicesPerPage = 100;
constexpr std::size_t kPageBytesMax = std::size_t{32} << 20;
constexpr std::size_t kEventBytesMax = std::size_t{8} << 20;
constexpr std::size_t kRefusalBytesMax = 64 * 1024;
constexpr int kFailedWatchesMax = 2;    // then the list is asked for anew
constexpr milliseconds kWatchMin{500};  // one that ends sooner is not renewed at once

constexpr unsigned kOk = 200;
constexpr unsigned kUnauthorized = 401;
constexpr unsigned kForbidden = 403;
constexpr unsigned kNotFound = 404;
constexpr unsigned kGone = 410;
constexpr unsigned kTooManyRequests = 429;
constexpr unsigned kServerError = 500;

std::string Escaped(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (is_plain) {
      escaped += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      escaped.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return escaped;
}

std::string WholeSeconds(milliseconds time) {
  return std::to_string(std::max<std::int64_t>(1, time.count() / 1000));
}

Outcome OutcomeOf(unsigned status) {
  if (status == kUnauthorized || status == kForbidden) return Outcome::kRefused;
  if (status == kTooManyRequests || status >= kServerError) return Outcome::kServFail;
  return Outcome::kOther;
}

}  // namespace

SliceWatch::SliceWatch(boost::asio::io_context& control, const KubernetesOptions& options,
                       Observer& observer)
    : control_(control),
      options_(options),
      observer_(observer),
      retry_(options.retry_min, options.retry_max, options.jitter_seed),
      timer_(control),
      deadline_(control),
      self_(std::make_shared<SliceWatch*>(this)),
      lines_(kEventBytesMax) {
  Ask();
}

SliceWatch::~SliceWatch() = default;

std::string SliceWatch::Target() const {
  std::string target =
      "/apis/discovery.k8s.io/v1/namespaces/" + Escaped(options_.service_namespace) +
      "/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D" + Escaped(options_.service);
  if (step_ == Step::kWatch) {
    target += "&watch=true&allowWatchBookmarks=true&resourceVersion=" + Escaped(resource_version_) +
              "&timeoutSeconds=" + WholeSeconds(options_.watch_max);
  } else {
    target += "&limit=" + std::to_string(kSlicesPerPage) +
              "&timeoutSeconds=" + WholeSeconds(options_.timeout);
    if (!continue_token_.empty()) target += "&continue=" + Escaped(continue_token_);
  }
  return target;
}

void SliceWatch::Ask() {
  status_ = 0;
  retry_after_ = {};
  body_.clear();
  lines_ = LineSplitter(kEventBytesMax);
  asked_ = std::chrono::steady_clock::now();
  const bool is_watch = step_ == Step::kWatch;
  ApiRequest::Reader& reader = *this;
  request_ = std::make_unique<ApiRequest>(
      control_, options_.server, Target(),
      ApiRequest::Limits{.connect = options_.connect_timeout,
                         .head = options_.answer_timeout,
                         .silence = is_watch ? options_.watch_max + options_.watch_grace
                                             : options_.answer_timeout},
      reader);
  // A watch that never falls silent is ended by us, too.
  deadline_.expires_after(is_watch ? options_.watch_max + options_.watch_grace : options_.timeout);
  deadline_.async_wait([weak = std::weak_ptr(self_)](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    SliceWatch& watch = **self;
    if (watch.step_ == Step::kWatch && watch.status_ == kOk) {
      watch.OnEnd();
    } else {
      watch.Fail(Outcome::kTimeout, "the API server took too long");
    }
  });
}

void SliceWatch::OnHead(unsigned status, seconds retry_after) {
  status_ = status;
  retry_after_ = retry_after;
  const bool is_renewed = !std::exchange(is_just_listed_, false);
  if (step_ == Step::kWatch && status == kOk && is_renewed) observer_.OnUnchanged();
}

bool SliceWatch::Collect(std::string_view bytes, std::size_t bytes_max) {
  if (body_.size() + bytes.size() <= bytes_max) {
    body_.append(bytes);
    return true;
  }
  Fail(Outcome::kMalformed,
       "the API server's answer is larger than " + std::to_string(bytes_max >> 10) + " KiB");
  return false;
}

void SliceWatch::OnBody(std::string_view bytes) {
  if (status_ != kOk) {
    if (body_.size() < kRefusalBytesMax) body_.append(bytes);
    return;
  }
  if (step_ == Step::kList) {
    Collect(bytes, kPageBytesMax);
    return;
  }
  const std::weak_ptr<SliceWatch*> self = self_;
  const ApiRequest* const asked = request_.get();
  const bool is_taken = lines_.Take(bytes, [&](std::string_view line) {
    return OnLine(line) && !self.expired() && request_.get() == asked;
  });
  if (!is_taken && !self.expired() && lines_.is_too_long() && request_.get() == asked) {
    Fail(Outcome::kMalformed, "an event of the API server is larger than 8 MiB");
  }
}

bool SliceWatch::OnLine(std::string_view line) {
  tl::expected<SliceEvent, std::string> event = ParseSliceEvent(line);
  if (!event) {
    // What it would have said is lost: only a list makes it good.
    step_ = Step::kList;
    Fail(Outcome::kMalformed, event.error());
    return false;
  }
  if (event->type == SliceEvent::Type::kError) {
    status_ = static_cast<unsigned>(event->status.code);
    body_.clear();
    const ApiStatus status = std::move(event->status);
    if (status_ == kGone && !was_gone_) {
      ListAnew();
    } else {
      step_ = Step::kList;
      Fail(OutcomeOf(status_), RefusalText(status));
    }
    return false;
  }
  failed_watches_ = 0;
  was_gone_ = false;
  retry_.Reset();
  resource_version_ = event->resource_version;
  if (event->type != SliceEvent::Type::kBookmark) observer_.OnEvent(*std::move(event));
  return true;
}

void SliceWatch::OnEnd() {
  const std::unique_ptr<ApiRequest> done = std::move(request_);
  deadline_.cancel();
  if (status_ != kOk) {
    OnRefusal();
  } else if (step_ == Step::kList) {
    OnPage();
  } else if (std::chrono::steady_clock::now() - asked_ < kWatchMin) {
    AskAfter(retry_.Next());
  } else {
    failed_watches_ = 0;
    was_gone_ = false;
    retry_.Reset();
    Ask();
  }
}

void SliceWatch::OnPage() {
  auto page = ParseSlicePage(body_);
  if (!page) {
    Fail(Outcome::kMalformed, page.error());
    return;
  }
  if (listed_.size() + page->slices.size() > SliceStore::kSlicesMax) {
    Fail(Outcome::kMalformed,
         "the Service has more than " + std::to_string(SliceStore::kSlicesMax) + " EndpointSlices");
    return;
  }
  std::move(page->slices.begin(), page->slices.end(), std::back_inserter(listed_));
  continue_token_ = std::move(page->continue_token);
  if (!continue_token_.empty()) {
    Ask();
    return;
  }
  if (page->resource_version.empty()) {
    Fail(Outcome::kMalformed, "the list has no resourceVersion");
    return;
  }
  resource_version_ = std::move(page->resource_version);
  step_ = Step::kWatch;
  failed_watches_ = 0;
  is_just_listed_ = true;
  const std::weak_ptr<SliceWatch*> self = self_;
  observer_.OnSlices(std::exchange(listed_, {}));
  if (self.expired()) return;
  retry_.Reset();
  Ask();
}

void SliceWatch::OnRefusal() {
  if (status_ == kGone && !was_gone_) {
    ListAnew();
    return;
  }
  const ApiStatus status = ParseApiStatus(body_);
  if (status_ < kServerError && status_ != kTooManyRequests) step_ = Step::kList;
  Fail(OutcomeOf(status_), RefusalText(status));
}

std::string SliceWatch::RefusalText(const ApiStatus& status) const {
  const std::string said = status.message.empty() ? "" : " (\"" + status.message + "\")";
  switch (status_) {
    case kUnauthorized:
      return "the API server does not know the token in " + options_.server.token_file +
             ": it has expired or is of another cluster" + said;
    case kForbidden:
      return "no permission: namespace " + options_.service_namespace +
             " needs a Role with apiGroups [discovery.k8s.io], resources [endpointslices], verbs "
             "[get, list, watch], and a RoleBinding of it to the service account of this pod" +
             said;
    case kNotFound:
      return "the API server has no discovery.k8s.io/v1: Kubernetes 1.21 or later is needed" + said;
    default:
      return "the API server answered " + std::to_string(status_) + said;
  }
}

void SliceWatch::ListAnew() {
  step_ = Step::kList;
  was_gone_ = true;
  continue_token_.clear();
  listed_.clear();
  request_.reset();
  deadline_.cancel();
  AskAfter(milliseconds(0));
}

void SliceWatch::OnFailure(const ApiFailure& failure) { Fail(failure.outcome, failure.detail); }

void SliceWatch::Fail(Outcome outcome, const std::string& detail) {
  request_.reset();
  deadline_.cancel();
  continue_token_.clear();
  listed_.clear();
  if (step_ == Step::kWatch && ++failed_watches_ >= kFailedWatchesMax) {
    step_ = Step::kList;
  }
  AskAfter(std::max<milliseconds>(retry_.Next(), retry_after_));
  observer_.OnFailure({outcome, detail});  // it may destroy us
}

void SliceWatch::AskAfter(milliseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait([weak = std::weak_ptr(self_)](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) (*self)->Ask();
  });
}

}  // namespace resolver
