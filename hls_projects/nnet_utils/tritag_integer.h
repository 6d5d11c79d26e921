#ifndef TRITAG_INTEGER_H_
#define TRITAG_INTEGER_H_

// Instructions of tritag's integer programs that C++ has no operator for (docs/integer-programs.md).
// Every value is an ap_int whose width was derived from its proven interval: nothing here can wrap.

#include "ap_fixed.h"
#include "ap_int.h"

namespace tritag {

// Bits of the integers in an array.
template <class T> struct Bits;
template <int W> struct Bits<ap_int<W>> {
    static const int value = W;
};
template <class T, int N> struct Bits<T[N]> : Bits<T> {};

// Whether the integers of an array hold every value from low to high.
template <class T> constexpr bool holds(long long low, long long high) {
    return low >= -(1LL << (Bits<T>::value - 1)) && high <= (1LL << (Bits<T>::value - 1)) - 1;
}

// The integer behind a fixed-point value: its bits, without the binary point.
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> ap_int<W> code(const ap_fixed<W, I, Q, O, N> &x) {
    #pragma HLS INLINE
    ap_int<W> bits;
    bits.range(W - 1, 0) = x.range(W - 1, 0);
    return bits;
}

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> ap_uint<W> code(const ap_ufixed<W, I, Q, O, N> &x) {
    #pragma HLS INLINE
    ap_uint<W> bits;
    bits.range(W - 1, 0) = x.range(W - 1, 0);
    return bits;
}

template <int W> ap_int<W> code(const ap_int<W> &x) {
    #pragma HLS INLINE
    return x;
}

template <int W> ap_uint<W> code(const ap_uint<W> &x) {
    #pragma HLS INLINE
    return x;
}

// The fixed-point value with the given bits. The integer lies in the type's range by construction.
template <class T, int W> T value(const ap_int<W> &x) {
    #pragma HLS INLINE
    const ap_int<(W > T::width ? W : T::width)> wide = x;
    T out;
    out.range(T::width - 1, 0) = wide.range(T::width - 1, 0);
    return out;
}

// Sets an array of fixed-point numbers or integers to the values with the given bits. Always true: a constant's initialiser.
template <class T, class C, int N> bool fill(T (&array)[N], const C (&codes)[N]) {
    for (int i = 0; i < N; i++)
        array[i] = value<T>(ap_int<64>(codes[i]));
    return true;
}

template <int WO, int W> ap_int<WO> clip(const ap_int<W> &x, long long low, long long high) {
    #pragma HLS INLINE
    const ap_int<64> lowest = low, highest = high;
    if (x < lowest)
        return ap_int<WO>(lowest);
    if (x > highest)
        return ap_int<WO>(highest);
    return ap_int<WO>(x);
}

// x / 2**bits rounded half to even; up to MAX_BITS.
template <int WO, int MAX_BITS, int W> ap_int<WO> round_shift(const ap_int<W> &x, int bits) {
    #pragma HLS INLINE
    const ap_int<(W > MAX_BITS ? W : MAX_BITS) + 1> wide = x;
    const ap_int<W + 1> quotient = wide >> bits;
    const ap_uint<MAX_BITS + 1> mask = (ap_uint<MAX_BITS + 1>(1) << bits) - 1;
    const ap_uint<MAX_BITS + 1> rest = ap_uint<MAX_BITS + 1>(wide) & mask;
    const ap_uint<MAX_BITS + 1> half = bits == 0 ? ap_uint<MAX_BITS + 1>(0) : ap_uint<MAX_BITS + 1>(ap_uint<MAX_BITS + 1>(1) << (bits - 1));
    const bool up = bits != 0 && (rest > half || (rest == half && quotient[0]));
    return ap_int<WO>(quotient + ap_int<2>(up ? 1 : 0));
}

// Position of the leading one of x >= 0; 0 for 0.
template <int WO, int W> ap_int<WO> leading(const ap_int<W> &x) {
    #pragma HLS INLINE
    ap_int<WO> position = 0;
LeadingBits:
    for (int i = 1; i < W - 1; i++) {
        #pragma HLS UNROLL
        if (x[i])
            position = i;
    }
    return position;
}

// The BITS most significant bits of x >= 0 from its leading one on, rounded down.
template <int WO, int BITS, int W> ap_int<WO> normalized(const ap_int<W> &x) {
    #pragma HLS INLINE
    const int position = leading<16>(x).to_int();
    const ap_int<W + BITS> wide = x;
    if (position >= BITS - 1)
        return ap_int<WO>(wide >> (position - (BITS - 1)));
    return ap_int<WO>(wide << ((BITS - 1) - position));
}

// x * 2**(BITS - 1 - exponent) rounded half to even, x saturated to +-2**(exponent + 1) before.
template <int WO, int BITS, int MAX_EXPONENT, int W> ap_int<WO> aligned(const ap_int<W> &x, int exponent) {
    #pragma HLS INLINE
    const int WIDE = (W > MAX_EXPONENT + 3 ? W : MAX_EXPONENT + 3);
    const ap_int<WIDE> limit = ap_int<WIDE>(1) << (exponent + 1);
    ap_int<WIDE> value = x;
    if (value > limit)
        value = limit;
    if (value < -limit)
        value = -limit;
    if (exponent >= BITS - 1)
        return round_shift<WO, (MAX_EXPONENT > BITS ? MAX_EXPONENT - BITS + 1 : 1)>(value, exponent - (BITS - 1));
    return ap_int<WO>(value) << ((BITS - 1) - exponent);
}

} // namespace tritag

#endif
