#pragma once

#include <string>
#include <string_view>

namespace voip::render {

// Where rendered bytes go. Errors are the taker's: it remembers them and swallows the rest.
class Output {
 public:
  virtual ~Output() = default;
  virtual void write(std::string_view bytes) = 0;
};

class StringOutput final : public Output {
 public:
  void write(std::string_view bytes) override { text_ += bytes; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace voip::render
