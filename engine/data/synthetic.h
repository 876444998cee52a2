#pragma once
// The embedded synthetic shop: a catalogue, shoppers and what they take next, with the exact
// probability of every next item. Immutable after construction: any thread. The same seed gives the
// same bytes on every machine and with every number of threads (Random, exact_math, no libm).
//
// Shopper s, who has taken i_1 .. i_h, takes item i next with probability
//   P(i | s, h) = exp(U_i) / sum over j not in {i_1 .. i_h} of exp(U_j)
//   U_i = (beta u_s + gamma z) . v_i + A[c(i_h), c(i)] + b_i - kappa_s log price_i
// u_s: mixture of 2-4 interests; z = z(seed, s, h): vector of the category the shopper is after at
// that step, a Markov chain (stay .8, related .15, jump .05) drawn from (seed, s) alone; v_i =
// category + brand + noise in 16 dimensions; b_i = -slope log(popularity rank); A: same category,
// same department, complement. Nobody takes an item twice.
// Source: reference "models", the embedded synthetic shop, steps 1-3.

#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/data/dataset.h"

#include <array>
#include <functional>

namespace engine {

/// What a synthetic shop is made from; `name` is what stands behind "synthetic:".
struct SyntheticRecipe
{
    std::string name;
    std::uint32_t shoppers = 0, items = 0;
    std::uint32_t departments = 0, leaves = 0; ///< leaves: categories per department
    double medianEvents = 20, spreadEvents = 0.8;
    std::uint32_t fewestEvents = 5, mostEvents = 400;
    double popularitySlope = 0.7;
    double interest = 6.0;   ///< beta
    double intent = 3.0;     ///< gamma
    double transition = 1.0; ///< scale of A
    double thrift = 0.3;     ///< mean of kappa_s
};

/// tiny (500 shoppers, 800 items), demo (5,000, 10,000), large (100,000, 200,000).
[[nodiscard]] Result<SyntheticRecipe> syntheticRecipe(std::string_view size);
/// "demo" of "synthetic:demo" and of "synthetic"; NotFound when the source is not synthetic at all.
[[nodiscard]] Result<std::string> syntheticSize(std::string_view source);

class SyntheticShop
{
public:
    static constexpr std::size_t kLatent = 16;
    static constexpr std::uint32_t kBrands = 12; ///< per category
    /// 16 latent dimensions and the log price.
    using Vector = std::array<double, kLatent + 1>;
    using Progress = std::function<void(double part)>; ///< called from the calling thread

    struct Interest
    {
        std::uint32_t category = 0;
        double weight = 0;
    };
    /// Who a shopper is, before any event.
    struct Taste
    {
        std::vector<Interest> interests;
        Vector weights{}; ///< beta u, and -kappa
        std::uint32_t events = 0;
    };
    /// All that the next choice of a shopper depends on, apart from what was taken before.
    struct Moment
    {
        Vector weights{};
        std::uint32_t previous = kNoCategory; ///< category of the last item
    };
    static constexpr std::uint32_t kNoCategory = ~0u;

    SyntheticShop(SyntheticRecipe recipe, std::uint64_t seed);

    [[nodiscard]] const SyntheticRecipe &recipe() const { return m_recipe; }
    [[nodiscard]] std::uint32_t categories() const
    {
        return m_recipe.departments * m_recipe.leaves;
    }
    [[nodiscard]] std::uint32_t category(std::uint32_t item) const { return m_category[item]; }
    [[nodiscard]] double price(std::uint32_t item) const;
    [[nodiscard]] std::string title(std::uint32_t item) const;

    /// All shoppers with all their events; `threads` changes the time it takes, not the result.
    [[nodiscard]] Dataset generate(unsigned threads, const Progress &progress = {}) const;

    /// Whether `data` holds what this shop makes, from a look at a few shoppers: false for another
    /// seed, another size or a shop of a version whose generator was another one.
    [[nodiscard]] bool made(const Dataset &data) const;

    [[nodiscard]] Taste taste(std::uint32_t shopper) const;
    /// The categories that the shopper is after at steps 0 .. steps - 1.
    [[nodiscard]] std::vector<std::uint32_t> intents(std::uint32_t shopper, const Taste &taste,
                                                     std::size_t steps) const;
    [[nodiscard]] Moment moment(std::uint32_t shopper,
                                std::span<const std::uint32_t> history) const;
    [[nodiscard]] double utility(const Moment &moment, std::uint32_t item) const;
    /// Utility of every item, those of the history included; `out` is resized to the items.
    void utilities(const Moment &moment, std::vector<double> &out) const;
    /// log of the sum of exp(U) over `utilities`, the items of the history left out.
    [[nodiscard]] static double logNormaliser(std::span<const double> utilities,
                                              std::span<const std::uint32_t> history);

private:
    friend class SyntheticSampler;
    [[nodiscard]] Moment momentAt(const Taste &taste, std::uint32_t intent,
                                  std::span<const std::uint32_t> history) const;
    /// The kind of transition: 0 none, 1 same department, 2 complement, 3 same category.
    [[nodiscard]] std::size_t transition(std::uint32_t from, std::uint32_t to) const;
    [[nodiscard]] Random eventDraws(std::uint32_t shopper) const;
    void makeCategories();
    void makeItems();

    SyntheticRecipe m_recipe;
    std::uint64_t m_seed;
    std::vector<Vector> m_categoryVector;    ///< last: mean log price
    std::vector<double> m_categoryShare;     ///< cumulative, to draw a category by its size
    std::vector<std::uint32_t> m_complement; ///< by category: what is taken along with it
    std::vector<Vector> m_brandVector;       ///< by category and brand
    std::vector<std::uint32_t> m_category;   ///< by item
    std::vector<std::uint32_t> m_brand;      ///< by item, within the category
    std::vector<double> m_bias;              ///< b_i
    std::array<std::vector<double>, kLatent + 1> m_rest;    ///< v_i less its category, by dimension
    std::array<double, 4> m_affinity{}, m_affinityFactor{}; ///< A and e^A by kind
};

} // namespace engine
