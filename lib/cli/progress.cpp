#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <string>

namespace voip::cli {

namespace {

void to_terminal(std::string_view text) {
  // Progress that can't be shown is no loss.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

// What the signal handler may touch. One run at a time, so they may be global.
std::array<char, 64> g_tool{};            // NOLINT
std::atomic<std::uint64_t> g_packets{0};  // NOLINT
std::atomic<unsigned> g_percent{0};       // NOLINT
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Only what signal-safety(7) allows.
void on_status_signal(int) {
  const int kept = errno;
  std::array<char, 160> line{};
  std::size_t used = 0;
  const auto put = [&](const char* text) {
    while (*text != '\0' && used < line.size()) line[used++] = *text++;
  };
  const auto put_number = [&](std::uint64_t number) {
    std::array<char, 21> digits{};
    std::size_t at = digits.size() - 1;
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    put(digits.data() + at);
  };
  put(g_tool.data());
  put(": ");
  put_number(g_packets);
  put(" packets");
  if (const unsigned percent = g_percent; percent != 0) {
    put(", ");
    put_number(percent);
    put(" %");
  }
  put("\n");
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), used);
  errno = kept;
}

}  // namespace

std::string duration_text(std::chrono::seconds duration) {
  const auto s = duration.count();
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

Progress::Progress(std::string_view tool, bool visible) : visible_(visible), started_(Clock::now()) {
  g_tool.fill('\0');
  std::ranges::copy(tool.substr(0, g_tool.size() - 1), g_tool.begin());
  g_packets = 0;
  g_percent = 0;
  struct sigaction action {};
  action.sa_handler = on_status_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &action, nullptr);
}

// The handler stays: a late signal must not end a program that is writing its report.
Progress::~Progress() { erase(); }

void Progress::update(std::uint64_t packets, double part) {
  g_packets = packets;
  g_percent = static_cast<unsigned>(std::clamp(part, 0.0, 1.0) * 100);
  if (!visible_) return;
  const Clock::time_point now = Clock::now();
  if (now - started_ < std::chrono::seconds{1} || (shown_ && now - last_ < std::chrono::milliseconds{200})) return;
  last_ = now;
  shown_ = true;
  const double elapsed = std::chrono::duration<double>(now - started_).count();
  const double rate = static_cast<double>(packets) / elapsed;
  std::string text = fmt::format("\r\x1b[K{} packets, {:.0f} a second", packets, rate);
  if (part > 0 && part <= 1) {
    const std::chrono::seconds left{std::llround(elapsed * (1 - part) / part)};
    text += fmt::format(", {:.0f} %, {} left", part * 100, duration_text(left));
  }
  to_terminal(text);
}

void Progress::erase() {
  if (shown_) to_terminal("\r\x1b[K");
  shown_ = false;
}

}  // namespace voip::cli
