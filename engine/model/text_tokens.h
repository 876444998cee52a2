#pragma once
// Cuts text into the words that a search index knows: lower case, accents folded, plurals stripped,
// full-width letters as plain ones. Scripts without spaces between words (Han, Kana, Hangul) give
// single characters and pairs, so that no dictionary is needed. Pure; any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

enum class Plurals : std::uint8_t {
    Keep,
    StripS, ///< "cables" -> "cable", "glass" stays
    English ///< as StripS, and "batteries" -> "battery"
};

/// Longer words are cut to this many bytes, at a character.
inline constexpr std::size_t kLongestWord = 64;

/// The words of `text`, in order. What is no UTF-8 separates words. In a query (`isQuery`) a run of
/// Han, Kana or Hangul gives its pairs alone; in a product also its single characters. Stops after
/// `most` words.
[[nodiscard]] std::vector<std::string> wordsOf(std::string_view text, Plurals plurals,
                                               bool isQuery = false, std::size_t most = SIZE_MAX);

} // namespace engine
