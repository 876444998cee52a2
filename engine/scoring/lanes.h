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

/// Always in the same order.
DRILLROOM_INLINE float sumOfLanes(const Lanes &lanes)
{
    const float low = (lanes[0] + lanes[4]) + (lanes[2] + lanes[6]);
    const float high = (lanes[1] + lanes[5]) + (lanes[3] + lanes[7]);
    return low + high;
}

/// Asks for `width` floats early; a wrong address does no harm.
DRILLROOM_INLINE void prefetchRow(const float *row, std::size_t width)
{
    constexpr std::size_t kFloatsOfLine = 16;
    for (std::size_t k = 0; k < width; k += kFloatsOfLine)
        __builtin_prefetch(row + k, 1, 3);
}

} // namespace engine
