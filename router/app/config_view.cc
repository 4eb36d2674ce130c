#include "router/app/config_view.h"

#include <algorithm>
#include <utility>

#include "router/app/config_values.h"
#include "router/app/go_duration.h"
#include "router/base/result.h"

namespace router {

const YamlEntry* FindEntry(const YamlNode* section, std::string_view path) {
  const YamlEntry* entry = nullptr;
  while (section != nullptr && !path.empty()) {
    const std::size_t end = std::min(path.find('.'), path.size());
    entry = section->Find(path.substr(0, end));
    section = entry == nullptr ? nullptr : entry->value.get();
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return path.empty() ? entry : nullptr;
}

const YamlNode* FindValue(const YamlNode* section, std::string_view path) {
  const YamlEntry* entry = FindEntry(section, path);
  const bool has_value = entry != nullptr && entry->value->kind != YamlNode::Kind::kNull;
  return has_value ? entry->value.get() : nullptr;
}

void Read(const YamlNode* section, std::string_view path, std::string& value) {
  const YamlEntry* entry = FindEntry(section, path);
  if (entry != nullptr && entry->value->HasText()) {
    value = entry->value->text;
  }
}

void Read(const YamlNode* section, std::string_view path, bool& value) {
  if (const YamlNode* node = FindValue(section, path)) {
    value = ParseBoolean(node->text).value_or(value);
  }
}

void Read(const YamlNode* section, std::string_view path, Config::Address& value) {
  if (const YamlNode* node = FindValue(section, path)) {
    value = ParseAddress(node->text, 0).value_or(value);
  }
}

void Read(const YamlNode* section, std::string_view path, std::chrono::milliseconds& value) {
  if (const YamlNode* node = FindValue(section, path)) {
    if (const Result<std::chrono::nanoseconds> read = ParseGoDuration(node->text)) {
      value = std::chrono::ceil<std::chrono::milliseconds>(*read);
    }
  }
}

std::int64_t ReadNumber(const YamlNode* section, std::string_view path,
                        std::int64_t default_value) {
  const YamlNode* node = FindValue(section, path);
  return node == nullptr ? default_value : ParseByteSize(node->text).value_or(default_value);
}

std::vector<Word> ReadWords(const YamlNode* section, std::string_view path) {
  std::vector<Word> words;
  if (const YamlNode* node = FindValue(section, path)) {
    for (const YamlNodePtr& item : node->items) {
      words.push_back({item->text, item->line});
    }
  }
  return words;
}

}  // namespace router
