#pragma once
// The synthetic shop's demand, day by day and product by product, with the exact distribution that
// it was drawn from. Immutable after construction: any thread. The same seed gives the same bytes
// on every machine (Random, exact_math, integer prices).
//
// Product p wants on day d
//   D = 0 with chance 1 - chance(p), else NegBin(mean(p, d), dispersion(p))
//   mean = level(p) x weekday x yearly(p, d) x promotion(p, d) x (price(p, d) /
//   base(p))^elasticity(p)
// and sells min(D, stock): on stock-out days the shelf holds less than is wanted, and the sale says
// nothing of the rest. Calibrated to the daily sales of a gift wholesaler: mean interval between
// sales about 4 days, squared variation of the sizes about 1.9. Source: reference "models", the
// embedded synthetic shop, step 6.

#include "engine/base/error.h"
#include "engine/base/random.h"

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct DemandSize
{
    std::string name;
    int products = 0, days = 0;
};

/// tiny, demo, large.
[[nodiscard]] Result<DemandSize> demandSize(std::string_view name);

/// The distribution of one product and day.
struct DemandDay
{
    double chance = 1;     ///< that anything may be wanted
    double mean = 0;       ///< of what is wanted then
    double dispersion = 1; ///< NegBin: variance = mean + mean^2 / dispersion
    std::int64_t priceCents = 0;
    bool isPromoted = false;
    std::int64_t stock = 0; ///< below kFull on a stock-out day
    static constexpr std::int64_t kFull = 1'000'000'000;
};

class SyntheticDemand
{
public:
    SyntheticDemand(DemandSize size, std::uint64_t seed);

    [[nodiscard]] const DemandSize &size() const { return m_size; }
    [[nodiscard]] DemandDay day(int product, int day) const;
    /// What was sold: the draw, cut by the stock.
    [[nodiscard]] std::int64_t sold(int product, int day) const;
    /// The oracle: the true quantile and mean of what is sold, the stock being known.
    [[nodiscard]] static double quantile(const DemandDay &day, double level);
    [[nodiscard]] static double mean(const DemandDay &day);

    [[nodiscard]] std::string product(int product) const;  ///< "P0007"
    [[nodiscard]] std::string category(int product) const; ///< "C3"
    [[nodiscard]] static std::string dateText(int day);    ///< from 2010-01-04, a Monday

    /// CSV product,day,units,price,promotion,category,stock_out of days [from, to); with `plan` the
    /// units stay empty. Whole or not at all.
    [[nodiscard]] Result<> write(const std::filesystem::path &path, int from, int to,
                                 bool plan = false) const;
    /// The roles of those columns.
    [[nodiscard]] static std::map<std::string, std::string> columns();

private:
    struct Product
    {
        double level, elasticity, lift, dispersion, chance, yearly, phase;
        std::int64_t baseCents;
        int category;
        std::array<double, 7> weekday;
    };
    DemandSize m_size;
    std::uint64_t m_seed;
    std::vector<Product> m_products;
};

} // namespace engine
