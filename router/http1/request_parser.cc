#include "router/http1/request_parser.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <charconv>
#include <limits>

#include "router/base/ascii_text.h"

namespace router {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

std::string_view ToStd(beast::string_view text) { return {text.data(), text.size()}; }

// Beast's reading of one head that is complete and has been scanned.
class BeastHead final : public http::basic_parser<true> {
 public:
  explicit BeastHead(std::vector<HttpField>& fields) : fields_(fields) {
    header_limit(std::numeric_limits<std::uint32_t>::max());  // scanned already
    body_limit(boost::none);                                  // not its concern
    eager(false);
  }
  std::string_view method;
  std::string_view target;
  int version = 11;

 private:
  void on_request_impl(http::verb, beast::string_view verb_text, beast::string_view target_text,
                       int http_version, beast::error_code& error) override {
    error = {};
    method = ToStd(verb_text);
    target = ToStd(target_text);
    version = http_version;
  }
  void on_field_impl(http::field, beast::string_view name, beast::string_view value,
                     beast::error_code& error) override {
    error = {};
    if (fields_.size() < kRequestFieldsMax) {
      fields_.push_back({ToStd(name), ToStd(value)});
    } else {
      error = http::error::header_limit;
    }
  }
  void on_response_impl(int, beast::string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code& error) override { error = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code& error) override {
    error = {};
  }
  std::size_t on_body_impl(beast::string_view, beast::error_code& error) override {
    error = {};
    return 0;
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, beast::error_code& error) override {
    error = {};
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view,
                                 beast::error_code& error) override {
    error = {};
    return 0;
  }
  void on_finish_impl(beast::error_code& error) override { error = {}; }

  std::vector<HttpField>& fields_;
};

// Does the request line end like one, with a version we do not speak?
bool HasOtherVersion(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\r'));
  if (line.size() < 8 || std::count(line.begin(), line.end(), ' ') != 2) return false;
  const std::string_view end = line.substr(line.size() - 8);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return end.starts_with("HTTP/") && is_digit(end[5]) && end[6] == '.' && is_digit(end[7]);
}

RequestParser::Fault FaultOf(const beast::error_code& error, std::string_view text) {
  if (error == http::error::bad_version && HasOtherVersion(text)) {
    return {505, "this server speaks HTTP/1.1, HTTP/1.0 and HTTP/2"};
  }
  if (error == http::error::header_limit) return {431, "too many header fields"};
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length) {
    return {400, "Content-Length is not one number, or comes with Transfer-Encoding"};
  }
  if (error == http::error::bad_transfer_encoding) {
    return {400, "Transfer-Encoding comes twice, or with Content-Length"};
  }
  if (error == http::error::bad_field) return {400, "a header field without a valid name"};
  if (error == http::error::bad_value) return {400, "a header field with an invalid value"};
  return {400, "the request line is malformed"};
}

bool IsHost(std::string_view host) {
  return host.find_first_of(" \t/\\@#?,<>\"") == std::string_view::npos;
}

}  // namespace

LineScanner::Limits RequestParser::HeadLimits() {
  return {.block_bytes_max = kHeaderBlockBytesMax,
          .first_line_bytes_max = kRequestLineBytesMax,
          .is_head = true};
}

RequestParser::Event RequestParser::Refuse(int status, const char* why) {
  fault_ = {status, why};
  state_ = State::kFault;
  return Event::kFault;
}

RequestParser::Event RequestParser::Next(std::span<const std::uint8_t>& bytes) {
  switch (state_) {
    case State::kHead:
      return bytes.empty() ? Event::kNeedMore : ReadHead(bytes);
    case State::kLength:
      if (left_ == 0) return EndRequest();
      if (bytes.empty()) return Event::kNeedMore;
      data_ = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
      bytes = bytes.subspan(data_.size());
      left_ -= data_.size();
      return Event::kData;
    case State::kChunks:
      switch (chunks_.Next(bytes)) {
        case ChunkDecoder::Event::kNeedMore:
          return Event::kNeedMore;
        case ChunkDecoder::Event::kData:
          data_ = chunks_.data();
          return Event::kData;
        case ChunkDecoder::Event::kEnd:
          return EndRequest();
        case ChunkDecoder::Event::kFault:
          return Refuse(chunks_.status(), chunks_.why());
      }
      break;
    case State::kFault:
      break;
  }
  return Event::kFault;
}

RequestParser::Event RequestParser::EndRequest() {
  state_ = State::kHead;
  scanner_ = LineScanner(HeadLimits());
  return Event::kEnd;
}

void RequestParser::ForgetHead() {
  text_.clear();
  if (text_.capacity() > kKeptTextBytes) text_.shrink_to_fit();
  head_.fields.clear();
  if (head_.fields.capacity() > kKeptFields) head_.fields.shrink_to_fit();
  head_.method = {};
}

RequestParser::Event RequestParser::ReadHead(std::span<const std::uint8_t>& bytes) {
  if (scanner_.size() == 0) ForgetHead();
  std::size_t taken = 0;
  const LineScanner::Status status = scanner_.Scan(bytes, &taken);
  text_.append(reinterpret_cast<const char*>(bytes.data()), taken);
  bytes = bytes.subspan(taken);
  switch (status) {
    case LineScanner::Status::kMore:
      return Event::kNeedMore;
    case LineScanner::Status::kEnd:
      return JudgeHead();
    case LineScanner::Status::kFirstTooLong:
      return Refuse(414, "the request line is longer than 8 KiB");
    case LineScanner::Status::kBlockTooLarge:
      return Refuse(431, "the headers are larger than 64 KiB");
    case LineScanner::Status::kBadByte:
      break;
  }
  return Refuse(400, scanner_.why());
}

RequestParser::Event RequestParser::JudgeHead() {
  head_.fields.resize(2);
  head_.content_length.reset();
  head_.is_chunked = head_.expects_continue = false;
  hosts_ = 0;
  const std::string_view text = std::string_view(text_).substr(text_.starts_with("\r\n") ? 2 : 0);

  BeastHead parsed(head_.fields);
  beast::error_code error;
  parsed.put(boost::asio::buffer(text.data(), text.size()), error);
  if (error) {
    const Fault fault = FaultOf(error, text);
    return Refuse(fault.status, fault.why);
  }
  head_.is_http_11 = parsed.version == 11;
  head_.is_keep_alive = parsed.keep_alive();
  head_.method = parsed.method;
  std::string_view target = parsed.target;
  if (const auto fault = JudgeTarget(&target)) return Refuse(fault->status, fault->why);
  head_.fields[0] = {":method", parsed.method};
  head_.fields[1] = {":path", target};
  LowerNames();
  for (std::size_t i = 2; i < head_.fields.size(); ++i) {
    if (const auto fault = JudgeField(head_.fields[i])) return Refuse(fault->status, fault->why);
  }
  if (head_.content_length.has_value() && head_.is_chunked) {
    return Refuse(400, "Content-Length and Transfer-Encoding in one request");
  }
  if (hosts_ > 1 || (head_.is_http_11 && hosts_ == 0)) {
    return Refuse(400, "there must be exactly one Host");
  }
  left_ = head_.content_length.value_or(0);
  chunks_ = ChunkDecoder();
  state_ = head_.is_chunked ? State::kChunks : State::kLength;
  return Event::kHead;
}

// The text is ours, so names are lowered where they stand.
void RequestParser::LowerNames() {
  for (std::size_t i = 2; i < head_.fields.size(); ++i) {
    const std::string_view name = head_.fields[i].name;
    char* first = text_.data() + (name.data() - text_.data());
    std::transform(first, first + name.size(), first, [](char c) { return LowerCase(c); });
  }
}

std::optional<RequestParser::Fault> RequestParser::JudgeTarget(std::string_view* target) const {
  if (target->starts_with('/') || *target == "*" || head_.method == "CONNECT") return std::nullopt;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!IsSameText(target->substr(0, scheme.size()), scheme)) continue;
    const std::size_t path = target->find('/', scheme.size());
    *target = path == std::string_view::npos ? std::string_view("/") : target->substr(path);
    return std::nullopt;
  }
  return Fault{400, "the request target is neither a path nor a URL"};
}

std::optional<RequestParser::Fault> RequestParser::JudgeField(const HttpField& field) {
  if (field.name == "content-length") return JudgeLength(field.value);
  if (field.name == "transfer-encoding") return JudgeTransferEncoding(field.value);
  if (field.name == "host") {
    ++hosts_;
    if (!IsHost(field.value)) return Fault{400, "Host is malformed"};
  } else if (field.name == "expect" && head_.is_http_11) {
    if (!IsSameText(field.value, "100-continue")) {
      return Fault{417, "only Expect: 100-continue can be met"};
    }
    head_.expects_continue = true;
  }
  return std::nullopt;
}

std::optional<RequestParser::Fault> RequestParser::JudgeLength(std::string_view value) {
  if (head_.content_length.has_value()) return Fault{400, "Content-Length comes twice"};
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (value.empty() || error != std::errc() || end != value.data() + value.size()) {
    return Fault{400, "Content-Length is not one number"};
  }
  head_.content_length = length;
  return std::nullopt;
}

std::optional<RequestParser::Fault> RequestParser::JudgeTransferEncoding(std::string_view value) {
  if (head_.is_chunked) return Fault{400, "Transfer-Encoding comes twice"};
  if (!head_.is_http_11) return Fault{400, "Transfer-Encoding in a request of HTTP/1.0"};
  if (!IsSameText(value, "chunked")) {
    constexpr std::string_view kLast = "chunked";
    const bool is_other_first =
        value.size() > kLast.size() && !IsSameText(value.substr(0, 7), kLast);
    const std::string_view end =
        is_other_first ? value.substr(value.size() - kLast.size() - 1) : "";
    if (IsSameText(end.substr(end.empty() ? 0 : 1), kLast) && (end[0] == ',' || end[0] == ' ')) {
      return Fault{501, "the only transfer coding that is served is chunked"};
    }
    return Fault{400, "Transfer-Encoding is not chunked"};
  }
  head_.is_chunked = true;
  return std::nullopt;
}

}  // namespace router
