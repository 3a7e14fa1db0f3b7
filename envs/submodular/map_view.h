// What a picture of an environment from above shows.
#pragma once

#include <string>
#include <vector>

namespace strider {

struct MapPoint {
  double x = 0;
  double y = 0;
};

// A line, such as the border of a track.
using MapLine = std::vector<MapPoint>;

// Squares of side `cell` in rows, x along the columns and y along the rows, from a corner at `origin` on; and
// lines.
struct MapPicture {
  std::string legend;  // what the squares' shades are, and what is worth knowing of the map
  int rows = 0;
  int columns = 0;
  double cell = 1;
  MapPoint origin = {};
  bool rows_down = false;      // the first row is drawn at the top
  bool kinds = false;          // shades are the numbers of kinds, of which none is more than another
  std::vector<double> shades;  // (rows x columns) NaN: a wall, or a square of no kind
  std::vector<bool> marked;    // (rows x columns) covered so far
  std::vector<MapLine> lines;
};

// An environment that can be drawn as a map with the way that was taken on it.
class MapView {
 public:
  virtual ~MapView() = default;
  // As it stands now.
  virtual MapPicture Map() const = 0;
  // Where the agent is, in the map's units.
  virtual MapPoint Position() const = 0;

 protected:
  MapView() = default;
  MapView(const MapView&) = default;
  MapView& operator=(const MapView&) = default;
};

}  // namespace strider
