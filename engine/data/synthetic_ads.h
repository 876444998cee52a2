#pragma once
// The ads of the embedded synthetic shop: page views with candidates, what was shown in which slot,
// what was clicked, and the exact probability of every click. Immutable after construction: any
// thread. The same seed gives the same bytes on every machine (Random, exact_math, no libm).
//
// A click on ad a in slot k (from 1) of view q has the probability
//   P = exam(k) sigmoid(z),  exam(k) = 1 / k
//   z = theta0 + quality_a + device_q + page_q + hour_q + price_a + fatigue(visits_q)
//       + u_s . v_a + cross(device_q, category_a) + cross(page_q, category_a)
// u_s: centre of the shopper's segment + own noise, v_a: centre of the ad's category + own noise,
// in 6 dimensions. The logged order of the candidates comes from a fair but noisy ranker, so that
// clicks fall about as k^-1.1 as in real logs: the better ads stand higher. Source: reference
// "models", the embedded synthetic shop, step 5.

#include "engine/base/error.h"
#include "engine/base/random.h"

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace engine {

/// `name` is what stands behind "synthetic:".
struct SyntheticAdsRecipe
{
    std::string name;
    std::uint32_t shoppers = 0, ads = 0, advertisers = 0, categories = 0;
    std::uint64_t views = 0; ///< page views of the log
    std::uint32_t candidates = 20, slots = 10;
    double startOdds = -1.7; ///< theta0
    double taste = 1.0;      ///< scale of u . v
};

/// tiny (3,000 views, 30,000 rows), demo (40,000, 400,000), large (1,000,000, 10 million).
[[nodiscard]] Result<SyntheticAdsRecipe> syntheticAdsRecipe(std::string_view size);

class SyntheticAds
{
public:
    static constexpr std::size_t kLatent = 6;
    static constexpr std::size_t kDevices = 3, kPages = 6, kSegments = 12;

    SyntheticAds(SyntheticAdsRecipe recipe, std::uint64_t seed);
    [[nodiscard]] const SyntheticAdsRecipe &recipe() const { return m_recipe; }

    /// One page view. `candidates` are in the logged order: the first `slots` were shown.
    struct View
    {
        std::uint64_t number = 0;
        std::uint32_t shopper = 0, device = 0, page = 0, hour = 0;
        std::uint32_t visits = 0; ///< of the shopper before
        std::vector<std::uint32_t> candidates;
    };
    /// Any number: views beyond the recipe's are fresh traffic of the same shop.
    [[nodiscard]] View view(std::uint64_t number) const;

    /// P(click) of an ad once it is looked at: sigmoid(z).
    [[nodiscard]] double appeal(const View &view, std::uint32_t ad) const;
    /// exam(slot), slot from 1.
    [[nodiscard]] static double examination(std::uint32_t slot)
    {
        return 1.0 / static_cast<double>(slot);
    }
    [[nodiscard]] double clickProbability(const View &view, std::uint32_t ad,
                                          std::uint32_t slot) const
    {
        return examination(slot) * appeal(view, ad);
    }
    /// Clicks to expect when `shown` stand in slots 1, 2 ...: what an order of ads is worth.
    [[nodiscard]] double expectedClicks(const View &view,
                                        std::span<const std::uint32_t> shown) const;
    /// Whether the logged view was clicked in this slot, drawn from clickProbability.
    [[nodiscard]] bool clicked(const View &view, std::uint32_t slot) const;

    /// Names of the columns without the label, and what an ad in a slot of a view says in them.
    [[nodiscard]] static const std::vector<std::string> &columns();
    [[nodiscard]] std::vector<std::string> row(const View &view, std::uint32_t ad,
                                               std::uint32_t slot) const;

    /// A csv with the columns label, view and columns(), one row per shown slot of the views
    /// first .. end - 1. Role order=view keeps a view together.
    [[nodiscard]] std::string csv(std::uint64_t first, std::uint64_t end) const;

    /// The best that any model can reach on these views, and the plainest.
    struct Bounds
    {
        std::uint64_t rows = 0;
        double bayes = 0;      ///< mean entropy of the true probabilities
        double drawn = 0;      ///< log-loss of the true probabilities on the drawn clicks
        double byPosition = 0; ///< log-loss of the mean click rate of each slot of these views
        double constant = 0;   ///< log-loss of the mean click rate
        std::vector<double> clickRate; ///< by slot
    };
    [[nodiscard]] Bounds bounds(std::uint64_t first, std::uint64_t end) const;

private:
    using Vector = std::array<double, kLatent>;
    [[nodiscard]] Vector shopperVector(std::uint32_t shopper) const;

    SyntheticAdsRecipe m_recipe;
    std::uint64_t m_seed;
    std::array<Vector, kSegments> m_segment{};
    std::array<double, kDevices> m_device{};
    std::array<double, kPages> m_page{};
    std::array<double, 24> m_hour{}, m_hourShare{};             ///< share: cumulative
    std::vector<std::array<double, kDevices + kPages>> m_cross; ///< by category
    std::vector<Vector> m_adVector;
    std::vector<std::uint32_t> m_category, m_advertiser, m_cents; ///< by ad
    std::vector<double> m_quality, m_adShare; ///< by ad; share: cumulative chance to be a candidate
};

} // namespace engine
