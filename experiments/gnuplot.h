// Pictures drawn by gnuplot.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace strider {

// Text as a gnuplot string constant, in single quotes.
std::string GnuplotText(std::string_view text);

// The colour of the n-th thing that is compared, as a gnuplot string constant. Seven colours that people with
// colour blindness tell apart (Okabe and Ito's set, without its yellow), then the same again.
std::string GnuplotColour(std::size_t index);

// What a picture looks like before anything is drawn in it.
struct PictureFrame {
  std::string title;
  std::string subtitle;
  int height = 500;     // pixels of the SVG, which is 800 wide; the PNG has twice as many
  int key_entries = 0;  // names in the legend between subtitle and plot, three in a row
  int axis_above = 0;   // pixels left for an axis above the plot
};

// Draws `plot` (gnuplot commands, with their data inline) in the suite's style and writes BASE.png and
// BASE.svg, each whole, and the script to data/NAME.gp beside them, for whoever wants to change the picture:
//   gnuplot -c NAME.gp png FILE.png
// Throws WorkError where gnuplot is not installed or refuses the script.
void DrawPicture(const PictureFrame& frame, std::string_view plot, const std::filesystem::path& base);

// "png" or "svg", from a file's ending. InputError for any other.
std::string PictureFormat(const std::filesystem::path& file);

// Draws one file alone, in the format that its ending names. Errors as above, and PictureFormat's.
void DrawPictureFile(const PictureFrame& frame, std::string_view plot, const std::filesystem::path& file);

}  // namespace strider
