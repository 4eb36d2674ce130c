// JsonText: a JSON text while it is written, commas and escapes included.
//
// Inside an object every call names its key, inside an array none does.
// Thread safety: one thread. Strings that are not UTF-8 get U+FFFD for what is not.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace router {

class JsonText {
 public:
  void BeginObject(std::string_view key = {}) { Open(key, '{'); }
  void EndObject() { Close('}'); }
  void BeginArray(std::string_view key = {}) { Open(key, '['); }
  void EndArray() { Close(']'); }

  void Field(std::string_view key, std::string_view value);
  void Field(std::string_view key, const char* value) { Field(key, std::string_view(value)); }
  void Field(std::string_view key, bool value);
  void Field(std::string_view key, double value);
  void Null(std::string_view key);
  template <std::integral T>
  requires(!std::same_as<T, bool>) void Field(std::string_view key, T value) {
    Name(key);
    text_ += std::to_string(value);
  }
  void Item(std::string_view value) { Field({}, value); }

  std::string Take() { return std::move(text_); }

 private:
  void Open(std::string_view key, char bracket);
  void Close(char bracket);
  void Name(std::string_view key);
  void Quote(std::string_view text);

  std::string text_;
  bool has_before_ = false;  // the next value needs a comma
};

}  // namespace router
