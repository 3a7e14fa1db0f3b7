// Showing a person how far a long piece of work has come.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace strider {

// Where progress is shown, and by which clock.
struct ProgressOutput {
  std::function<void(std::string_view)> write;
  std::function<double()> seconds;  // any origin, never going back
  bool terminal = false;            // one line, rewritten; otherwise plain lines
  int width = 80;                   // columns of the terminal
};

// Standard error and the steady clock; shows nothing where `quiet`.
ProgressOutput StandardError(bool quiet = false);

// One line: title, bar, percentage, steps, steps per second, time left and a short status:
//   td3bc hopper  ━━━━━━━━━──────  60 %  6,000/10,000 updates  120/s  ETA 0:33  return 1,234
// It is there from the start, then is rewritten at most ten times a second on a terminal; elsewhere (a file,
// a pipe) a plain line is written at most every ten seconds. Not thread-safe.
class ProgressBar {
 public:
  // `total` steps in all, of which `done` are behind us already (a resumed run). `unit` is what a step is, in
  // the plural.
  ProgressBar(std::string title, std::int64_t total, std::string unit, ProgressOutput output,
              std::int64_t done = 0);
  // Leaves what is shown as it is and ends the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `done` of the total are behind us. Cheap enough for every step. The status stays until the next one.
  void Update(std::int64_t done);
  void Update(std::int64_t done, std::string_view status);

  // Shows the last state with the time that it all took. Nothing is shown after that.
  void Finish();

 private:
  void Show(double now);
  std::string Line(double now) const;
  void Write(const std::string& line);

  std::string title_;
  std::int64_t total_;
  std::string unit_;
  ProgressOutput output_;
  std::string status_;
  double start_;
  std::int64_t start_done_;
  double shown_at_;
  std::int64_t shown_done_;
  std::int64_t done_;
  // Steps and seconds of the past, fading over half a minute: their quotient is the present speed.
  double recent_steps_ = 0;
  double recent_seconds_ = 0;
  bool finished_ = false;
};

}  // namespace strider
