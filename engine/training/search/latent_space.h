#pragma once
// Latent vectors of a catalogue without any judgment: latent semantic analysis (Deerwester et al.,
// 1990) of the products' words by a randomised singular value decomposition (Halko, Martinsson &
// Tropp, 2011), and groups of products that lie close together (spherical k-means). LibTorch,
// whatever number of threads it is set to; the same result for the same seed and threads.

#include "engine/base/error.h"
#include "engine/scoring/search_features.h"

#include <stop_token>

namespace engine {

struct LatentOptions
{
    int dims = 64;
    int perGroup = 40; ///< products of a group on average
    std::uint64_t seed = 1;
};

/// Over the words of the fields given; words of one product only are left out. An empty space when
/// there are fewer products or words than dimensions. `withWords`: also the words' vectors.
[[nodiscard]] Result<LatentSpace> latentSpace(const SearchIndex &index,
                                              std::span<const SearchField> fields, bool withWords,
                                              const LatentOptions &options,
                                              std::stop_token stop = {});

} // namespace engine
