#include "engine/data/synthetic_demand.h"

#include "engine/base/exact_math.h"
#include "engine/base/files.h"
#include "engine/data/time_axis.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::uint64_t kProductStream = 0xDE31, kWeekStream = 0xDE32, kDrawStream = 0xDE33,
                        kStockStream = 0xDE34;
constexpr int kCategories = 8;
constexpr double kPromotedShare = 0.12, kStockOutShare = 0.03;
constexpr std::array<double, 7> kWeekdays{1.00, 1.22, 1.12, 1.34, 1.05, 0.72, 0.55};
constexpr std::int64_t kFirstDay = 14613; // 2010-01-04 in days since 1970

std::uint64_t indexOf(int product, int day)
{
    return (static_cast<std::uint64_t>(product) << 32) | (static_cast<std::uint64_t>(day) << 8);
}

/// Walks the distribution function of NegBin until it reaches u; additions and products only.
std::int64_t negBinInverse(double mean, double dispersion, double u)
{
    const double ratio = mean / (dispersion + mean);
    double p = exact::pow(dispersion / (dispersion + mean), dispersion);
    double below = p;
    std::int64_t n = 0;
    constexpr std::int64_t kMost = 1'000'000;
    while (below < u && n < kMost) {
        const auto at = static_cast<double>(n);
        p = p * (at + dispersion) / (at + 1.0) * ratio;
        ++n;
        const double next = below + p;
        if (next == below && at > mean)
            break; // the rest is below rounding
        below = next;
    }
    return n;
}

} // namespace

Result<DemandSize> demandSize(std::string_view name)
{
    for (const auto &size : {DemandSize{"tiny", 60, 240}, DemandSize{"demo", 400, 540},
                             DemandSize{"large", 4000, 730}}) {
        if (size.name == name)
            return size;
    }
    return fail(ErrorCode::Usage, "There is no synthetic demand \"" + std::string(name)
                                      + "\"; there are tiny, demo, large");
}

SyntheticDemand::SyntheticDemand(DemandSize size, std::uint64_t seed)
    : m_size(std::move(size)), m_seed(seed)
{
    for (int p = 0; p < m_size.products; ++p) {
        Random random(seed, kProductStream, indexOf(p, 0));
        Product product;
        product.category = static_cast<int>(random.below(kCategories));
        product.level = exact::exp(2.5 + 0.9 * random.normal());
        product.elasticity = -(1.0 + 1.5 * random.uniform());
        product.lift = 1.1 + 0.7 * random.uniform();
        product.dispersion = 0.3 + 0.2 * random.uniform();
        product.chance = 0.22 + 0.7 * random.uniform() * random.uniform();
        product.yearly = 0.1 + 0.4 * random.uniform();
        product.phase = random.uniform();
        product.baseCents = static_cast<std::int64_t>(
            std::clamp(100.0 * exact::exp(0.73 + 1.06 * random.normal()), 10.0, 100000.0));
        for (std::size_t w = 0; w < 7; ++w)
            product.weekday[w] = kWeekdays[w] * (0.9 + 0.2 * random.uniform());
        m_products.push_back(product);
    }
}

DemandDay SyntheticDemand::day(int product, int day) const
{
    const auto &p = m_products.at(static_cast<std::size_t>(product));
    DemandDay out;
    out.dispersion = p.dispersion;
    out.chance = p.chance;
    const int week = day / 7;
    Random chance(m_seed, kWeekStream, indexOf(product, week));
    out.isPromoted = chance.uniform() < kPromotedShare;
    const auto discount = static_cast<std::int64_t>(10 + 10 * chance.below(3)); // 10, 20, 30 %
    // Outside promotions the price moves a little from quarter to quarter.
    Random quarter(m_seed, kWeekStream, indexOf(product, 1'000'000 + week / 13));
    const auto drift = static_cast<std::int64_t>(95 + quarter.below(11)); // 95 .. 105 %
    out.priceCents = std::max<std::int64_t>(1, p.baseCents * drift / 100);
    if (out.isPromoted)
        out.priceCents = std::max<std::int64_t>(1, out.priceCents * (100 - discount) / 100);
    const double yearly =
        1.0 + p.yearly * exact::cos2pi(static_cast<double>(day) / 365.25 - p.phase);
    const double price = exact::pow(
        static_cast<double>(out.priceCents) / static_cast<double>(p.baseCents), p.elasticity);
    out.mean = p.level * p.weekday[static_cast<std::size_t>(day % 7)] * yearly
               * (out.isPromoted ? p.lift : 1.0) * price;
    out.stock = DemandDay::kFull;
    Random stock(m_seed, kStockStream, indexOf(product, day));
    if (stock.uniform() < kStockOutShare)
        out.stock = static_cast<std::int64_t>(stock.uniform() * out.mean);
    return out;
}

std::int64_t SyntheticDemand::sold(int product, int day) const
{
    const auto law = this->day(product, day);
    Random random(m_seed, kDrawStream, indexOf(product, day));
    if (random.uniform() >= law.chance)
        return 0;
    return std::min(law.stock, negBinInverse(law.mean, law.dispersion, random.uniform()));
}

double SyntheticDemand::quantile(const DemandDay &day, double level)
{
    const double none = 1.0 - day.chance;
    if (level <= none)
        return 0;
    const auto wanted = negBinInverse(day.mean, day.dispersion, (level - none) / day.chance);
    return static_cast<double>(std::min(day.stock, wanted));
}

double SyntheticDemand::mean(const DemandDay &day)
{
    if (day.stock >= DemandDay::kFull)
        return day.chance * day.mean;
    // E min(D, s) = sum over n < s of P(D > n).
    const double ratio = day.mean / (day.dispersion + day.mean);
    double p = exact::pow(day.dispersion / (day.dispersion + day.mean), day.dispersion);
    double below = p, sum = 0;
    for (std::int64_t n = 0; n < day.stock; ++n) {
        sum += std::max(0.0, 1.0 - below);
        p = p * (static_cast<double>(n) + day.dispersion) / (static_cast<double>(n) + 1.0) * ratio;
        below += p;
    }
    return day.chance * sum;
}

std::string SyntheticDemand::product(int product) const
{
    auto digits = std::to_string(product);
    return "P" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

std::string SyntheticDemand::category(int product) const
{
    return "C" + std::to_string(m_products.at(static_cast<std::size_t>(product)).category);
}

std::string SyntheticDemand::dateText(int day)
{
    TimeAxis axis;
    axis.kind = TimeText::Kind::Date;
    axis.origin = kFirstDay;
    return axis.text(day);
}

Result<> SyntheticDemand::write(const std::filesystem::path &path, int from, int to,
                                bool plan) const
{
    std::string text = "product,day,units,price,promotion,category,stock_out\n";
    for (int p = 0; p < m_size.products; ++p) {
        for (int d = from; d < to; ++d) {
            const auto law = day(p, d);
            const auto cents = std::to_string(law.priceCents % 100);
            text += product(p) + ',' + dateText(d) + ',';
            text += plan ? "" : std::to_string(sold(p, d));
            text += ',' + std::to_string(law.priceCents / 100) + '.' + (cents.size() < 2 ? "0" : "")
                    + cents;
            text += law.isPromoted ? ",1," : ",0,";
            text += category(p);
            text += plan ? "," : law.stock < DemandDay::kFull ? ",1" : ",0";
            text += '\n';
        }
    }
    return writeTextAtomically(path, text);
}

std::map<std::string, std::string> SyntheticDemand::columns()
{
    return {{"series", "product"},
            {"time", "day"},
            {"value", "units"},
            {"price", "price"},
            {"num", "promotion"},
            {"cat", "category"},
            {"known", "promotion|category"}};
}

} // namespace engine
