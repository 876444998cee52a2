#pragma once
// The arithmetic of BPR: a list of drawn triples, one step of gradient ascent on each, in order.
// Rows are asked for some triples early, so that a step works on what is in the cache: waiting for
// the two rows of items was most of the time. No LibTorch here; one thread per call; the same bits
// with AVX2 and without.

#include <cstddef>
#include <cstdint>
#include <span>

namespace engine {

struct BprTriple
{
    std::uint32_t shopper = 0, taken = 0, other = 0; ///< rows; the two items differ
};

struct BprFactors
{
    float *shoppers = nullptr, *items = nullptr; ///< [rows, width], changed in place
    std::size_t width = 0;                       ///< a multiple of 16
    float rate = 0;
    float decay = 1; ///< what a step leaves of a vector: 1 - rate x regularisation
};

void takeSteps(const BprFactors &factors, std::span<const BprTriple> triples);

} // namespace engine
