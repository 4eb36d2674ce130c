// Typed reading of a YAML tree that CheckConfigKeys has looked at: absent, null or faulty values
// leave the default in place, since the check has reported what is wrong.
// Thread safety: pure functions. A null `section` is an empty one.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "router/app/config.h"
#include "router/app/yaml_node.h"

namespace router {

// The entry at `path` (`a.b.c`) below `section`, or nullptr.
const YamlEntry* FindEntry(const YamlNode* section, std::string_view path);

// The value there, or nullptr when it is absent or null.
const YamlNode* FindValue(const YamlNode* section, std::string_view path);

// Of a variable the text as it is, even one that YAML reads as null.
void Read(const YamlNode* section, std::string_view path, std::string& value);
void Read(const YamlNode* section, std::string_view path, bool& value);
void Read(const YamlNode* section, std::string_view path, Config::Address& value);
// Parts of a millisecond count as a whole one.
void Read(const YamlNode* section, std::string_view path, std::chrono::milliseconds& value);

// Integers, ports and sizes in bytes.
std::int64_t ReadNumber(const YamlNode* section, std::string_view path, std::int64_t default_value);
template <std::integral T>
void Read(const YamlNode* section, std::string_view path, T& value) {
  value = static_cast<T>(ReadNumber(section, path, static_cast<std::int64_t>(value)));
}

// As Read, for keys where 0 stands for the default.
template <typename T>
void ReadUnlessZero(const YamlNode* section, std::string_view path, T& value) {
  T read = value;
  Read(section, path, read);
  if (read != T{}) {
    value = read;
  }
}

// The words of a list, with the line of each.
struct Word {
  std::string text;
  int line = 0;
};
std::vector<Word> ReadWords(const YamlNode* section, std::string_view path);

}  // namespace router
