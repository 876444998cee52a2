#pragma once
// For loops that are compiled twice, for AVX2 and for every x86-64; which one runs is asked once.
// The body is DRILLROOM_INLINE and is called from a plain function and from a DRILLROOM_WIDE one.

#if defined(__x86_64__) && defined(__GNUC__)
#define DRILLROOM_WIDE __attribute__((target("avx2")))
#define DRILLROOM_HAS_WIDE 1
#else
#define DRILLROOM_WIDE
#define DRILLROOM_HAS_WIDE 0
#endif
#define DRILLROOM_INLINE __attribute__((always_inline)) inline

namespace engine {

[[nodiscard]] inline bool hasWide()
{
#if DRILLROOM_HAS_WIDE
    static const bool has = __builtin_cpu_supports("avx2") != 0;
    return has;
#else
    return false;
#endif
}

} // namespace engine
