// YamlNode: a YAML document after anchors, merge keys and environment variables, as a plain tree.
//
// Thread safety: immutable once built; shared subtrees (aliases) are the same object.
// Invariant: depth and expanded size are within the bounds of yaml_source.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace router {

struct YamlNode;
using YamlNodePtr = std::shared_ptr<const YamlNode>;

struct YamlEntry {
  std::string key;
  int line = 0;       // of the key, from 1
  YamlNodePtr value;  // never null
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  Kind kind = Kind::kNull;
  int line = 0;            // from 1
  std::string text;        // the scalar; of an expanded variable, its whole text
  bool is_string = false;  // scalar: quoted, a block, tagged !!str, or put together from parts
  std::string variables;   // the text of the file before `${…}` was expanded; empty: none in it
  bool has_unset_variable = false;
  std::vector<YamlNodePtr> items;  // kSequence
  std::vector<YamlEntry> entries;  // kMapping, keys unique, order of the file

  // Is `text` what a key gets that takes any text? As in the Collector that of a variable is its
  // value as it is, also where YAML reads `~` or `null` as nothing.
  bool HasText() const {
    const bool is_nothing = kind == Kind::kNull && has_unset_variable;
    return kind == Kind::kScalar || (!variables.empty() && !is_nothing);
  }

  // The entry of a mapping, or nullptr. Any kind.
  const YamlEntry* Find(std::string_view key) const {
    for (const YamlEntry& entry : entries) {
      if (entry.key == key) {
        return &entry;
      }
    }
    return nullptr;
  }
};

}  // namespace router
