// Products of matrices of floats in the cache: c += a b, where a vector's lanes are columns, and a is broadcast. Each
// element of c adds its products in order to what it is.
#pragma once

#include "kernels/constants.h"
#include "simd/isa.h"
#include "training_kernels.h"

namespace gptoss {
namespace {

// Rows and vectors of columns whose sums are held in registers.
constexpr int kProductVectors = Isa::kAccumulators >= 16 ? 4 : 2;
constexpr int kProductRows = Isa::kAccumulators >= 8 ? 6 : 2;

// Element (i, k) lies at i * row + k * step: so also of a transpose.
struct Left {
  const float* values;
  Index row, step;
};

// Rows of `columns` values, so far apart.
struct Right {
  const float* values;
  Index stride;
};

template <int Rows, int Vectors>
GPTOSS_INLINE void add_products(Left a, Right b, float* c, Index c_stride, Index steps) {
  Isa::F sum[Rows][Vectors];
  GPTOSS_UNROLL for (int r = 0; r < Rows; ++r) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[r][v] =
      Isa::load(c + r * c_stride + v * Isa::kLanes);
  for (Index k = 0; k < steps; ++k) {
    Isa::F right[Vectors];
    GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) right[v] = Isa::load(b.values + k * b.stride + v * Isa::kLanes);
    GPTOSS_UNROLL for (int r = 0; r < Rows; ++r) {
      const Isa::F left = Isa::set1(a.values[r * a.row + k * a.step]);
      GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v) sum[r][v] = Isa::fma(left, right[v], sum[r][v]);
    }
  }
  GPTOSS_UNROLL for (int r = 0; r < Rows; ++r) GPTOSS_UNROLL for (int v = 0; v < Vectors; ++v)
      Isa::store(c + r * c_stride + v * Isa::kLanes, sum[r][v]);
}

// c (rows, columns), whose rows are c_stride apart; columns are a multiple of kLanes.
void add_product(Left a, Right b, float* c, Index c_stride, Index rows, Index columns, Index steps) {
  for (Index column = 0; column < columns; column += kProductVectors * Isa::kLanes)
    with_constant<kProductVectors>((columns - column) / Isa::kLanes, [&](auto vectors) {
      const Right right = {b.values + column, b.stride};
      for (Index row = 0; row < rows; row += kProductRows)
        with_constant<kProductRows>(rows - row, [&](auto some) {
          add_products<some, vectors>(Left{a.values + row * a.row, a.row, a.step}, right, c + row * c_stride + column,
                                      c_stride, steps);
        });
    });
}

// Pieces [begin, end).
void add_pieces(const FloatProduct& p, Index begin, Index end) {
  for (Index piece = begin; piece < end; ++piece) {
    const Index row = piece / column_pieces(p) * kPieceRows, column = piece % column_pieces(p) * kPieceColumns;
    const Index rows = row + kPieceRows < p.rows ? kPieceRows : p.rows - row;
    const Index columns = column + kPieceColumns < p.columns ? kPieceColumns : p.columns - column;
    add_product(Left{p.a + row * p.a_row, p.a_row, p.a_step}, Right{p.b + column, p.b_stride},
                p.c + row * p.c_stride + column, p.c_stride, rows, columns, p.steps);
  }
}

}  // namespace
}  // namespace gptoss
