#include "experiments/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace strider {
namespace {

constexpr double kTerminalSeconds = 0.1;
constexpr double kPlainSeconds = 10;
constexpr double kMemorySeconds = 30;  // how long the present speed remembers the past
constexpr int kLongestBar = 30;        // columns

int TerminalWidth() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// "1,234,567"; REQUIRES: number >= 0.
std::string Grouped(std::int64_t number) {
  if (number < 1000) return std::to_string(number);
  return fmt::format("{},{:03}", Grouped(number / 1000), number % 1000);
}

// "850", "12.3k", "1.2M"
std::string Short(double number) {
  if (number < 10) return fmt::format("{:.1f}", number);
  if (number < 1e4) return fmt::format("{:.0f}", number);
  if (number < 1e6) return fmt::format("{:.1f}k", number / 1e3);
  return fmt::format("{:.1f}M", number / 1e6);
}

// "0:33", "1:02:03"
std::string Clock(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::lround(std::clamp(seconds, 0.0, 3.6e8)));
  const std::int64_t hours = whole / 3600;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string Bar(double share, int columns) {
  std::string bar;
  const auto filled = static_cast<int>(std::lround(share * columns));
  for (int i = 0; i < columns; ++i) bar += i < filled ? "━" : "─";
  return bar;
}

}  // namespace

ProgressOutput StandardError(bool quiet) {
  ProgressOutput output;
  output.terminal = ::isatty(STDERR_FILENO) != 0;
  output.width = TerminalWidth();
  output.write = [quiet](std::string_view text) {
    if (!quiet) std::fwrite(text.data(), 1, text.size(), stderr);
  };
  output.seconds = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  return output;
}

ProgressBar::ProgressBar(std::string title, std::int64_t total, std::string unit, ProgressOutput output,
                         std::int64_t done)
    : title_(std::move(title)),
      total_(total),
      unit_(std::move(unit)),
      output_(std::move(output)),
      start_(output_.seconds()),
      start_done_(done),
      shown_at_(start_),
      shown_done_(done),
      done_(done) {
  Write(Line(start_));
}

ProgressBar::~ProgressBar() {
  if (!finished_ && output_.terminal) output_.write("\n");
}

void ProgressBar::Update(std::int64_t done) {
  done_ = done;
  const double now = output_.seconds();
  if (!finished_ && now - shown_at_ >= (output_.terminal ? kTerminalSeconds : kPlainSeconds)) Show(now);
}

void ProgressBar::Update(std::int64_t done, std::string_view status) {
  status_ = status;
  Update(done);
}

void ProgressBar::Finish() {
  if (finished_) return;
  finished_ = true;
  Show(output_.seconds());
  if (output_.terminal) output_.write("\n");
}

void ProgressBar::Show(double now) {
  const double seconds = now - shown_at_;
  const double kept = std::exp(-seconds / kMemorySeconds);
  recent_steps_ = kept * recent_steps_ + static_cast<double>(done_ - shown_done_);
  recent_seconds_ = kept * recent_seconds_ + seconds;
  shown_at_ = now;
  shown_done_ = done_;
  Write(Line(now));
}

std::string ProgressBar::Line(double now) const {
  const double share =
      total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0) : 1;
  std::string numbers =
      fmt::format("{:3.0f} %  {}/{} {}", std::floor(100 * share), Grouped(done_), Grouped(total_), unit_);
  if (finished_) {
    const double seconds = std::max(now - start_, 1e-3);
    numbers += fmt::format("  {}/s  in {}", Short(static_cast<double>(done_ - start_done_) / seconds),
                           Clock(seconds));
  } else if (recent_steps_ > 0) {
    const double rate = recent_steps_ / recent_seconds_;
    numbers += fmt::format("  {}/s  ETA {}", Short(rate), Clock(static_cast<double>(total_ - done_) / rate));
  }
  if (!status_.empty()) numbers += fmt::format("  {}", status_);
  if (!output_.terminal) return fmt::format("{}  {}", title_, numbers);
  // The bar takes what the words leave; the last column stays free, because writing there wraps some
  // terminals.
  const int free = output_.width - 1 - static_cast<int>(title_.size() + numbers.size()) - 4;
  std::string line = free >= 5
                         ? fmt::format("{}  {}  {}", title_, Bar(share, std::min(free, kLongestBar)), numbers)
                         : fmt::format("{}  {}", title_, numbers);
  if (free < 5) line.resize(std::min(line.size(), static_cast<std::size_t>(std::max(output_.width - 1, 0))));
  return line;
}

void ProgressBar::Write(const std::string& line) {
  // Back to the first column, the line, and nothing of the line before it.
  output_.write(output_.terminal ? fmt::format("\r{}\x1b[K", line) : line + "\n");
}

}  // namespace strider
