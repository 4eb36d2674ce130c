// YamlBuilder: takes the events of a YAML text and builds the tree of yaml_node.h: aliases and
// merge keys followed, environment variables expanded.
//
// Thread safety: confined to one parse.
// Bounds: kYamlDepthMax and kYamlNodesMax, counted as if every alias were written out;
// kYamlExpandedBytesMax for all values with variables together. After the
// first structural fault the rest of the events is ignored: the parser can only be stopped by an
// exception, and its own work is bounded by the size of the text.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "router/app/config_reader.h"
#include "router/app/config_report.h"
#include "router/app/yaml_events.h"
#include "router/app/yaml_node.h"

namespace router {

inline constexpr std::size_t kYamlDepthMax = 64;
inline constexpr std::size_t kYamlNodesMax = 100'000;
inline constexpr std::size_t kYamlExpandedBytesMax = std::size_t{1} << 20;

class YamlBuilder : public YamlEvents {
 public:
  // `environment` and `log` outlive the builder.
  YamlBuilder(const EnvironmentLookup& environment, FaultLog& log)
      : environment_(environment), log_(log) {}
  YamlBuilder(const YamlBuilder&) = delete;
  YamlBuilder& operator=(const YamlBuilder&) = delete;

  void OnNull(int line, AnchorId anchor) override;
  void OnScalar(int line, std::string text, bool is_string, AnchorId anchor) override;
  void OnAlias(int line, AnchorId anchor) override;
  void OnStart(int line, Collection kind, AnchorId anchor) override;
  void OnEnd() override;
  void OnUnknownTag(int line) override;

  // False: the tree is worthless and a fault says why.
  bool is_good() const { return !has_failed_; }
  // The document; a null node when there was none. REQUIRES: is_good() and the parse is over.
  YamlNodePtr TakeRoot();

 private:
  // A finished node, with what it counts for wherever an alias repeats it.
  struct Built {
    YamlNodePtr node;
    std::size_t size = 1;    // nodes, aliases written out
    std::size_t height = 0;  // levels below it
  };
  // A collection whose end has not come yet.
  struct Open {
    std::shared_ptr<YamlNode> node;
    AnchorId anchor = 0;
    std::size_t size = 1;
    std::size_t height = 0;
    bool has_key = false;
    bool is_merge = false;          // its key is `<<`
    YamlEntry entry;                // its key, while has_key
    std::vector<YamlEntry> merged;  // what `<<` brought, first wins
  };

  bool Charge(int line, std::size_t nodes, std::size_t height);
  void Place(Built built, int line, AnchorId anchor);
  void PlaceKey(Open& open, const YamlNode& key, int line);
  void PlaceMerged(Open& open, const Built& built, int line);
  void TakeEntries(Open& open, const YamlNode& from, int line);
  void CloseMapping(Open& open);
  Built Expand(int line, const std::string& text, bool is_string);
  Built ReadVariable(int line, const std::string& text, const std::string& value);
  void Refuse(int line, std::string_view message);

  bool AwaitsKey() const {
    return !open_.empty() && open_.back().node->kind == YamlNode::Kind::kMapping &&
           !open_.back().has_key;
  }
  int LineOf(int line) const { return value_line_ > 0 ? value_line_ : line; }

  const EnvironmentLookup& environment_;
  FaultLog& log_;
  std::vector<Open> open_;
  std::unordered_map<AnchorId, Built> anchors_;
  Built root_;
  std::size_t nodes_ = 0;
  std::size_t expanded_bytes_ = 0;
  std::size_t outer_depth_ = 0;  // levels around a variable's value
  int value_line_ = 0;           // not 0: this reads a variable's value, which stands on that line
  std::string value_text_;       // then: how the file refers to it
  bool has_failed_ = false;
};

}  // namespace router
