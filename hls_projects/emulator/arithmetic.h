// Instructions of tritag's integer programs that C++ has no operator for (docs/integer-programs.md), on vectors of B
// jets. V is v32 or v64, wide enough for every argument, result and intermediate value: the generator chooses it from
// the proven intervals. Nothing branches on data. Vectors are those of GCC and Clang; they need no special processor.

typedef int int32;
typedef long long int64;
typedef int32 v32 __attribute__((vector_size(4 * B)));
typedef int64 v64 __attribute__((vector_size(8 * B)));
typedef unsigned u32 __attribute__((vector_size(4 * B)));
typedef unsigned long long u64 __attribute__((vector_size(8 * B)));
typedef float f32 __attribute__((vector_size(4 * B)));
typedef double f64 __attribute__((vector_size(8 * B)));

#define INLINE inline __attribute__((always_inline))

// The same integers in the other width, and constants.
template <class V> INLINE V to(v32 x);
template <class V> INLINE V to(v64 x);
template <> INLINE v32 to<v32>(v32 x) { return x; }
template <> INLINE v64 to<v64>(v64 x) { return x; }
template <> INLINE v64 to<v64>(v32 x) { return __builtin_convertvector(x, v64); }
template <> INLINE v32 to<v32>(v64 x) { return __builtin_convertvector(x, v32); }
template <class V> INLINE V all(int64 x);
template <> INLINE v32 all<v32>(int64 x) { return v32{} + (int32)x; }
template <> INLINE v64 all<v64>(int64 x) { return v64{} + x; }

// x / 2**bits rounded down. For 64 bits, not every processor has arithmetic shifts of vectors: a multiple of 2**bits that
// makes x positive is added before a logical one and taken off behind it. |x| < 2**62, as for every value of a program.
INLINE v32 shift_down(v32 x, v32 bits) { return x >> bits; }
INLINE v64 shift_down(v64 x, v64 bits) {
    const u64 offset = u64{} + (1ULL << 62);
    return (v64)((((u64)x + offset) >> (u64)bits) - (offset >> (u64)bits));
}
INLINE v32 shift_down(v32 x, int bits) { return x >> bits; }
INLINE v64 shift_down(v64 x, int bits) {
    return (v64)(((u64)x + (1ULL << 62)) >> bits) - (int64)((1ULL << 62) >> bits);
}

// x / 2**bits rounded half to even, bits > 0.
INLINE v32 round_shift(v32 x, int bits) { return (x + (((int32)1 << (bits - 1)) - 1) + ((x >> bits) & 1)) >> bits; }
INLINE v64 round_shift(v64 x, int bits) {
    const v64 odd = (v64)((u64)x >> bits) & 1;
    return shift_down(x + (((int64)1 << (bits - 1)) - 1) + odd, bits);
}

// The same with a variable bits >= 0.
template <class V> INLINE V round_shift_by(V x, V bits) {
    const V half = (all<V>(1) << bits) >> 1;
    const V up = half - 1 + (shift_down(x, bits) & 1);
    return shift_down(x + (bits == 0 ? all<V>(0) : up), bits);
}

template <class V> INLINE V larger(V x, V y) { return x > y ? x : y; }
template <class V> INLINE V smaller(V x, V y) { return x < y ? x : y; }
template <class V> INLINE V clip(V x, V low, V high) { return smaller(larger(x, low), high); }

// Position of the leading one of x >= 0, 0 for 0: the exponent of x as a real number. Without the bit behind the leading
// one, no conversion rounds up to the next power of two.
INLINE v32 leading(v32 x) {
    const f32 real = __builtin_convertvector(x & ~(x >> 1), f32);
    return larger(((v32)real >> 23) - 127, all<v32>(0));
}
// x < 2**52 becomes the fraction of a double.
INLINE v64 leading_52_bits(v64 x) {
    const f64 real = (f64)(x | 0x4330000000000000LL) - 4503599627370496.0;
    return larger((v64)((u64)real >> 52) - 1023, all<v64>(0));
}
INLINE v64 leading(v64 x) {
    const v64 top = (v64)((u64)x >> 31);
    return top == 0 ? leading_52_bits(x & 0x7fffffff) : leading_52_bits(top) + 31;
}

// The "bits" most significant bits of x >= 0 from its leading one on, rounded down.
template <class V> INLINE V normalized(V x, int bits) {
    const V surplus = leading(x) - (bits - 1), zero = all<V>(0);
    return shift_down(x, larger(surplus, zero)) << larger(-surplus, zero);
}

// x * 2**(bits - 1 - exponent) rounded half to even, x saturated to +-2**(exponent + 1) before.
template <class V> INLINE V aligned(V x, V exponent, int bits) {
    const V limit = all<V>(1) << (exponent + 1), surplus = exponent - (bits - 1), zero = all<V>(0);
    return round_shift_by(clip(x, -limit, limit), larger(surplus, zero)) << larger(-surplus, zero);
}

INLINE v32 lookup(const int32 *table, v32 index) {
    v32 found;
    for (int b = 0; b < B; b++) found[b] = table[index[b]];
    return found;
}
INLINE v64 lookup(const int64 *table, v32 index) {
    v64 found;
    for (int b = 0; b < B; b++) found[b] = table[index[b]];
    return found;
}
