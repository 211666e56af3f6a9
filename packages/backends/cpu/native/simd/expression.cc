#include "expression.h"

#include <algorithm>

#include "math.h"

SCANLINE_KERNELS_BEGIN

namespace {

double costOf(Name name) {
  switch (name) {
    case "exp"_name:
      return 18;
    case "log"_name:
      return 30;
    case "log1p"_name:
      return 40;
    case "gelu"_name:
      return 20;
    case "sigmoid"_name:
    case "silu"_name:
      return 26;
    case "tanh"_name:
      return 36;
    case "erf"_name:
      return 28;
    case "div"_name:
    case "sqrt"_name:
      return 8;
    case "sin"_name:
    case "cos"_name:
    case "pow"_name:
      return 20.0 * lanes;
    default:
      return 3;
  }
}

/** An instruction as it was read; arguments are earlier ones. */
struct Raw {
  Name name;
  std::vector<double> arguments;
};

using RawList = std::vector<Raw>;

const Raw& argument(const RawList& list, const Raw& one, size_t k) { return list[static_cast<size_t>(one.arguments[k])]; }

bool isConstant(const Raw& one, double value) {
  return one.name == "const"_name && one.arguments[0] > value - 1e-7 && one.arguments[0] < value + 1e-7;
}

/** x · constant: the index of x, or -1. */
int scaledBy(const RawList& list, const Raw& one, double value) {
  if (one.name != "mul"_name) return -1;
  for (size_t k = 0; k < 2; k++)
    if (isConstant(argument(list, one, k), value)) return static_cast<int>(one.arguments[1 - k]);
  return -1;
}

/** 1 + erf(x / √2): the index of x, or -1. */
int onePlusErf(const RawList& list, const Raw& one) {
  if (one.name != "add"_name) return -1;
  for (size_t k = 0; k < 2; k++) {
    const Raw& other = argument(list, one, 1 - k);
    if (isConstant(argument(list, one, k), 1) && other.name == "erf"_name)
      return scaledBy(list, argument(list, other, 0), 0.70710678118654752);
  }
  return -1;
}

/** Products that are known functions become one instruction: each instruction is a pass over the block. */
void joinActivations(RawList& list) {
  for (Raw& one : list) {
    if (one.name != "mul"_name) continue;
    for (size_t k = 0; k < 2; k++) {
      const Raw& left = argument(list, one, k);
      const Raw& right = argument(list, one, 1 - k);
      const int half = scaledBy(list, left, 0.5);
      if (half >= 0 && half == onePlusErf(list, right)) {
        one = {"gelu"_name, {static_cast<double>(half)}};
        break;
      }
      if (right.name == "sigmoid"_name && right.arguments[0] == one.arguments[k]) {
        one = {"silu"_name, {right.arguments[0]}};
        break;
      }
    }
  }
}

/** Which instructions the last one needs. */
std::vector<bool> needed(const RawList& list) {
  std::vector<bool> kept(list.size(), false);
  if (!kept.empty()) kept.back() = true;
  for (size_t i = list.size(); i-- > 0;) {
    if (!kept[i] || list[i].name == "input"_name || list[i].name == "const"_name) continue;
    for (double k : list[i].arguments) kept[static_cast<size_t>(k)] = true;
  }
  return kept;
}

Vf truth(Vi mask) { return floats(mask & bits(splat(1.0f))); }

}  // namespace

Expression::Expression(Reader& in) {
  RawList raw = in.list([](Reader& one) {
    const int64_t length = one.integer();
    Raw r{one.name(), {}};
    for (int64_t i = 1; i < length; i++) r.arguments.push_back(one.number());
    return r;
  });
  joinActivations(raw);
  const std::vector<bool> kept = needed(raw);
  const int count = static_cast<int>(raw.size());
  std::vector<int> lastUse(raw.size(), -1);
  for (int i = 0; i < count; i++) {
    if (!kept[i] || raw[i].name == "input"_name || raw[i].name == "const"_name) continue;
    for (double k : raw[i].arguments) lastUse[static_cast<size_t>(k)] = i;
  }
  std::vector<Value> values;
  std::vector<int> free;
  auto constant = [&](float x) {
    const int at = static_cast<int>(constants_.size()) / lanes;
    constants_.insert(constants_.end(), lanes, x);
    return Value{Source::constant, at};
  };
  for (int i = 0; i < count; i++) {
    const auto& [name, arguments] = raw[i];
    if (!kept[i]) {
      values.push_back({});
    } else if (name == "input"_name) {
      const int k = static_cast<int>(arguments[0]);
      operandCount_ = std::max(operandCount_, k + 1);
      reads_ |= uint32_t{1} << k;
      values.push_back({Source::input, k});
    } else if (name == "const"_name) {
      values.push_back(constant(static_cast<float>(arguments[0])));
    } else {
      Instruction made{name, {}, {}, {}, 0};
      Value* const slots[] = {&made.a, &made.b, &made.c};
      for (size_t k = 0; k < arguments.size(); k++) *slots[k] = values[static_cast<size_t>(arguments[k])];
      // A block that is read for the last time can take the result: element by element it is read before it is written.
      for (size_t k = 0; k < arguments.size(); k++) {
        const auto argument = static_cast<size_t>(arguments[k]);
        if (lastUse[argument] != i || values[argument].source != Source::block) continue;
        free.push_back(values[argument].index);
        lastUse[argument] = -1;
      }
      if (free.empty()) free.push_back(registerCount_++);
      made.out = free.back();
      free.pop_back();
      values.push_back({Source::block, made.out});
      instructions_.push_back(made);
      cost_ += costOf(name);
    }
  }
  // An operand or a constant alone: passed through one instruction, as results are written by instructions only.
  if (count > 0 && values.back().source != Source::block) {
    instructions_.push_back({"max"_name, values.back(), values.back(), {}, 0});
    registerCount_ = std::max(registerCount_, 1);
  }
}

namespace {

/** Where an instruction reads: neighbouring elements of each row, or the same vector at every step. */
struct Stream {
  const float* at;
  int step;
  int64_t stride;
  Vf whole(int64_t r, int i) const { return load(at + r * stride + i * step); }
  Vf part(int64_t r, int i, int n) const { return step ? load(at + r * stride + i, n) : load(at); }
};

/** Where an instruction writes. */
struct Rows {
  float* at;
  int64_t stride;
  int rows;
  int columns;
};

template <class F>
INLINE void each(const Rows& out, F f) {
  for (int r = 0; r < out.rows; r++) {
    float* const to = out.at + r * out.stride;
    int i = 0;
    for (; i + lanes <= out.columns; i += lanes) store(to + i, f([r, i](const Stream& s) { return s.whole(r, i); }));
    const int rest = out.columns - i;
    if (rest > 0) store(to + i, f([r, i, rest](const Stream& s) { return s.part(r, i, rest); }), rest);
  }
}

}  // namespace

void Expression::run(float* scratch, const Operand* operands, float* out, int64_t stride, int rows, int columns) const {
  const Instruction* const last = &instructions_.back();
  auto resolve = [&](const Value& value) -> Stream {
    if (value.source == Source::block) return {scratch + static_cast<ptrdiff_t>(value.index) * blockLength, 1, columns};
    if (value.source == Source::constant) return {constants_.data() + static_cast<ptrdiff_t>(value.index) * lanes, 0, 0};
    const Operand& operand = operands[value.index];
    return {operand.data, operand.repeated ? 0 : 1, operand.stride};
  };
  for (const Instruction& one : instructions_) {
    const Stream a = resolve(one.a), b = resolve(one.b), c = resolve(one.c);
    Rows to{scratch + static_cast<ptrdiff_t>(one.out) * blockLength, columns, rows, columns};
    if (&one == last) {
      to.at = out;
      to.stride = stride;
    }
    // Rows without gaps are one long row.
    const auto dense = [&](const Stream& s) { return s.step == 0 || s.stride == columns; };
    if (rows > 1 && to.stride == columns && dense(a) && dense(b) && dense(c)) {
      to.rows = 1;
      to.columns = rows * columns;
    }
#define UNARY(name, value) \
  case #name##_name:       \
    each(to, [&](auto get) { const Vf x = get(a); return value; }); \
    break;
#define BINARY(name, value) \
  case #name##_name:        \
    each(to, [&](auto get) { const Vf x = get(a), y = get(b); return value; }); \
    break;
    switch (one.name) {
      UNARY(neg, -x)
      UNARY(abs, abs(x))
      UNARY(sqrt, sqrt(x))
      UNARY(exp, exp(x))
      UNARY(log, log(x))
      UNARY(log1p, log1p(x))
      UNARY(floor, floor(x))
      UNARY(ceil, ceil(x))
      UNARY(sin, sin(x))
      UNARY(cos, cos(x))
      UNARY(tanh, tanh(x))
      UNARY(erf, erf(x))
      UNARY(sigmoid, sigmoid(x))
      UNARY(sign, sign(x))
      UNARY(gelu, gelu(x))
      UNARY(silu, silu(x))
      BINARY(add, x + y)
      BINARY(sub, x - y)
      BINARY(mul, x * y)
      BINARY(div, x / y)
      BINARY(min, min(x, y))
      BINARY(max, max(x, y))
      BINARY(pow, pow(x, y))
      BINARY(lt, truth(x < y))
      BINARY(le, truth(x <= y))
      BINARY(eq, truth(x == y))
      case "select"_name:
        each(to, [&](auto get) { return get(a) != 0.0f ? get(b) : get(c); });
        break;
    }
#undef UNARY
#undef BINARY
  }
}

SCANLINE_KERNELS_END
