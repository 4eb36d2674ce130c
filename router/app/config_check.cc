#include "router/app/config_check.h"

#include <algorithm>

#include "router/app/config_keys.h"
#include "router/app/config_value_check.h"
#include "router/app/config_values.h"

namespace router {
namespace {

using Kind = YamlNode::Kind;

constexpr std::size_t kComponentTypeBytesMax = 63;
constexpr std::size_t kComponentNameBytesMax = 1024;
constexpr std::string_view kSymbols = "$+<=>^`|~";

std::string Join(std::string_view section, std::string_view name) {
  return section.empty() ? std::string(name) : std::string(section).append(".").append(name);
}

// One walk; holds what every step of it needs.
class Walk {
 public:
  explicit Walk(FaultLog& log) : log_(log) {}

  // `section` is the path in the table, `shown` the one for people; `is_quiet`: a warning about the
  // whole section has been given.
  void Section(const YamlNode& node, std::string_view section, std::string_view shown,
               bool is_quiet) {
    for (const YamlEntry& entry : node.entries) {
      if (log_.is_full()) {
        return;
      }
      const std::string path = Join(section, entry.key);
      const std::string shown_path = Join(shown, Shown(entry.key));
      if (const ConfigKey* key = IsPlainName(entry.key) ? FindConfigKey(path) : nullptr) {
        Value(*key, entry, shown_path, is_quiet);
      } else {
        Unknown(entry, section, shown, shown_path);
      }
    }
  }

 private:
  static bool IsPlainName(std::string_view name) {
    return name.find_first_of(".[") == std::string_view::npos;
  }

  void Value(const ConfigKey& key, const YamlEntry& entry, const std::string& shown,
             bool is_quiet) {
    if (key.treatment == Treatment::kLater) {
      log_.Refuse(entry.line, shown, std::string(kNotYet).append(key.text));
      return;
    }
    const YamlNode& node = *entry.value;
    if (const Result<void> result = CheckValue(key, node); !result) {
      RefuseValue(key, entry, shown, result.error().message);
      return;
    }
    const bool warns =
        key.treatment != Treatment::kHonoured && !is_quiet && !IsInert(node) &&
        !key.path.starts_with("processors.");  // the pipeline tells whether it matters
    if (warns) {
      log_.Warn(entry.line, shown,
                key.treatment == Treatment::kMapped ? "done otherwise here" : "has no effect here",
                key.text);
    }
    if (key.type == ValueType::kSection) {
      Section(node, key.path, shown, is_quiet || key.treatment != Treatment::kHonoured);
    } else if (key.type == ValueType::kComponents) {
      Components(node, key.path, shown);
    } else if (key.type == ValueType::kSectionList) {
      SectionList(node, key, shown, is_quiet);
    }
  }

  void SectionList(const YamlNode& node, const ConfigKey& key, const std::string& shown,
                   bool is_quiet) {
    const std::string section = std::string(key.path) + "[]";
    for (std::size_t i = 0; i < node.items.size() && !log_.is_full(); ++i) {
      const std::string shown_item = shown + "[" + std::to_string(i) + "]";
      const YamlNode& item = *node.items[i];
      if (item.kind == Kind::kMapping) {
        Section(item, section, shown_item, is_quiet);
      } else {
        log_.Refuse(item.line, shown_item, ExpectedText("a map", item));
      }
    }
  }

  void RefuseValue(const ConfigKey& key, const YamlEntry& entry, const std::string& shown,
                   const std::string& message) {
    const bool shows_value = MayShowValue(key, *entry.value);
    std::string hint = shows_value ? "the value is " + ShownValue(*entry.value) : "";
    if (key.type == ValueType::kChoice && shows_value) {
      const std::string meant = NearestWord(entry.value->text, key.choices);
      if (!meant.empty() && entry.value->variables.empty()) {
        hint += "; did you mean " + meant + "?";
      }
    }
    log_.Refuse(entry.line, shown, message, hint);
  }

  // Switched off, or zero: nothing is asked for, so there is nothing to warn about.
  static bool IsInert(const YamlNode& node) {
    if (node.kind == Kind::kScalar) {
      return node.text == "0" || node.text == "0s";
    }
    const YamlEntry* enabled = node.Find("enabled");
    return enabled != nullptr && enabled->value->text == "false";
  }

  void Components(const YamlNode& node, std::string_view section, const std::string& shown) {
    for (const YamlEntry& entry : node.entries) {
      if (log_.is_full()) {
        return;
      }
      const std::string shown_path = Join(shown, Shown(entry.key));
      const ComponentId id = ParseComponentId(entry.key);
      const ConfigKey* key = FindConfigKey(Join(section, id.type));
      if (id.type.empty()) {
        log_.Refuse(entry.line, shown_path, "not an id; write type or type/name",
                    "a name has no spaces, control characters and " + std::string(kSymbols));
      } else if (key != nullptr) {
        Value(*key, entry, shown_path, false);
      } else {
        UnknownComponent(entry, id.type, section, shown_path);
      }
    }
  }

  void UnknownComponent(const YamlEntry& entry, const std::string& type, std::string_view section,
                        const std::string& shown) {
    const std::string meant = NearestWord(type, NamesIn(section));
    if (section == "connectors" || section == "service.pipelines") {
      log_.Refuse(entry.line, shown, "spanring has no such thing; remove it");
    } else if (!meant.empty()) {
      log_.Refuse(entry.line, shown, "unknown type", "did you mean " + meant + "?");
    } else {
      log_.Warn(entry.line, shown, "spanring has none of this type; it is not started");
    }
  }

  // `shown_section` is the place of the key `shown`, for when that may be no key but a secret.
  void Unknown(const YamlEntry& entry, std::string_view section, std::string_view shown_section,
               std::string_view shown) {
    const std::string names = NamesIn(section);
    const std::string meant = NearestWord(entry.key, names);
    std::string hint;
    if (!meant.empty()) {
      hint = "did you mean " + meant + "?";
    } else if (!names.empty() && names.size() <= 120) {
      hint = "known here: " + Commas(names);
    }
    const bool may_be_secret =
        meant.empty() && entry.value->kind == Kind::kNull && MayHoldSecrets(section);
    log_.Refuse(entry.line, may_be_secret ? shown_section : shown, "unknown key", hint);
  }

  static std::string NamesIn(std::string_view section) {
    std::string names;
    for (const ConfigKey& key : AllConfigKeys()) {
      if (const std::string_view name = NameBelow(section, key.path); !name.empty()) {
        names.append(names.empty() ? "" : "|").append(name);
      }
    }
    return names;
  }

  FaultLog& log_;
};

}  // namespace

void CheckConfigKeys(const YamlNode& root, FaultLog& log) {
  Walk(log).Section(root, "", "", false);
}

ComponentId ParseComponentId(std::string_view id) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_type_character = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
  };
  const std::size_t slash = std::min(id.find('/'), id.size());
  const std::string_view type = id.substr(0, slash);
  const std::string_view name = id.substr(std::min(slash + 1, id.size()));
  const auto is_name_character = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && kSymbols.find(c) == std::string_view::npos;
  };
  const bool is_good =
      !type.empty() && type.size() <= kComponentTypeBytesMax && is_letter(type[0]) &&
      std::all_of(type.begin(), type.end(), is_type_character) &&
      (slash == id.size() || !name.empty()) && name.size() <= kComponentNameBytesMax &&
      std::all_of(name.begin(), name.end(), is_name_character);
  if (!is_good) {
    return {};
  }
  return {std::string(type == "load_balancing" ? "loadbalancing" : type), std::string(name)};
}

}  // namespace router
