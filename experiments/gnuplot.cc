#include "experiments/gnuplot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/files.h"

namespace strider {
namespace {

// Pixels of the SVG's height.
constexpr int kTitleHeight = 64;
constexpr int kKeyRowHeight = 21;

// Fonts are named once more for the bold title because gnuplot keeps no weight of the current font.
std::string Preamble(const PictureFrame& frame) {
  const int key_rows = (frame.key_entries + 2) / 3;
  const double height = frame.height;
  const int header = kTitleHeight + kKeyRowHeight * key_rows + (key_rows > 0 ? 14 : 4) + frame.axis_above;
  const double plot_top = 1 - header / height;
  std::string text = fmt::format(
      "# Draw this again: gnuplot -c THIS_FILE png FILE.png, or svg FILE.svg\n"
      "if (ARG1 eq 'png') {{\n"
      "  set terminal pngcairo noenhanced size 1600,{} font 'DejaVu Sans,22' linewidth 2 background "
      "'#ffffff'\n"
      "  title_font = 'DejaVu Sans Bold,26'\n"
      "}} else {{\n"
      "  set terminal svg noenhanced size 800,{} font 'DejaVu Sans,12' linewidth 1 background '#ffffff'\n"
      "  title_font = 'DejaVu Sans Bold,14'\n"
      "}}\n"
      "set output ARG2\n"
      "set encoding utf8\n",
      2 * frame.height, frame.height);
  text += fmt::format("set label 1 {} at graph 0, screen {:.4f} left font title_font textcolor '#222222'\n",
                      GnuplotText(frame.title), 1 - 22 / height);
  text += fmt::format("set label 2 {} at graph 0, screen {:.4f} left textcolor '#666666'\n",
                      GnuplotText(frame.subtitle), 1 - 47 / height);
  text += fmt::format("set tmargin at screen {:.4f}\n", plot_top);
  text += key_rows == 0 ? "unset key\n"
                        : fmt::format(
                              "set key at graph 0, screen {:.4f} left top horizontal maxcols 3 Left reverse "
                              "samplen 1.2 spacing 1.1 textcolor '#333333'\n",
                              1 - kTitleHeight / height);
  return text +
         "set border 3 linecolor '#666666' linewidth 0.8\n"
         "set tics nomirror out scale 0.5 textcolor '#333333'\n"
         "set grid xtics ytics back linetype 1 linewidth 0.5 linecolor '#e4e4e4'\n"
         "set style fill transparent solid 0.18 noborder\n";
}

std::string ReadAll(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t size = ::read(descriptor, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

// Runs `gnuplot -c script format output`.
void RunGnuplot(const std::filesystem::path& script, const std::string& format,
                const std::filesystem::path& output) {
  std::vector<std::string> words{"gnuplot", "-c", script.string(), format, output.string()};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  std::array<int, 2> messages{};
  if (::pipe2(messages.data(), O_CLOEXEC) != 0)
    throw WorkError("cannot run gnuplot: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, messages[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, messages[1], STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, words[0].c_str(), &actions, nullptr, arguments.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(messages[1]);
  const std::string said = error == 0 ? ReadAll(messages[0]) : "";
  ::close(messages[0]);
  if (error == ENOENT) {
    throw WorkError("pictures need gnuplot, which is not installed; on Debian: apt-get install gnuplot-nox");
  }
  if (error != 0) throw WorkError("cannot run gnuplot: {}", std::strerror(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (status != 0) throw WorkError("gnuplot could not draw {}: {}", script.string(), said);
}

}  // namespace

std::string GnuplotText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c == '\n' ? ' ' : c);
  return quoted + "'";
}

std::string GnuplotColour(std::size_t index) {
  constexpr std::array<std::string_view, 7> kColours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                     "#E69F00", "#56B4E9", "#333333"};
  return GnuplotText(kColours[index % kColours.size()]);
}

void DrawPicture(const PictureFrame& frame, std::string_view plot, const std::filesystem::path& base) {
  const std::filesystem::path folder = base.parent_path() / "data";
  MakeFolders(folder);
  const std::filesystem::path script = folder / (base.filename().string() + ".gp");
  WriteTextWhole(script, Preamble(frame) + std::string(plot));
  for (const std::string format : {"png", "svg"}) {
    WriteWhole(base.string() + "." + format,
               [&](const std::filesystem::path& temporary) { RunGnuplot(script, format, temporary); });
  }
}

std::string PictureFormat(const std::filesystem::path& file) {
  std::string ending = file.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  if (ending == ".png" || ending == ".svg") return ending.substr(1);
  throw InputError("picture '{}': expected a name that ends in .png or .svg", file.string());
}

void DrawPictureFile(const PictureFrame& frame, std::string_view plot, const std::filesystem::path& file) {
  const std::string format = PictureFormat(file);
  struct Scratch {
    std::filesystem::path path;
    ~Scratch() {
      std::error_code ignored;
      std::filesystem::remove(path, ignored);
    }
  };
  WriteWhole(file, [&](const std::filesystem::path& temporary) {
    const Scratch script{temporary.string() + ".gp"};
    WriteTextWhole(script.path, Preamble(frame) + std::string(plot));
    RunGnuplot(script.path, format, temporary);
  });
}

}  // namespace strider
