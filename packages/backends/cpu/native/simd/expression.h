// Pointwise expressions, interpreted over blocks that stay in the first cache: each instruction is a loop over a block.
#pragma once

#include <vector>

#include "../kernel.h"

SCANLINE_KERNELS_BEGIN

/** Elements of a block at most. */
constexpr int blockLength = 512;

/** Operands that an expression may read; src/expression.ts refuses more. */
constexpr int maxOperands = 32;

/** An operand: rows of neighbouring elements, or one vector's worth of equal ones. */
struct Operand {
  const float* data;
  bool repeated;
  /** Elements from row to row, if there are several; less than a row has where they repeat. */
  int64_t stride = 0;
};

class Expression {
 public:
  /** Reads what src/encode.ts makes of an `Expr`; no instructions stand for operand 0 as it is. */
  explicit Expression(Reader& in);

  bool identity() const { return instructions_.empty(); }
  /** Operands that are read: one more than the largest. */
  int operandCount() const { return operandCount_; }
  bool reads(int operand) const { return reads_ >> operand & 1; }
  /** Bytes that `run` works in. */
  size_t scratch() const { return sizeof(float) * blockLength * static_cast<size_t>(registerCount_); }
  /** Vector instructions for a vector of results, about. */
  double cost() const { return cost_; }

  /** out[i] = f(operands…[i]) for i < length ≤ blockLength. `out` may be an operand. */
  void run(float* scratch, const Operand* operands, float* out, int length) const {
    run(scratch, operands, out, length, 1, length);
  }

  /** The same over `rows` of `columns`, `stride` apart in `out`. */
  void run(float* scratch, const Operand* operands, float* out, int64_t stride, int rows, int columns) const;

 private:
  enum class Source : uint8_t { input, constant, block };
  struct Value {
    Source source;
    int index;
  };
  struct Instruction {
    Name name;
    Value a, b, c;
    int out;
  };

  std::vector<Instruction> instructions_;
  /** A vector of each. */
  std::vector<float> constants_;
  int operandCount_ = 1;
  /** A bit for each operand. */
  uint32_t reads_ = 0;
  int registerCount_ = 0;
  double cost_ = 0;
};

SCANLINE_KERNELS_END
