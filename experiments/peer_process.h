// Another program that answers questions line by line.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace strider {

// Starts `words` (a program, looked for in PATH, and its arguments) with its standard input and output
// connected to this object, and ends it with the object. Throws InputError where the program cannot be
// started.
class PeerProcess {
 public:
  explicit PeerProcess(const std::vector<std::string>& words);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // One line there, one line back, without its end. Throws WorkError where the program has ended.
  std::string Ask(const std::string& line);

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  std::string program_;
  int process_ = -1;
  std::unique_ptr<std::FILE, Close> input_;
  std::unique_ptr<std::FILE, Close> output_;
};

// The scripts experiments/benchmarks/*_peers.py, for `python -c`.
std::string_view EnvPeersScript();
std::string_view DatasetPeersScript();
std::string_view MetricPeersScript();
std::string_view OfflinePeersScript();
std::string_view OnlinePeersScript();

}  // namespace strider
