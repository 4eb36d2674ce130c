#include "router/app/config_in_force.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "router/app/config_check.h"
#include "router/app/config_keys.h"
#include "router/app/config_view.h"

namespace router {
namespace {

using Kind = YamlNode::Kind;

bool IsPlainCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_./:-+").find(c) != std::string_view::npos;
}

// A key or scalar as YAML that reads as the same text. What was quoted stays so: "4317" is no
// number.
std::string Quoted(std::string_view text, bool is_string) {
  const bool is_plain = !is_string && !text.empty() && text.back() != ':' && text.front() != '-' &&
                        text.front() != ':' &&
                        std::all_of(text.begin(), text.end(), IsPlainCharacter);
  if (is_plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted.append(1, '\\').append(1, c);
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

// A value: one that has been expanded, so each `$` in it is one that stands for itself.
std::string Scalar(std::string_view text, bool is_string) {
  std::string escaped;
  for (const char c : text) escaped.append(c == '$' ? 2 : 1, c);
  return Quoted(escaped, is_string);
}

// One walk along the key table, beside the file.
class Description {
 public:
  explicit Description(const YamlNode& root) : root_(root) {
    if (const YamlNode* pipelines = FindValue(&root, "service.pipelines")) {
      for (const YamlEntry& entry : pipelines->entries) {
        if (ParseComponentId(entry.key).type == "traces") pipeline_ = entry.value.get();
      }
    }
  }

  std::string Text() {
    Section(&root_, "", 0);
    return std::move(text_);
  }

 private:
  static constexpr std::size_t kIndent = 2;

  void Line(std::size_t depth, const std::string& text) {
    text_.append(depth * kIndent, ' ').append(text).append("\n");
  }

  // `node` is null when the file does not have the section.
  void Section(const YamlNode* node, std::string_view path, std::size_t depth) {
    for (const ConfigKey& key : AllConfigKeys()) {
      const std::string_view name = NameBelow(path, key.path);
      if (name.empty() || key.treatment == Treatment::kLater) continue;
      const YamlEntry* entry = node == nullptr ? nullptr : node->Find(name);
      if (key.treatment == Treatment::kHonoured) {
        Honoured(key, std::string(name), entry, depth);
      } else if (entry != nullptr) {
        Other(key, entry->key, depth);
      }
    }
  }

  void Other(const ConfigKey& key, const std::string& name, std::size_t depth) {
    Line(depth, "# " + name +
                    (key.treatment == Treatment::kMapped ? ": done otherwise: " : ": no effect: ") +
                    std::string(key.text));
  }

  void Honoured(const ConfigKey& key, const std::string& name, const YamlEntry* entry,
                std::size_t depth) {
    const YamlNode* node = entry == nullptr ? nullptr : entry->value.get();
    switch (key.type) {
      case ValueType::kSection:
        if (entry != nullptr || IsThereByDefault(key.path)) Nested(name, node, key.path, depth);
        return;
      case ValueType::kComponents:
        Components(key, name, node, depth);
        return;
      case ValueType::kSectionList:
        SectionList(key, name, node, depth);
        return;
      default:
        break;
    }
    const bool has_value = node != nullptr && (node->kind != Kind::kNull || IsOnlyText(key, *node));
    if (has_value) {
      Value(key, name, *node, depth);
    } else if (!key.default_text.empty()) {
      Line(depth, name + ": " + std::string(key.default_text) + "  # default");
    }
  }

  // What a variable holds is text there, whatever it would be as YAML.
  static bool IsOnlyText(const ConfigKey& key, const YamlNode& node) {
    return key.type == ValueType::kString && node.kind != Kind::kScalar && node.HasText();
  }

  // Sections whose absence says no more than that all of it is as usual. Of the others, such as
  // `tls`, the presence is what counts.
  bool IsThereByDefault(std::string_view path) const {
    if (path.starts_with("receivers.otlp.protocols")) {
      const bool is_whole_face =
          path == "receivers.otlp.protocols.grpc" || path == "receivers.otlp.protocols.http";
      return path == "receivers.otlp.protocols" || (is_whole_face && is_any_protocol_);
    }
    return path == "spanring" || path.starts_with("spanring.") || path == "service" ||
           path.starts_with("service.telemetry") || path == "extensions.health_check";
  }

  void Nested(const std::string& name, const YamlNode* node, std::string_view path,
              std::size_t depth) {
    if (path == "receivers.otlp.protocols") is_any_protocol_ = node == nullptr;
    const std::size_t start = text_.size();
    Line(depth, name + ":");
    const std::size_t inside = text_.size();
    Section(node, path, depth + 1);
    if (text_.size() != inside) return;
    text_.resize(start);
    Line(depth, name + ": {}");
  }

  // Is it named where components are switched on? Without such a list: yes.
  bool IsUsed(std::string_view section, std::string_view id) const {
    const bool is_extension = section == "extensions";
    const YamlNode* where = is_extension ? &root_ : pipeline_;
    const std::string list = is_extension ? "service.extensions" : std::string(section);
    if (section == "service.pipelines" || FindEntry(where, list) == nullptr) return true;
    const std::vector<Word> words = ReadWords(where, list);
    return std::any_of(words.begin(), words.end(),
                       [&](const Word& word) { return word.text == id; });
  }

  void Components(const ConfigKey& key, const std::string& name, const YamlNode* node,
                  std::size_t depth) {
    const std::string section(key.path);
    const std::size_t start = text_.size();
    Line(depth, name + ":");
    const std::size_t inside = text_.size();
    for (const YamlEntry& entry : node == nullptr ? std::vector<YamlEntry>() : node->entries) {
      const ConfigKey* type = FindConfigKey(section + "." + ParseComponentId(entry.key).type);
      if (type == nullptr) {
        Line(depth + 1, "# " + Shown(entry.key) + ": spanring has none of this type");
      } else if (type->treatment != Treatment::kHonoured) {
        Other(*type, Shown(entry.key), depth + 1);
      } else if (!IsUsed(section, entry.key)) {
        Line(depth + 1, "# " + Shown(entry.key) + ": not switched on in service");
      } else {
        Nested(Quoted(entry.key, false), entry.value.get(), type->path, depth + 1);
      }
    }
    const bool has_nothing = node == nullptr || node->entries.empty();
    if (section == "receivers" && has_nothing) Nested("otlp", nullptr, "receivers.otlp", depth + 1);
    const bool starts_all = FindEntry(&root_, "service.extensions") == nullptr;
    if (section == "extensions" && starts_all &&
        (node == nullptr || node->Find("health_check") == nullptr)) {
      Nested("health_check", nullptr, "extensions.health_check", depth + 1);
    }
    if (text_.size() == inside) text_.resize(start);
  }

  void SectionList(const ConfigKey& key, const std::string& name, const YamlNode* node,
                   std::size_t depth) {
    if (node != nullptr && node->items.empty()) {
      Line(depth, name + ": []");
      return;
    }
    const YamlNode* item = node == nullptr ? nullptr : node->items.front().get();
    Line(depth, name + ":");
    const std::size_t inside = text_.size();
    Section(item, std::string(key.path) + "[]", depth + 2);
    // The first line of an item carries its dash.
    const std::size_t dash = inside + (depth + 1) * kIndent;
    if (text_.size() > dash) text_[dash] = '-';
  }

  void Value(const ConfigKey& key, const std::string& name, const YamlNode& node,
             std::size_t depth) {
    if (key.type == ValueType::kHeaders) {
      Line(depth, name + (node.entries.empty() ? ": {}" : ":"));
      for (const YamlEntry& entry : node.entries) {
        Line(depth + 1, Quoted(entry.key, false) + ": " + std::string(kRedacted));
      }
      return;
    }
    const bool is_only_text = IsOnlyText(key, node);
    if (node.kind == Kind::kScalar || is_only_text) {
      Line(depth, name + ": " +
                      (key.is_secret ? std::string(kRedacted)
                                     : Scalar(node.text, node.is_string || is_only_text)));
      return;
    }
    std::string list;
    for (const YamlNodePtr& item : node.items) {
      list += list.empty() ? "" : ", ";
      const bool is_string = item->is_string || item->kind != Kind::kScalar;
      list += key.is_secret ? std::string(kRedacted) : Scalar(item->text, is_string);
    }
    Line(depth, name + ": [" + list + "]");
  }

  const YamlNode& root_;
  const YamlNode* pipeline_ = nullptr;
  bool is_any_protocol_ = false;  // the file does not choose between gRPC and HTTP
  std::string text_;
};

}  // namespace

std::string DescribeConfig(const YamlNode& root) { return Description(root).Text(); }

}  // namespace router
