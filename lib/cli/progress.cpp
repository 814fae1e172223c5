#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

namespace voip::cli {

namespace {

void to_terminal(const std::string& text) {
  // Progress that can't be shown is no loss.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

void ProgressSource::show() {
  const Clock::time_point now = Clock::now();
  if (now - started_ < std::chrono::seconds{1} || (visible_ && now - shown_ < std::chrono::milliseconds{200})) return;
  shown_ = now;
  visible_ = true;
  const double part = source_.progress();
  std::string text = fmt::format("\r\x1b[K{} packets", packets_);
  if (part > 0) text += fmt::format(", {:.0f} %", part * 100);
  to_terminal(text);
}

void ProgressSource::erase() {
  if (visible_) to_terminal("\r\x1b[K");
  visible_ = false;
}

}  // namespace voip::cli
