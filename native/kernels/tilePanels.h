// The heart of every product on matrix registers: four tiles of sums, from two of A and two of B. A packed chunk of A is two
// tiles as they are loaded, 16 rows of 16 cells each; one of B is two side by side.
#pragma once
#include "../simd/tiles.h"
#include "target.h"

namespace tl::TL_SET {

static_assert(kRows == 32 && kColumns == 32 && kCells == 16 && kPer == 2, "Two by two tiles of pairs");

// Chunks of the inner axis per pass: a B panel then leaves room in the first-level cache.
constexpr int64_t kPass = 18;

// Sums that were stored and still have to go to their target, which happens while the next ones are made.
class Finishing {
public:
  float *begin() {
    current_ ^= 1;
    return sums_[current_];
  }
  // The sums of the last `begin` are complete. Those before must be done.
  void ready(const Target &t, int64_t rows, int64_t columns) {
    target_ = t;
    rows_ = rows;
    columns_ = columns;
    next_ = 0;
    from_ = sums_[current_];
  }
  void rows(int64_t count) {
    for (; count > 0 && next_ < rows_; count--, next_++) row(from_ + next_ * kColumns, target_.at(next_, 0));
  }
  void all() { rows(kRows); }

private:
  void row(const float *sums, const Target &t) const {
    int64_t j = 0;
    for (; j + W <= columns_; j += W) {
      F y = load(sums + j) * t.alpha;
      if (t.accumulate) y += load(t.c + j);
      if (t.bias) y += load(t.bias + j);
      if (t.add) y += load(t.add + j);
      store(t.c + j, y);
    }
    for (; j < columns_; j++) {
      float y = sums[j] * t.alpha;
      if (t.accumulate) y += t.c[j];
      if (t.bias) y += t.bias[j];
      if (t.add) y += t.add[j];
      t.c[j] = y;
    }
  }
  alignas(64) float sums_[2][kRows * kColumns];
  Target target_{};
  const float *from_ = nullptr;
  int64_t rows_ = 0, columns_ = 0, next_ = 0;
  int current_ = 0;
};

inline void tileSums(const float *a, const float *b, int64_t chunks, Finishing &finishing) {
  constexpr int64_t line = 64, half = 16 * kCells;
  TL_TILE_ZERO(0);
  TL_TILE_ZERO(1);
  TL_TILE_ZERO(2);
  TL_TILE_ZERO(3);
  // What is pending is spread over the chunks.
  const int64_t rows = ceilDiv(kRows, most(1, chunks));
  for (int64_t chunk = 0; chunk < chunks; chunk++, a += kCells * kRows, b += kCells * kColumns) {
    TL_TILE_LOAD(6, b, kColumns * 4);
    // A is read once for each panel of B: it passes by the cache that B lies in.
    TL_TILE_STREAM(4, a, line);
    TL_TILE_MULTIPLY(0, 4, 6);
    TL_TILE_LOAD(7, b + 16, kColumns * 4);
    TL_TILE_MULTIPLY(1, 4, 7);
    finishing.rows(rows);
    TL_TILE_STREAM(5, a + half, line);
    TL_TILE_MULTIPLY(2, 5, 6);
    TL_TILE_MULTIPLY(3, 5, 7);
  }
  finishing.all();
  float *sums = finishing.begin();
  TL_TILE_STORE(0, sums, kColumns * 4);
  TL_TILE_STORE(1, sums + 16, kColumns * 4);
  TL_TILE_STORE(2, sums + 16 * kColumns, kColumns * 4);
  TL_TILE_STORE(3, sums + 16 * kColumns + 16, kColumns * 4);
}

// As in panels.h.
inline void multiply(const float *a, const float *b, int64_t rows, int64_t columns, int64_t chunks, int64_t chunksA,
                     int64_t chunksB, bool, const Target &target) {
  const int64_t passes = most(1, ceilDiv(chunks, kPass)), pass = ceilDiv(chunks, passes);
  Finishing finishing;
  for (int64_t start = 0; start == 0 || start < chunks; start += most(1, pass)) {
    const int64_t n = least(pass, chunks - start);
    for (int64_t j = 0; j < columns; j += kColumns) {
      const float *right = b + (j * chunksB + start * kColumns) * kCells;
      for (int64_t i = 0; i < rows; i += kRows) {
        Target t = target.at(i, j);
        if (start > 0) {
          t.accumulate = true;
          t.bias = t.add = nullptr;
        }
        tileSums(a + (i * chunksA + start * kRows) * kCells, right, n, finishing);
        finishing.ready(t, least(kRows, rows - i), least(kColumns, columns - j));
      }
    }
  }
  finishing.all();
}

} // namespace tl::TL_SET
