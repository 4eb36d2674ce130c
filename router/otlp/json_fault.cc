#include "router/otlp/json_fault.h"

namespace router {

std::string JsonPath::Text() const {
  std::string text;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(depth_); ++i) {
    const Step& step = steps_[i];
    if (step.name.empty()) break;
    if (!text.empty()) text += '.';
    text += step.name;
    if (step.index != kNoIndex) text.append("[").append(std::to_string(step.index)).append("]");
  }
  if (text.empty()) return "the request";
  if (text.size() > kTextBytesMax) {
    const std::size_t half = kTextBytesMax / 2;
    text = text.substr(0, half) + "..." + text.substr(text.size() - half);
  }
  return text;
}

}  // namespace router
