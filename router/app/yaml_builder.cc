#include "router/app/yaml_builder.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "router/app/env_expansion.h"

namespace router {

namespace {

// The references without what stands around them and without defaults: both may be secrets.
std::string ReferencesIn(std::string_view text) {
  std::string references;
  for (std::size_t at; (at = text.find("${")) != std::string_view::npos;) {
    text.remove_prefix(at);
    const std::size_t end = std::min({text.find('}'), text.find(":-"), text.find("${", 2)});
    if (end == std::string_view::npos) break;
    references.append(references.empty() ? "" : " ").append(text.substr(0, end)).append("}");
    text.remove_prefix(end);
  }
  return references;
}

}  // namespace

void YamlBuilder::OnNull(int line, AnchorId anchor) {
  if (AwaitsKey()) {
    Refuse(line, "a key is missing before the colon");
  }
  if (!has_failed_ && Charge(line, 1, 0)) {
    auto node = std::make_shared<YamlNode>();
    node->line = LineOf(line);
    Place({std::move(node)}, line, anchor);
  }
}

void YamlBuilder::OnScalar(int line, std::string text, bool is_string, AnchorId anchor) {
  if (has_failed_ || !Charge(line, 1, 0)) {
    return;
  }
  const bool is_plain_value = AwaitsKey() || value_line_ > 0 || text.find('$') == std::string::npos;
  if (!is_plain_value) {
    Built built = Expand(line, text, is_string);
    if (!has_failed_) {
      Place(std::move(built), line, anchor);
    }
    return;
  }
  auto node = std::make_shared<YamlNode>();
  node->kind = YamlNode::Kind::kScalar;
  node->line = LineOf(line);
  node->text = std::move(text);
  node->is_string = is_string;
  node->variables = value_text_;
  Place({std::move(node)}, line, anchor);
}

void YamlBuilder::OnAlias(int line, AnchorId anchor) {
  if (has_failed_) {
    return;
  }
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end()) {
    Refuse(line, "an alias refers to the value it is part of");
  } else if (Charge(line, found->second.size, found->second.height)) {
    Place(found->second, line, 0);
  }
}

void YamlBuilder::OnStart(int line, Collection kind, AnchorId anchor) {
  if (AwaitsKey()) {
    Refuse(line, "a key must be a plain word, not a list or a map");
  }
  if (has_failed_ || !Charge(line, 1, 1)) {
    return;
  }
  Open open;
  open.node = std::make_shared<YamlNode>();
  open.node->kind =
      kind == Collection::kMapping ? YamlNode::Kind::kMapping : YamlNode::Kind::kSequence;
  open.node->line = LineOf(line);
  open.anchor = anchor;
  open_.push_back(std::move(open));
}

void YamlBuilder::OnEnd() {
  if (has_failed_) {
    return;
  }
  Open open = std::move(open_.back());
  open_.pop_back();
  if (open.node->kind == YamlNode::Kind::kMapping) {
    CloseMapping(open);
  }
  const int line = open.node->line;
  const AnchorId anchor = open.anchor;
  Place({std::move(open.node), open.size, open.height}, line, anchor);
}

void YamlBuilder::OnUnknownTag(int line) {
  Refuse(line, "YAML tags other than !!str, !!int, !!float, !!bool and !!null are not supported");
}

YamlNodePtr YamlBuilder::TakeRoot() {
  return root_.node ? std::move(root_.node) : std::make_shared<const YamlNode>();
}

void YamlBuilder::Refuse(int line, std::string_view message) {
  if (!has_failed_) {
    log_.Refuse(LineOf(line), "", message);
    has_failed_ = true;
  }
}

bool YamlBuilder::Charge(int line, std::size_t nodes, std::size_t height) {
  nodes_ += nodes;
  if (nodes_ > kYamlNodesMax) {
    Refuse(line, "more than 100000 values after aliases are followed");
  } else if (outer_depth_ + open_.size() + height > kYamlDepthMax) {
    Refuse(line, "nested more than 64 levels deep after aliases are followed");
  }
  return !has_failed_;
}

void YamlBuilder::Place(Built built, int line, AnchorId anchor) {
  if (anchor != 0) {
    anchors_[anchor] = built;
  }
  if (open_.empty()) {
    root_ = std::move(built);
    return;
  }
  Open& open = open_.back();
  if (AwaitsKey()) {
    PlaceKey(open, *built.node, line);
    return;
  }
  open.size += built.size;
  open.height = std::max(open.height, built.height + 1);
  if (open.node->kind == YamlNode::Kind::kSequence) {
    open.node->items.push_back(std::move(built.node));
  } else if (open.is_merge) {
    PlaceMerged(open, built, line);
  } else {
    open.entry.value = std::move(built.node);
    open.node->entries.push_back(std::move(open.entry));
  }
  open.has_key = false;
}

void YamlBuilder::PlaceKey(Open& open, const YamlNode& key, int line) {
  if (key.kind != YamlNode::Kind::kScalar) {
    Refuse(line, "a key must be a plain word, not a list or a map");
    return;
  }
  open.has_key = true;
  open.is_merge = !key.is_string && key.text == "<<";
  open.entry = {key.text, LineOf(line), nullptr};
}

void YamlBuilder::PlaceMerged(Open& open, const Built& built, int line) {
  if (built.node->kind == YamlNode::Kind::kMapping) {
    TakeEntries(open, *built.node, line);
    return;
  }
  const std::vector<YamlNodePtr>& items = built.node->items;
  const bool are_maps = std::all_of(items.begin(), items.end(), [](const YamlNodePtr& item) {
    return item->kind == YamlNode::Kind::kMapping;
  });
  if (built.node->kind != YamlNode::Kind::kSequence || !are_maps) {
    Refuse(line, "the merge key << takes a map or a list of maps");
    return;
  }
  for (const YamlNodePtr& item : items) {
    TakeEntries(open, *item, line);
  }
}

void YamlBuilder::TakeEntries(Open& open, const YamlNode& from, int line) {
  if (!has_failed_ && Charge(line, from.entries.size(), 0)) {
    open.size += from.entries.size();
    open.merged.insert(open.merged.end(), from.entries.begin(), from.entries.end());
  }
}

void YamlBuilder::CloseMapping(Open& open) {
  std::unordered_set<std::string> keys;
  for (const YamlEntry& entry : open.node->entries) {
    if (!keys.insert(entry.key).second) {
      log_.Refuse(entry.line, Shown(entry.key), "this key is already there, in the same map");
    }
  }
  for (YamlEntry& entry : open.merged) {
    if (keys.insert(entry.key).second) {
      open.node->entries.push_back(std::move(entry));
    }
  }
}

YamlBuilder::Built YamlBuilder::Expand(int line, const std::string& text, bool is_string) {
  Expansion expansion = ExpandEnvironment(text, environment_);
  for (const std::string& complaint : expansion.complaints) {
    log_.Refuse(line, "", Shown(ReferencesIn(text)) + ": " + complaint);
  }
  for (const std::string& name : expansion.unset) {
    log_.Warn(line, "", "the environment variable " + Shown(name) + " is not set; empty is used",
              "${env:" + Shown(name) + ":-default} gives it a default");
  }
  expanded_bytes_ += expansion.text.size();
  if (expanded_bytes_ > kYamlExpandedBytesMax) {
    Refuse(line, "more than 1 MiB of values from environment variables");
    return {};
  }
  Built built;
  if (expansion.is_whole) {
    built = ReadVariable(line, text, expansion.text);
  }
  auto node = std::make_shared<YamlNode>(built.node ? *built.node : YamlNode{});
  if (!expansion.is_whole) {
    node->kind = YamlNode::Kind::kScalar;
    node->is_string = is_string || expansion.has_references;
  }
  node->line = line;
  node->text = std::move(expansion.text);
  node->variables = expansion.has_references ? text : "";
  node->has_unset_variable = !expansion.unset.empty();
  built.node = std::move(node);
  return built;
}

// As the Collector does: what is not YAML is a string.
YamlBuilder::Built YamlBuilder::ReadVariable(int line, const std::string& text,
                                             const std::string& value) {
  FaultLog faults("");
  YamlBuilder inside(environment_, faults);
  inside.outer_depth_ = outer_depth_ + open_.size();
  inside.nodes_ = nodes_;
  inside.value_line_ = line;
  inside.value_text_ = text;
  const bool is_yaml = !ParseYaml(value, inside).has_value();
  if (is_yaml) {
    for (const Fault& fault : faults.faults()) {
      log_.Refuse(fault.line, fault.key, fault.message);
    }
    nodes_ = inside.nodes_;
    has_failed_ = !inside.is_good();
    if (inside.root_.node) {
      return std::move(inside.root_);
    }
  }
  auto node = std::make_shared<YamlNode>();
  if (!is_yaml) {
    node->kind = YamlNode::Kind::kScalar;
    node->is_string = true;
  }
  return {std::move(node)};
}

}  // namespace router
