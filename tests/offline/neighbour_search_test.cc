// The PRDC sheet, section 9, cases 1, 2, 4, 5, 6 and 10; and the same answers on an accelerator.
#include "offline/neighbour_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "offline/blocked_neighbours.h"
#include "tests/experiments/temporary_folder.h"

namespace strider {
namespace {

using ::testing::HasSubstr;

std::vector<float> Normals(std::size_t count, std::uint64_t seed) {
  Pcg64 random(seed);
  std::vector<float> numbers(count);
  for (float& x : numbers) x = static_cast<float>(random.StandardNormal());
  return numbers;
}

// Rows of states and actions, and their search.
struct Rows {
  int states;
  int actions;
  std::vector<float> s;
  std::vector<float> a;

  std::size_t count() const { return a.size() / static_cast<std::size_t>(actions); }
  NeighbourSearch Search(double beta) const { return {s, states, a, actions, beta}; }

  // The key of a row, and a query made the same way.
  std::vector<float> Key(std::size_t row, double beta) const {
    std::vector<float> key;
    for (int i = 0; i < states; ++i) {
      key.push_back(static_cast<float>(beta) *
                    s[row * static_cast<std::size_t>(states) + static_cast<std::size_t>(i)]);
    }
    for (int i = 0; i < actions; ++i) {
      key.push_back(a[row * static_cast<std::size_t>(actions) + static_cast<std::size_t>(i)]);
    }
    return key;
  }

  // All rows by squared distance in double, then by number.
  std::vector<std::pair<double, std::int64_t>> BruteForce(const std::vector<float>& query,
                                                          double beta) const {
    std::vector<std::pair<double, std::int64_t>> all;
    for (std::size_t row = 0; row < count(); ++row) {
      const std::vector<float> key = Key(row, beta);
      double squared = 0;
      for (std::size_t i = 0; i < key.size(); ++i) {
        const double difference = static_cast<double>(query[i]) - static_cast<double>(key[i]);
        squared += difference * difference;
      }
      all.emplace_back(squared, static_cast<std::int64_t>(row));
    }
    std::ranges::sort(all);
    return all;
  }
};

// 2000 rows, the last 100 being copies of earlier ones.
Rows RandomRows(int width) {
  const int actions = width == 5 ? 2 : (width == 14 ? 3 : 6);
  const int states = width - actions;
  Rows rows{states, actions, Normals(2000 * static_cast<std::size_t>(states), 1),
            Normals(2000 * static_cast<std::size_t>(actions), 2)};
  std::copy_n(rows.s.begin() + 50 * states, 100 * states, rows.s.begin() + 1900 * states);
  std::copy_n(rows.a.begin() + 50 * actions, 100 * actions, rows.a.begin() + 1900 * actions);
  return rows;
}

TEST(NeighbourSearch, Case1EqualsBruteForce) {
  for (const int width : {5, 14, 23, 37}) {
    constexpr double kBeta = 1.3;
    constexpr int kNearest = 4;
    const Rows rows = RandomRows(width);
    const NeighbourSearch search = rows.Search(kBeta);
    ASSERT_EQ(search.rows(), 2000);
    const std::vector<float> drawn = Normals(500 * static_cast<std::size_t>(width), 3);
    for (std::size_t q = 0; q < 500; ++q) {
      std::vector<float> query(drawn.begin() + static_cast<std::ptrdiff_t>(q) * width,
                               drawn.begin() + static_cast<std::ptrdiff_t>(q + 1) * width);
      // A quarter of the queries are rows of the data, of copies among them.
      const bool is_row = q % 4 == 0;
      const std::size_t row = 1875 + q / 4;
      if (is_row) query = rows.Key(row, kBeta);
      const auto expected = rows.BruteForce(query, kBeta);
      const auto found = search.Nearest(query, kNearest);
      ASSERT_EQ(found.size(), kNearest);
      for (std::size_t k = 0; k < kNearest; ++k) {
        EXPECT_EQ(found[k].row, expected[k].second) << "width " << width << ", query " << q;
        const double distance = std::sqrt(expected[k].first);
        EXPECT_NEAR(found[k].distance, distance, 1e-9 * distance);
      }
      if (is_row) {
        EXPECT_EQ(found[0].distance, 0);
        // Of two equal rows the first one is found first.
        EXPECT_EQ(found[0].row, static_cast<std::int64_t>(row < 1900 ? row : row - 1850));
      }
    }
  }
}

TEST(NeighbourSearch, TiesGoToTheLowestRow) {
  // A grid: from its centres many rows are equally far.
  Rows rows{2, 1, {}, {}};
  for (int copy = 0; copy < 3; ++copy) {
    for (int i = 0; i < 4 * 4 * 4; ++i) {
      const int second = i / 4 % 4;
      const int third = i / 16;
      rows.s.insert(rows.s.end(), {static_cast<float>(i % 4), static_cast<float>(second)});
      rows.a.push_back(static_cast<float>(third));
    }
  }
  const NeighbourSearch search = rows.Search(1);
  for (const std::vector<float>& query : {std::vector<float>{0.5F, 0.5F, 0.5F}, {1.5F, 2, 2.5F}, {1, 1, 1}}) {
    const auto expected = rows.BruteForce(query, 1);
    const auto found = search.Nearest(query, 30);
    for (std::size_t k = 0; k < 30; ++k) EXPECT_EQ(found[k].row, expected[k].second) << k;
  }
}

TEST(NeighbourSearch, NeitherThreadsNorKnownRowsChangeTheAnswer) {
  const Rows rows = RandomRows(14);
  const NeighbourSearch search = rows.Search(2);
  constexpr std::size_t kQueries = 101;
  const std::vector<float> queries = Normals(kQueries * 14, 3);
  for (const int k : {1, 2, 7}) {
    std::vector<std::int64_t> expected;
    for (std::size_t q = 0; q < kQueries; ++q) {
      const std::vector<float> query(queries.begin() + static_cast<std::ptrdiff_t>(q) * 14,
                                     queries.begin() + static_cast<std::ptrdiff_t>(q + 1) * 14);
      expected.push_back(rows.BruteForce(query, 2)[static_cast<std::size_t>(k - 1)].second);
    }
    const std::vector<std::int64_t> far(kQueries, 1234);
    std::vector<std::int64_t> two;  // of each query: none, and the answer itself or a row of no use
    for (std::size_t q = 0; q < kQueries; ++q) two.insert(two.end(), {-1, q % 2 == 0 ? expected[q] : 7});
    for (const std::vector<std::int64_t>& known : {std::vector<std::int64_t>{}, expected, far, two}) {
      std::vector<std::int64_t> found(kQueries);
      search.KthNearest(queries, k, known, found);
      EXPECT_EQ(found, expected) << "k " << k;
    }
  }
}

// Enough rows for boxes of boxes of boxes, in clumps such as trajectories make.
TEST(NeighbourSearch, ManyRowsEqualBruteForce) {
  Rows rows{3, 2, Normals(3 * 20001, 4), Normals(2 * 20001, 5)};
  for (std::size_t i = 3; i < rows.s.size(); ++i) rows.s[i] = rows.s[i - 3] + 0.02F * rows.s[i];
  const NeighbourSearch search = rows.Search(2);
  const std::vector<float> noise = Normals(2 * 200, 6);
  for (std::size_t q = 0; q < 200; ++q) {
    const std::size_t row = 100 * q + q % 7;
    std::vector<float> query = rows.Key(row, 2);
    query[3] += noise[2 * q];
    query[4] += noise[2 * q + 1];
    const auto expected = rows.BruteForce(query, 2);
    std::vector<std::int64_t> found(1);
    // In the end by the row's list, where that suffices; k = 30 needs more than is listed.
    for (int visit = 0; visit < NeighbourSearch::kListedVisit + 4; ++visit) {
      const int k = std::vector{1, 3, 30}[static_cast<std::size_t>(visit % 3)];
      const std::vector<std::int64_t> known = {static_cast<std::int64_t>(row)};
      search.KthNearest(query, k, known, found);
      EXPECT_EQ(found[0], expected[static_cast<std::size_t>(k - 1)].second) << "query " << q;
    }
  }
}

// Rows are kept as bytes between the ends of their leaf. Columns that hardly vary about a large number, that
// are tiny, huge, one number throughout, or mostly one number with a few far away, must hide no row.
TEST(NeighbourSearch, ColumnsOfAnyScaleEqualBruteForce) {
  constexpr std::size_t kRows = 3000;
  Rows rows{5, 1, {}, Normals(kRows, 5)};
  const std::vector<float> numbers = Normals(5 * kRows, 4);
  for (std::size_t row = 0; row < kRows; ++row) {
    const float* const x = &numbers[5 * row];
    rows.s.insert(rows.s.end(),
                  {1e4F + 0.01F * x[0], 1e-6F * x[1], 7, 300 * x[2], x[3] > 2 ? 1e3F * x[3] : 0});
  }
  const NeighbourSearch search = rows.Search(1);
  const std::vector<float> noise = Normals(6 * kRows, 6);
  for (std::size_t row = 0; row < kRows; row += 17) {
    for (const float scale : {0.0F, 1e-6F, 1e-3F, 1.0F}) {
      std::vector<float> query = rows.Key(row, 1);
      for (std::size_t i = 0; i < 6; ++i) query[i] += scale * noise[6 * row + i];
      const auto expected = rows.BruteForce(query, 1);
      for (const int k : {1, 2}) {
        EXPECT_EQ(search.Nearest(query, k).back().row, expected[static_cast<std::size_t>(k - 1)].second)
            << row << ", " << scale;
      }
    }
  }
}

// Turned numbers are rounded, the more the farther a row lies from the centre: here by about as much as
// neighbours are apart.
TEST(NeighbourSearch, OneRowFarAwayHidesNoOther) {
  Rows rows{2, 1, Normals(2 * 3000, 31), std::vector<float>(3000)};
  for (float& s : rows.s) s *= 0.02F;
  for (const float far : {1e6F, -3e6F, -1e7F, 3e7F, 1e18F, 1e36F}) {
    rows.s[2 * 1234] = far;
    rows.s[2 * 1234 + 1] = 0.7F * far;
    const NeighbourSearch search = rows.Search(1);
    for (std::size_t row = 0; row < 3000; row += 7) {
      std::vector<float> query = rows.Key(row, 1);
      query[0] += 2e-4F;
      const auto found = search.Nearest(query, 5);
      const auto expected = rows.BruteForce(query, 1);
      for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(found[i].row, expected[i].second) << "row " << row << ", rank " << i << ", far " << far;
      }
    }
  }
}

// States of a few neighbouring floats about a large number, whose distances are those of the actions: a step
// between the ends of a box is less than what a float there can tell apart.
TEST(NeighbourSearch, NeighbouringFloatsAreToldApart) {
  constexpr std::size_t kRows = 3000;
  constexpr float kStart = 1e4F;
  const float unit = std::nextafter(kStart, 2e4F) - kStart;
  Pcg64 random(9);
  const auto whole = [&](int below) { return static_cast<float>(random.Integers(0, below)); };
  for (const int values : {4, 12, 40}) {
    Rows rows{1, 1, {}, {}};
    const float reach = unit * static_cast<float>(values);
    for (std::size_t row = 0; row < kRows; ++row) {
      rows.s.push_back(kStart + unit * whole(values));
      rows.a.push_back(reach * whole(1000) / 1000);
    }
    const NeighbourSearch search = rows.Search(1);
    for (int i = 0; i < 200; ++i) {
      const std::vector<float> query = {kStart + unit * (whole(values + 6) - 3), reach * whole(1000) / 1000};
      EXPECT_EQ(search.Nearest(query, 1)[0].row, rows.BruteForce(query, 1)[0].second) << values << ", " << i;
    }
  }
}

// More rows of one state than a list holds, among which the lowest of equal actions counts.
TEST(NeighbourSearch, ListsOfEqualStatesKeepTies) {
  Rows rows{2, 1, {}, {}};
  for (int i = 0; i < 300; ++i) {
    rows.s.insert(rows.s.end(), {0.1F * static_cast<float>(i % 3), 0});
    rows.a.push_back(static_cast<float>(i % 5));
  }
  const NeighbourSearch search = rows.Search(1);
  for (const std::size_t row : {299, 2, 150}) {
    for (const float action : {0.0F, 2.5F, 4.0F}) {
      std::vector<float> query = rows.Key(row, 1);
      query[2] = action;
      for (int visit = 0; visit < NeighbourSearch::kListedVisit + 1; ++visit) {
        std::vector<std::int64_t> found(1);
        search.KthNearest(query, 1, std::vector<std::int64_t>{static_cast<std::int64_t>(row)}, found);
        EXPECT_EQ(found[0], rows.BruteForce(query, 1)[0].second) << row << ", " << action;
      }
    }
  }
}

TEST(NeighbourSearch, AQueryThatIsNotFiniteGetsSomeRow) {
  const Rows rows = RandomRows(5);
  const NeighbourSearch search = rows.Search(2);
  const std::vector<float> query(5, std::numeric_limits<float>::quiet_NaN());
  for (const std::vector<std::int64_t>& known : {std::vector<std::int64_t>{}, {12, -1}}) {
    std::vector<std::int64_t> found = {-1};
    search.KthNearest(query, 2, known, found);
    EXPECT_GE(found[0], 0);
    EXPECT_LT(found[0], 2000);
  }
}

TEST(BlockedKthNearest, EqualsTheSearchWithTiesToTheLowestRow) {
  const Rows rows = RandomRows(14);  // with copies
  const NeighbourSearch search = rows.Search(2);
  at::Tensor keys = at::empty({2000, 14}, at::kFloat);
  for (std::int64_t row = 0; row < 2000; ++row) {
    std::vector<float> key = rows.Key(static_cast<std::size_t>(row), 2);
    keys[row].copy_(at::from_blob(key.data(), {14}, at::kFloat));
  }
  std::vector<float> numbers = Normals(200 * 14, 3);
  const at::Tensor queries = at::from_blob(numbers.data(), {200, 14}, at::kFloat);
  queries.narrow(0, 0, 100).copy_(keys.narrow(0, 1900, 100));  // of copies: the row that was copied is found
  for (const int k : {1, 2, 5}) {
    std::vector<std::int64_t> expected(200);
    search.KthNearest(numbers, k, {}, expected);
    if (k <= 2) {
      EXPECT_EQ(expected[0], k == 1 ? 50 : 1900);
    }
    for (const std::int64_t block_rows : {1, 300, 2000, 5000}) {
      const at::Tensor found = BlockedKthNearest(queries, keys, k, block_rows);
      EXPECT_TRUE(at::equal(found, at::tensor(at::ArrayRef<std::int64_t>(expected), at::kLong)))
          << k << " in blocks of " << block_rows;
    }
  }
}

TEST(NeighbourSearch, Case2BetaFlipsTheNeighbour) {
  const Rows rows{1, 1, {0, 1}, {-1, 1}};
  const std::vector<float> query = {0, 0.9F};
  const auto nearest = [&](double beta) { return rows.Search(beta).Nearest(query, 1)[0]; };
  EXPECT_EQ(nearest(1.8).row, 1);
  EXPECT_NEAR(std::pow(nearest(1.8).distance, 2), 3.25, 1e-6);
  EXPECT_EQ(nearest(2).row, 0);
  EXPECT_NEAR(std::pow(nearest(2).distance, 2), 3.61, 1e-6);
  EXPECT_EQ(nearest(std::sqrt(3.60) - 1e-4).row, 1);
  EXPECT_EQ(nearest(std::sqrt(3.60) + 1e-4).row, 0);
}

double Distance(const float* x, const float* y, int size) {
  double squared = 0;
  for (int i = 0; i < size; ++i)
    squared += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
  return std::sqrt(squared);
}

TEST(NeighbourSearch, Case4LargerBetaMeansNearerStates) {
  const Rows rows = RandomRows(14);
  bool moved = false;
  for (std::size_t q = 0; q < 50; ++q) {
    const std::vector<float> s = Normals(11, 100 + q);
    const std::vector<float> p = Normals(3, 200 + q);
    double state_distance = std::numeric_limits<double>::infinity();
    double action_distance = 0;
    for (const double beta : {0.0, 0.5, 1.0, 2.0, 5.0, 50.0, 1e6}) {
      std::vector<float> query;
      for (const float x : s) query.push_back(static_cast<float>(beta) * x);
      query.insert(query.end(), p.begin(), p.end());
      const auto row = static_cast<std::size_t>(rows.Search(beta).Nearest(query, 1)[0].row);
      const double to_state = Distance(s.data(), rows.s.data() + row * 11, 11);
      const double to_action = Distance(p.data(), rows.a.data() + row * 3, 3);
      // Slack for the rounding of beta s in float32.
      EXPECT_LE(to_state, state_distance * (1 + 1e-5)) << "beta " << beta;
      EXPECT_GE(to_action, action_distance * (1 - 1e-5)) << "beta " << beta;
      moved = moved || (beta > 0 && to_state < 0.9 * state_distance);
      state_distance = to_state;
      action_distance = to_action;
    }
  }
  EXPECT_TRUE(moved);
}

TEST(NeighbourSearch, Case5Limits) {
  const Rows rows = RandomRows(14);
  const NeighbourSearch cloning = rows.Search(1e6);
  const NeighbourSearch actions_only = rows.Search(0);
  for (std::size_t q = 0; q < 50; ++q) {
    const std::vector<float> p = Normals(3, 200 + q);
    // A state of the data with any action: the row itself.
    std::vector<float> query = rows.Key(q + 200, 1e6);
    std::ranges::copy(p, query.begin() + 11);
    EXPECT_EQ(cloning.Nearest(query, 1)[0].row, static_cast<std::int64_t>(q + 200));

    std::fill_n(query.begin(), 11, 0.0F);
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t row = 0; row < 2000; ++row) {
      nearest = std::min(nearest, Distance(p.data(), rows.a.data() + row * 3, 3));
    }
    EXPECT_NEAR(actions_only.Nearest(query, 1)[0].distance, nearest, 1e-9);
  }
}

TEST(NeighbourSearch, Case6AmongEqualStatesTheNearestAction) {
  // Ten starts of one state, and another state with the best action of all.
  Rows rows{2, 1, {}, {}};
  for (int i = 0; i < 10; ++i) {
    rows.s.insert(rows.s.end(), {0.3F, -0.7F});
    rows.a.push_back(-0.9F + 0.2F * static_cast<float>(i));
  }
  rows.s.insert(rows.s.end(), {0.3F, -0.6F});
  rows.a.push_back(0.55F);
  std::vector<float> query = rows.Key(0, 1e6);  // logged with action -0.9
  query[2] = 0.55F;
  EXPECT_EQ(rows.Search(1e6).Nearest(query, 1)[0].row, 7);  // action 0.5
}

TEST(NeighbourSearch, Case10KIsTheKthAlone) {
  const Rows rows{1, 1, {0, 0, 0, 0}, {0.4F, 0.1F, 0.3F, 0.2F}};
  const NeighbourSearch search = rows.Search(1);
  const std::vector<float> query = {0, 0};
  for (const auto& [k, expected] : {std::pair{1, 1}, {2, 3}, {3, 2}, {4, 0}}) {
    std::vector<std::int64_t> row(1);
    search.KthNearest(query, k, {}, row);
    EXPECT_EQ(row[0], expected) << k;
  }
}

TEST(NeighbourSearch, NeedsFiniteNumbers) {
  Rows rows{1, 1, {1, 2, 6e35F}, {0, 0, 0}};
  EXPECT_EQ(rows.Search(1).rows(), 3);
  EXPECT_THAT(MessageOf<InputError>([&] { rows.Search(2); }), HasSubstr("row 2: the neighbour search needs"));
  rows.a[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(MessageOf<InputError>([&] { rows.Search(1); }), HasSubstr("row 1: the neighbour search needs"));
}

// Sums of their squares are beyond float32, and differences nearly so.
TEST(NeighbourSearch, HugeNumbersEqualBruteForce) {
  Pcg64 random(9);
  for (const double largest : {1e18, 1e20, 1e36}) {
    Rows rows{3, 2, {}, {}};
    for (int i = 0; i < 3 * 1000; ++i)
      rows.s.push_back(static_cast<float>(random.Uniform(-largest, largest)));
    for (int i = 0; i < 2 * 1000; ++i)
      rows.a.push_back(static_cast<float>(random.Uniform(-largest, largest)));
    const NeighbourSearch search = rows.Search(1);
    for (std::size_t row = 0; row < 100; ++row) {
      std::vector<float> query = rows.Key(row, 1);
      for (float& x : query) x += static_cast<float>(0.3 * largest * random.StandardNormal());
      EXPECT_EQ(search.Nearest(query, 1)[0].row, rows.BruteForce(query, 1)[0].second)
          << row << ", " << largest;
    }
  }
}

// Squares of such distances are too small for float32.
TEST(NeighbourSearch, TinyDistancesEqualBruteForce) {
  Rows rows = RandomRows(5);
  for (float& x : rows.s) x *= 1e-20F;
  for (float& x : rows.a) x *= 1e-20F;
  const NeighbourSearch search = rows.Search(1);
  for (std::size_t row = 0; row < 50; ++row) {
    std::vector<float> query = rows.Key(row, 1);
    query[0] += 3e-21F;
    EXPECT_EQ(search.Nearest(query, 2)[1].row, rows.BruteForce(query, 1)[1].second) << row;
  }
}

TEST(NeighbourSearch, NeedsAtLeastOneRow) {
  EXPECT_THAT(MessageOf<InputError>([] { NeighbourSearch({}, 2, {}, 1, 1); }),
              HasSubstr("at least one transition"));
}

}  // namespace
}  // namespace strider
