#include "router/app/yaml_events.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <sstream>
#include <string>
#include <string_view>

namespace router {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

// Hands the events on; only lines and tags are translated.
class Adapter : public YAML::EventHandler {
 public:
  explicit Adapter(YamlEvents& events) : events_(events) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    events_.OnNull(Line(mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    events_.OnAlias(Line(mark), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    bool is_string = tag == "!";
    if (tag.starts_with(kTagPrefix)) {
      const std::string_view name = std::string_view(tag).substr(kTagPrefix.size());
      is_string = name == "str";
      if (!is_string && name != "int" && name != "float" && name != "bool" && name != "null") {
        events_.OnUnknownTag(Line(mark));
      }
    } else if (!is_string && tag != "?" && !tag.empty()) {
      events_.OnUnknownTag(Line(mark));
    }
    events_.OnScalar(Line(mark), value, is_string, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Start(mark, tag, "seq", YamlEvents::Collection::kSequence, anchor);
  }
  void OnSequenceEnd() override { events_.OnEnd(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Start(mark, tag, "map", YamlEvents::Collection::kMapping, anchor);
  }
  void OnMapEnd() override { events_.OnEnd(); }

 private:
  static int Line(const YAML::Mark& mark) { return mark.line + 1; }

  void Start(const YAML::Mark& mark, const std::string& tag, std::string_view own_tag,
             YamlEvents::Collection kind, YAML::anchor_t anchor) {
    const bool is_known =
        tag.empty() || tag == "?" || tag == "!" || tag == std::string(kTagPrefix).append(own_tag);
    if (!is_known) {
      events_.OnUnknownTag(Line(mark));
    }
    events_.OnStart(Line(mark), kind, anchor);
  }

  YamlEvents& events_;
};

// Later versions of yaml-cpp repeat the name: perhaps that is a password that begins with `*`.
std::string MessageOf(const YAML::Exception& exception) {
  constexpr std::string_view kNoAnchor = "the referenced anchor is not defined";
  if (!exception.msg.starts_with(kNoAnchor)) return exception.msg;
  return std::string(kNoAnchor) + "; a value that begins with * needs quotes";
}

}  // namespace

std::optional<YamlSyntaxError> ParseYaml(std::string_view text, YamlEvents& events) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Adapter adapter(events);
    if (parser.HandleNextDocument(adapter) && parser) {
      return YamlSyntaxError{0, 0, "more than one YAML document; only one is read"};
    }
  } catch (const YAML::Exception& exception) {
    return YamlSyntaxError{exception.mark.line + 1, exception.mark.column + 1,
                           MessageOf(exception)};
  } catch (const std::exception& exception) {
    return YamlSyntaxError{0, 0, exception.what()};
  }
  return std::nullopt;
}

}  // namespace router
