#include "router/app/config_report.h"

#include <algorithm>
#include <utility>

namespace router {
namespace {

constexpr std::size_t kPrintedBytesMax = 80;

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

std::string WithoutControls(std::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), IsControl, '?');
  return out;
}

}  // namespace

std::string Shown(std::string_view text) {
  std::string out = WithoutControls(text.substr(0, kPrintedBytesMax));
  if (text.size() > kPrintedBytesMax) {
    out += "…";
  }
  return out;
}

std::string ToText(const Fault& fault) {
  std::string text = fault.file;
  if (fault.line > 0) {
    text += ":" + std::to_string(fault.line);
  }
  if (fault.column > 0) {
    text += ":" + std::to_string(fault.column);
  }
  text += ": ";
  if (!fault.key.empty()) {
    text += fault.key + ": ";
  }
  text += fault.message;
  if (!fault.hint.empty()) {
    text += " (" + fault.hint + ")";
  }
  return WithoutControls(text);
}

void FaultLog::Refuse(int line, std::string_view key, std::string_view message,
                      std::string_view hint) {
  Add(faults_, {file_, line, 0, std::string(key), std::string(message), std::string(hint)});
}

void FaultLog::RefuseSyntax(int line, int column, std::string_view message) {
  Add(faults_, {file_, line, column, "", std::string(message), ""});
}

void FaultLog::Warn(int line, std::string_view key, std::string_view message,
                    std::string_view hint) {
  Add(warnings_, {file_, line, 0, std::string(key), std::string(message), std::string(hint)});
}

void FaultLog::Add(std::vector<Fault>& entries, Fault fault) {
  if (entries.size() < kEntriesMax) {
    entries.push_back(std::move(fault));
  } else if (entries.size() == kEntriesMax) {
    entries.push_back({file_, 0, 0, "", "there are more; only the first ones are listed", ""});
  }
}

}  // namespace router
