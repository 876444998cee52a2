#pragma once
// Eight floats at once, for inner loops whose sums have one order: one operation where there is
// AVX2, two elsewhere. To be inlined into a plain function and a DRILLROOM_WIDE one
// (engine/scoring/wide.h); both give the same bits, as the build never fuses a multiplication with
// an addition. Plain loops over floats were compiled to one float at a time where the compiler had
// to fear that pointers overlap, and kept their sums in memory.

#include "engine/scoring/wide.h"

#include <cstddef>

namespace engine {

using Lanes = float __attribute__((vector_size(32)));
constexpr std::size_t kLaneCount = 8;

/// In memory they stand at any address of a float.
using LooseLanes = float __attribute__((vector_size(32), aligned(4), may_alias));

DRILLROOM_INLINE LooseLanes &lanesAt(float *at)
{
    return *reinterpret_cast<LooseLanes *>(at);
}
DRILLROOM_INLINE const LooseLanes &lanesAt(const float *at)
{
    return *reinterpret_cast<const LooseLanes *>(at);
}

/// Always in the same order: ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)).
DRILLROOM_INLINE float sumOfLanes(const Lanes &lanes)
{
    const auto half = __builtin_shufflevector(lanes, lanes, 0, 1, 2, 3)
                      + __builtin_shufflevector(lanes, lanes, 4, 5, 6, 7);
    const auto quarter = half + __builtin_shufflevector(half, half, 2, 3, 0, 1);
    return quarter[0] + quarter[1];
}

/// Asks for `width` floats early; a wrong address does no harm.
DRILLROOM_INLINE void prefetchRow(const float *row, std::size_t width)
{
    constexpr std::size_t kFloatsOfLine = 16;
    for (std::size_t k = 0; k < width; k += kFloatsOfLine)
        __builtin_prefetch(row + k, 1, 3);
}

} // namespace engine
