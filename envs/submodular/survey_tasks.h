// The tasks on grids of "Submodular Reinforcement Learning" (arXiv 2307.13372; SubPO sheet, section 3).
#pragma once

#include <string>
#include <vector>

#include "envs/submodular/survey.h"

namespace strider {

// How large the grid is.
struct GridSize {
  int rows = 30;
  int columns = 30;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("rows", rows, "rows of the grid", InRange(1, 100));
    visit("columns", columns, "columns of the grid", InRange(1, 100));
  }
  int cells() const { return rows * columns; }
};

// From every cell one sees the cell itself, the next in its row, the next in its column and the one across
// (small, 2 x 2), or what is seen from these four (large, 3 x 3), within the grid.
struct Footprint {
  std::string footprint = "small";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    visit("footprint", footprint, "cells seen from a cell: small, 2 x 2, or large, 3 x 3",
          OneOf({"small", "large"}));
  }
};

// GridCoverage-v0: the number of cells seen.
struct GridCoverageTask {
  SurveyConfig survey{.max_episode_steps = 79};
  GridSize grid;
  Footprint footprint;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    survey.Visit(visit);
    grid.Visit(visit);
    footprint.Visit(visit);
  }
  SurveyTask Make() const;
};

// BimodalCoverage-v0: cells seen, weighted by 1 / (1 + exp(-u_x u_y)), u from -1 to 1 along each side: two
// opposite corners are worth more.
struct BimodalCoverageTask {
  SurveyConfig survey;
  GridSize grid;
  Footprint footprint;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    survey.Visit(visit);
    grid.Visit(visit);
    footprint.Visit(visit);
  }
  SurveyTask Make() const;
};

// InformativePath-v0: cells seen, weighted by a positive draw of a Gaussian process (GridPosterior with one
// observation; 3 is added, or the minimum taken off where that is lower).
struct InformativePathTask {
  SurveyConfig survey;
  GridSize grid;
  Footprint footprint;
  int map_seed = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    survey.Visit(visit);
    grid.Visit(visit);
    footprint.Visit(visit);
    visit("map_seed", map_seed, "which draw of the map", AtLeast(0));
  }
  SurveyTask Make() const;
};

// Biodiversity-v0: cells seen, weighted by a density, on a map of one's own. The authors' map of gorilla
// nests was not released; "synthetic" is a made-up one.
struct BiodiversityTask {
  SurveyConfig survey;
  Footprint footprint;
  std::string map = "synthetic";
  int map_seed = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    survey.Visit(visit);
    footprint.Visit(visit);
    visit("map", map,
          "CSV file of the density, a line for each row of the grid; synthetic: a made-up one of 30 x 30",
          FileOr("synthetic"));
    visit("map_seed", map_seed, "which synthetic map", AtLeast(0));
  }
  SurveyTask Make() const;
};

// TwoRooms-v0: the number of free cells seen, on 7 x 14 cells of which columns 0 to 3 and 10 to 13 are rooms
// and rows 2 and 3 the corridor between them: 68 free cells.
struct TwoRoomsTask {
  SurveyConfig survey;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    survey.Visit(visit);
  }
  SurveyTask Make() const;
};

// ItemCollection-v0: sum over kinds of min(distinct cells visited that hold the kind, how many are wanted).
// The defaults are layout 0 of the authors' release, where 21 can be had and the myopic walk gets 9.
struct ItemCollectionTask {
  SurveyConfig survey;
  GridSize grid{7, 15};
  std::vector<int> wanted{3, 2, 3, 4, 6, 3};
  std::string items =
      "0 8 14 34 41 44 48 51 52 72 78 83 84 90 91 94 96 100/1 2 4 9 11 22 24 25 29 35 36 50 68 104/"
      "12 15 37 46 57 58 65 71 74 86 92 95 101/5 13 17 33 38 40 47 60 69 73 79 80 87 88 93 103/"
      "3 16 18 19 26 28 45 49 53 55 61 62 66 67 70 77 89 99/7 20 30 31 32 54 59 63 64 76 81 85 98 102";

  template <class Visitor>
  void Visit(Visitor&& visit) {
    survey.Visit(visit);
    grid.Visit(visit);
    visit("wanted", wanted, "how many of each kind of item count", AtLeast(0));
    visit("items", items,
          "numbers of the cells that hold each kind of item, separated by blanks; kinds separated by /");
  }
  SurveyTask Make() const;
};

// ExperimentDesign-v0: what measurements at the visited cells tell about a Gaussian process (GridPosterior
// with 5 observations), 1/2 ln det(I + K / noise). Measuring a cell again counts.
struct ExperimentDesignTask {
  SurveyConfig survey;
  GridSize grid;
  double noise = 1e-6;
  int map_seed = 0;

  template <class Visitor>
  void Visit(Visitor&& visit) {
    survey.Visit(visit);
    grid.Visit(visit);
    visit("noise", noise, "variance of a measurement's noise", Above(0));
    visit("map_seed", map_seed, "where the process has been observed before", AtLeast(0));
  }
  SurveyTask Make() const;
};

}  // namespace strider
