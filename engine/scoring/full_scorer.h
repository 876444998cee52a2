#pragma once
// A scorer that can also give the scores of all items: what evaluation needs to rank against the
// whole catalogue. Immutable; any thread.

#include "engine/model/package.h"
#include "engine/model/scorer.h"

namespace engine {

class FullScorer : public Scorer
{
public:
    /// out[h * stride() + i] = score of item i for histories[h]; nothing is masked. `out` has
    /// histories * stride() floats.
    [[nodiscard]] virtual Result<> scoreAll(std::span<const std::vector<std::int64_t>> histories,
                                            std::span<float> out) const = 0;
    [[nodiscard]] virtual std::size_t stride() const = 0;

    /// scoreAll in blocks, then the best k outside the history.
    [[nodiscard]] Result<std::vector<TopItems>>
    score(std::span<const std::vector<std::int64_t>> histories, int k) const final;

    [[nodiscard]] std::string version() const final { return m_version; }
    [[nodiscard]] std::string digest() const final { return m_digest; }
    [[nodiscard]] std::string family() const final { return m_family; }

protected:
    explicit FullScorer(const Package &package)
        : m_version(package.manifest.version), m_digest(package.digest),
          m_family(package.manifest.family)
    {
    }

private:
    std::string m_version, m_digest, m_family;
};

/// Sorted, without repeats, without numbers outside [0, items): what a history means to a model.
[[nodiscard]] std::vector<std::int64_t> knownItems(std::span<const std::int64_t> history,
                                                   std::uint32_t items);

/// The best k of `scores` outside `known` (sorted), best first, ties by lower number; fewer when
/// fewer are left.
[[nodiscard]] TopItems bestOf(std::span<const float> scores, std::span<const std::int64_t> known,
                              int k);

} // namespace engine
