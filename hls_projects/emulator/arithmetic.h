// Instructions of tritag's integer programs that C++ has no operator for (docs/integer-programs.md), on vectors of B
// jets. V is v32, f64 or v64, wide enough for every argument, result and intermediate value: the generator chooses it
// from the proven intervals. Nothing branches on data. Vectors are those of GCC and Clang; they need no special processor.
//
// f64 holds integers up to 2**51 as doubles, in which every operation here is exact.

// Jets that are computed side by side: as many 32-bit integers as a register holds. TRITAG_LOW and
// TRITAG_HIGH are the halves of their numbers, TRITAG_EVEN the places of the low words of two registers of 64-bit
// integers. Macros have names that no input of a tagger has.
#if defined __AVX512F__
#define TRITAG_JETS 16
#define TRITAG_LOW 0, 1, 2, 3, 4, 5, 6, 7
#define TRITAG_HIGH 8, 9, 10, 11, 12, 13, 14, 15
#define TRITAG_EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#elif defined __AVX__
#define TRITAG_JETS 8
#define TRITAG_LOW 0, 1, 2, 3
#define TRITAG_HIGH 4, 5, 6, 7
#define TRITAG_EVEN 0, 2, 4, 6, 8, 10, 12, 14
#else
#define TRITAG_JETS 4
#define TRITAG_LOW 0, 1
#define TRITAG_HIGH 2, 3
#define TRITAG_EVEN 0, 2, 4, 6
#endif

const int B = TRITAG_JETS;

#define TRITAG_INLINE inline __attribute__((always_inline))
#define TRITAG_VECTOR(bytes) __attribute__((vector_size(bytes)))

typedef short int16;
typedef int int32;
typedef long long int64;
typedef unsigned long long uint64;
typedef int32 v32 TRITAG_VECTOR(4 * B);
typedef unsigned u32 TRITAG_VECTOR(4 * B);
typedef int16 v16 TRITAG_VECTOR(4 * B); // two for each jet
typedef float f32 TRITAG_VECTOR(4 * B);

// Of 64 bits a register holds half of the jets; compilers split what is wider than a register badly.
typedef int32 half32 TRITAG_VECTOR(2 * B);
typedef int64 half64 TRITAG_VECTOR(4 * B);
typedef uint64 uhalf64 TRITAG_VECTOR(4 * B);
typedef double fhalf64 TRITAG_VECTOR(4 * B);
template <class H> struct Two {
    H low, high;
};
typedef Two<half64> v64;
typedef Two<fhalf64> f64;
typedef Two<uhalf64> u64;

#define TRITAG_BINARY(sign) \
    template <class H> TRITAG_INLINE auto operator sign(Two<H> x, Two<H> y)->Two<decltype(x.low sign y.low)> { \
        return {x.low sign y.low, x.high sign y.high}; \
    } \
    template <class H, class S> TRITAG_INLINE auto operator sign(Two<H> x, S y)->Two<decltype(x.low sign y)> { \
        return {x.low sign y, x.high sign y}; \
    }
TRITAG_BINARY(+)
TRITAG_BINARY(-)
TRITAG_BINARY(*)
TRITAG_BINARY(&)
TRITAG_BINARY(|)
TRITAG_BINARY(<<)
TRITAG_BINARY(>>)
#define TRITAG_COMPARISON(sign) \
    template <class H> TRITAG_INLINE v64 operator sign(Two<H> x, Two<H> y) { \
        return {(half64)(x.low sign y.low), (half64)(x.high sign y.high)}; \
    } \
    template <class H, class S> TRITAG_INLINE v64 operator sign(Two<H> x, S y) { \
        return {(half64)(x.low sign y), (half64)(x.high sign y)}; \
    }
TRITAG_COMPARISON(<)
TRITAG_COMPARISON(>)
TRITAG_COMPARISON(==)
template <class H> TRITAG_INLINE Two<H> operator-(Two<H> x) { return {-x.low, -x.high}; }
template <class H> TRITAG_INLINE Two<H> operator~(Two<H> x) { return {~x.low, ~x.high}; }
// The same bits as another type.
template <class T, class H> TRITAG_INLINE T bits(Two<H> x) { return {(decltype(T::low))x.low, (decltype(T::low))x.high}; }

// x where the mask is set, else y.
TRITAG_INLINE v32 blend(v32 mask, v32 x, v32 y) { return mask ? x : y; }
template <class H> TRITAG_INLINE Two<H> blend(v64 mask, Two<H> x, Two<H> y) {
    return {mask.low ? x.low : y.low, mask.high ? x.high : y.high};
}

// 3 * 2**51: the last bit of its sum with a number below 2**51 has the weight 1, so that the sum is rounded half to even
// to an integer, whose bits are the last ones of the double.
const double ROUND = 6755399441055744.0;
const int64 ROUND_BITS = 0x4338000000000000LL;
TRITAG_INLINE f64 rounded(f64 x) { return (x + ROUND) - ROUND; }

// The same integers in another type, and constants.
template <class V> TRITAG_INLINE V to(v32 x);
template <class V> TRITAG_INLINE V to(v64 x);
template <class V> TRITAG_INLINE V to(f64 x);
template <> TRITAG_INLINE v32 to<v32>(v32 x) { return x; }
template <> TRITAG_INLINE v64 to<v64>(v64 x) { return x; }
template <> TRITAG_INLINE f64 to<f64>(f64 x) { return x; }
template <> TRITAG_INLINE v64 to<v64>(v32 x) {
    return {__builtin_convertvector(__builtin_shufflevector(x, x, TRITAG_LOW), half64),
            __builtin_convertvector(__builtin_shufflevector(x, x, TRITAG_HIGH), half64)};
}
template <> TRITAG_INLINE f64 to<f64>(v32 x) {
    return {__builtin_convertvector(__builtin_shufflevector(x, x, TRITAG_LOW), fhalf64),
            __builtin_convertvector(__builtin_shufflevector(x, x, TRITAG_HIGH), fhalf64)};
}
template <> TRITAG_INLINE v32 to<v32>(v64 x) { return __builtin_shufflevector((v32)x.low, (v32)x.high, TRITAG_EVEN); }
template <> TRITAG_INLINE v32 to<v32>(f64 x) {
    return __builtin_shufflevector(__builtin_convertvector(x.low, half32), __builtin_convertvector(x.high, half32), TRITAG_LOW,
                                   TRITAG_HIGH);
}
template <> TRITAG_INLINE f64 to<f64>(v64 x) { return bits<f64>(x + ROUND_BITS) - ROUND; }
template <> TRITAG_INLINE v64 to<v64>(f64 x) { return bits<v64>(x + ROUND) - ROUND_BITS; }
template <class V> TRITAG_INLINE V all(int64 x);
template <> TRITAG_INLINE v32 all<v32>(int64 x) { return v32{} + (int32)x; }
template <> TRITAG_INLINE v64 all<v64>(int64 x) { return v64{} + x; }
template <> TRITAG_INLINE f64 all<f64>(int64 x) { return f64{} + (double)x; }

// The product of 32-bit integers; compilers do not see that half of the bits of a 64-bit one are known.
TRITAG_INLINE half64 half_product(half64 x, half64 y) {
#if defined __AVX2__ && !defined __AVX512F__
    return (half64)_mm256_mul_epi32((__m256i)x, (__m256i)y);
#elif defined __AVX512F__
    return (half64)_mm512_mul_epi32((__m512i)x, (__m512i)y);
#else
    return x * y;
#endif
}
TRITAG_INLINE v64 wide_product(v32 x, v32 y) {
    const v64 a = to<v64>(x), b = to<v64>(y);
    return {half_product(a.low, b.low), half_product(a.high, b.high)};
}

// 1 where a comparison is true, else 0; one of two values by such a flag.
TRITAG_INLINE v32 flag(v32 mask) { return -mask; }
TRITAG_INLINE v32 flag(v64 mask) { return -to<v32>(mask); }
TRITAG_INLINE v32 choose(v32 condition, v32 x, v32 y) { return blend(condition == 1, x, y); }
template <class H> TRITAG_INLINE Two<H> choose(v32 condition, Two<H> x, Two<H> y) { return blend(to<v64>(-condition), x, y); }

// 2**bits as a double, |bits| < 1000.
TRITAG_INLINE f64 power(v32 bits_) { return bits<f64>((to<v64>(bits_) + 1023LL) << 52); }
TRITAG_INLINE double power(int bits_) { return __builtin_ldexp(1.0, bits_); }

// x * 2**bits.
TRITAG_INLINE v32 shift_up(v32 x, int bits) { return x << bits; }
TRITAG_INLINE v64 shift_up(v64 x, int bits) { return x << bits; }
TRITAG_INLINE f64 shift_up(f64 x, int bits) { return x * power(bits); }
TRITAG_INLINE v32 shift_up_by(v32 x, v32 bits) { return x << bits; }
TRITAG_INLINE v64 shift_up_by(v64 x, v32 bits) { return x << to<v64>(bits); }
TRITAG_INLINE f64 shift_up_by(f64 x, v32 bits) { return x * power(bits); }

// x / 2**bits rounded down. For 64 bits, not every processor has arithmetic shifts of vectors: a multiple of 2**bits that
// makes x positive is added before a logical one and taken off behind it. |x| < 2**62, as for every value of a program.
// A double less half of the divisor's last but one integer is never half-way.
const uint64 OFFSET = 1ULL << 62;
TRITAG_INLINE v32 shift_down(v32 x, v32 bits) { return x >> bits; }
TRITAG_INLINE v64 shift_down(v64 x, v64 by) {
    const u64 places = bits<u64>(by);
    return bits<v64>(((bits<u64>(x) + OFFSET) >> places) - ((u64{} + OFFSET) >> places));
}
TRITAG_INLINE v32 shift_down(v32 x, int bits) { return x >> bits; }
TRITAG_INLINE v64 shift_down(v64 x, int by) { return bits<v64>((bits<u64>(x) + OFFSET) >> by) - (int64)(OFFSET >> by); }
TRITAG_INLINE f64 shift_down(f64 x, int bits) { return rounded((x - 0.5 * (power(bits) - 1)) * power(-bits)); }

// x / 2**bits rounded half to even, bits > 0.
TRITAG_INLINE v32 round_shift(v32 x, int bits) { return (x + (((int32)1 << (bits - 1)) - 1) + ((x >> bits) & 1)) >> bits; }
TRITAG_INLINE v64 round_shift(v64 x, int by) {
    const v64 odd = bits<v64>(bits<u64>(x) >> by) & 1LL;
    return shift_down(x + (((int64)1 << (by - 1)) - 1) + odd, by);
}
TRITAG_INLINE f64 round_shift(f64 x, int bits) { return rounded(x * power(-bits)); }

// The same with a variable bits >= 0: without a half there is no rounding.
template <class V> TRITAG_INLINE V round_shift_in(V x, V bits) {
    const V half = (all<V>(1) << bits) >> 1;
    const V up = half - 1 + (shift_down(x, bits) & 1);
    return shift_down(x + blend(bits == 0, all<V>(0), up), bits);
}
TRITAG_INLINE v32 round_shift_by_some(v32 x, v32 bits) { // bits > 0
    return (x + (((all<v32>(1) << (bits - 1)) - 1) + (x >> bits & 1))) >> bits;
}
TRITAG_INLINE v32 round_shift_by(v32 x, v32 bits) { return round_shift_in(x, bits); }
TRITAG_INLINE v64 round_shift_by(v64 x, v32 bits) { return round_shift_in(x, to<v64>(bits)); }
TRITAG_INLINE f64 round_shift_by(f64 x, v32 bits) { return rounded(x * power(-bits)); }

// Compilers know the larger of two when they see it in this form.
TRITAG_INLINE v32 larger(v32 x, v32 y) { return x > y ? x : y; }
TRITAG_INLINE v32 smaller(v32 x, v32 y) { return x < y ? x : y; }
template <class H> TRITAG_INLINE Two<H> larger(Two<H> x, Two<H> y) {
    return {x.low > y.low ? x.low : y.low, x.high > y.high ? x.high : y.high};
}
template <class H> TRITAG_INLINE Two<H> smaller(Two<H> x, Two<H> y) {
    return {x.low < y.low ? x.low : y.low, x.high < y.high ? x.high : y.high};
}
template <class V> TRITAG_INLINE V clip(V x, V low, V high) { return smaller(larger(x, low), high); }

// x >= 0 as a double, without the bit that is "kept" behind the leading one, so that the sum of its two halves, each the
// fraction of a double, rounds up to no other leading bits.
TRITAG_INLINE f64 real(v64 x, int kept) {
    const u64 all_bits = bits<u64>(x), some = all_bits & ~(all_bits >> kept);
    const f64 high = bits<f64>((some >> 32) | 0x4530000000000000ULL) - 0x1p84;
    return high + (bits<f64>((some & 0xffffffffULL) | 0x4330000000000000ULL) - 0x1p52);
}

// Position of the leading one of x >= 0, 0 for 0: the exponent of x as a real number. Without the bit behind the leading
// one, no conversion rounds up to the next power of two.
TRITAG_INLINE v32 leading(v32 x) {
    const f32 real = __builtin_convertvector(x & ~(x >> 1), f32);
    return larger(((v32)real >> 23) - 127, all<v32>(0));
}
TRITAG_INLINE v32 leading(f64 x) { return larger(to<v32>(bits<v64>(bits<u64>(x) << 1 >> 53)) - 1023, all<v32>(0)); }
TRITAG_INLINE v32 leading(v64 x) { return leading(real(x, 1)); }

// The "most" most significant bits of x >= 0 from its leading one on, rounded down: the last ones of a double's fraction,
// behind a one that is not written. 32 bits become a float where it has room for one bit more.
TRITAG_INLINE v64 normalized(f64 x, int most) {
    const int64 one = 1LL << (most - 1);
    const v64 found = (bits<v64>(bits<u64>(x) >> (53 - most)) & (one - 1)) | one;
    return blend(x == 0.0, v64{}, found);
}
TRITAG_INLINE v64 normalized(v64 x, int most) {
    if (most < 53) return normalized(real(x, most), most);
    const v32 surplus = leading(x) - (most - 1), zero = all<v32>(0);
    return shift_up_by(shift_down(x, to<v64>(larger(surplus, zero))), larger(-surplus, zero));
}
TRITAG_INLINE v32 normalized(v32 x, int most) {
    if (most > 23) return to<v32>(normalized(to<f64>(x), most));
    const f32 real = __builtin_convertvector(x & ~(x >> most), f32);
    const int32 one = 1 << (most - 1);
    const v32 found = ((v32)((u32)real >> (24 - most)) & (one - 1)) | one;
    return blend(x == 0, v32{}, found);
}

// x * 2**(most - 1 - exponent) rounded half to even, x saturated to +-2**(exponent + 1) before.
template <class V> TRITAG_INLINE V aligned(V x, v32 exponent, int most) {
    const V limit = shift_up_by(all<V>(1), exponent + 1);
    const v32 surplus = exponent - (most - 1), zero = all<v32>(0);
    return shift_up_by(round_shift_by(clip(x, -limit, limit), larger(surplus, zero)), larger(-surplus, zero));
}
TRITAG_INLINE f64 aligned(f64 x, v32 exponent, int most) {
    const f64 limit = power(exponent + 1);
    return rounded(clip(x, -limit, limit) * power(most - 1 - exponent));
}

// Two integers of 16 bits in the place of one: the low halves of x and y, or their high halves; and apart again.
#if defined __AVX2__ && !defined __AVX512F__
#define TRITAG_LOW_AND_HIGH(x, y) (v32) _mm256_blend_epi16((__m256i)(x), (__m256i)(y), 0xaa)
#else
#define TRITAG_LOW_AND_HIGH(x, y) (((x) & 0xffff) | ((y) & ~0xffff))
#endif
TRITAG_INLINE v32 packed(v32 x, v32 y) { return TRITAG_LOW_AND_HIGH(x, y << 16); }
TRITAG_INLINE v32 packed_high(v32 x, v32 y) { return TRITAG_LOW_AND_HIGH((v32)((u32)x >> 16), y); }
TRITAG_INLINE void apart(const v32 *pairs, v32 *rows, int count, int width) {
    for (long pair = 0; pair < count; pair++)
        for (long i = 0; i < width; i++) {
            const v32 both = pairs[pair * width + i];
            rows[2 * pair * width + i] = both << 16 >> 16;
            rows[(2 * pair + 1) * width + i] = both >> 16;
        }
}

// The same on pairs as round_shift and clip.
TRITAG_INLINE v16 all16(int16 x) { return v16{} + x; }
TRITAG_INLINE v16 round_shift16(v16 x, int bits) { return (x + all16((1 << (bits - 1)) - 1) + ((x >> bits) & all16(1))) >> bits; }
TRITAG_INLINE v16 clip16(v16 x, int16 low, int16 high) {
    x = x > all16(low) ? x : all16(low);
    return x < all16(high) ? x : all16(high);
}

// The sum of the products of two such pairs.
TRITAG_INLINE v32 products(v32 x, v32 y) {
#if defined __AVX512BW__
    return (v32)_mm512_madd_epi16((__m512i)x, (__m512i)y);
#elif defined __AVX2__ && !defined __AVX512F__
    return (v32)_mm256_madd_epi16((__m256i)x, (__m256i)y);
#elif defined __SSE2__ && !defined __AVX__
    return (v32)_mm_madd_epi16((__m128i)x, (__m128i)y);
#else
    return (x << 16 >> 16) * (y << 16 >> 16) + (x >> 16) * (y >> 16);
#endif
}

// Entries of a table; indices are taken out of their vector two by two.
#define TRITAG_ENTRY(b) table[(b) % 2 ? pairs[(b) / 2] >> 32 : (unsigned)pairs[(b) / 2]]
template <class T> TRITAG_INLINE v32 entries(const T *table, v32 index) {
    const uhalf64 pairs = (uhalf64)index;
    v32 found;
    for (long b = 0; b < B; b++) found[b] = TRITAG_ENTRY(b);
    return found;
}
template <class H, class T> TRITAG_INLINE Two<H> wide_entries(const T *table, v32 index) {
    const uhalf64 pairs = (uhalf64)index;
    Two<H> found;
    for (long b = 0; b < B / 2; b++) found.low[b] = TRITAG_ENTRY(b);
    for (long b = 0; b < B / 2; b++) found.high[b] = TRITAG_ENTRY(b + B / 2);
    return found;
}
TRITAG_INLINE v32 lookup(const int16 *table, v32 index) { return entries(table, index); }
TRITAG_INLINE v32 lookup(const int32 *table, v32 index) { return entries(table, index); }
TRITAG_INLINE f64 lookup(const double *table, v32 index) { return wide_entries<fhalf64>(table, index); }
TRITAG_INLINE v64 lookup(const int64 *table, v32 index) { return wide_entries<half64>(table, index); }
