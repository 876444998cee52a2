#include "engine/data/golden.h"

#include "engine/base/random.h"

#include <algorithm>
#include <array>

namespace engine {
namespace {

constexpr std::uint64_t kGoldenStream = 0x676f6c64656e; // "golden"
constexpr std::size_t kStrata = 4, kResamples = 400;
constexpr std::uint32_t kFewKnown = 4;

void shuffle(std::vector<TraceRow> &rows, Random &random)
{
    for (std::size_t i = rows.size(); i > 1; --i)
        std::swap(rows[i - 1], rows[random.below(i)]);
}

} // namespace

std::filesystem::path goldenFolder(const std::filesystem::path &shop)
{
    return shop / "golden";
}

std::vector<GoldenStratum> goldenStrata(const Split &split, std::span<const TraceRow> rows)
{
    std::vector<std::uint64_t> count(split.train.items);
    for (const auto item : split.train.events)
        ++count[item];
    const auto all = static_cast<double>(split.train.events.size());
    std::vector<GoldenStratum> of(split.train.items, GoldenStratum::Cold);
    double before = 0;
    for (const auto item : popularityOrder(split.train)) {
        if (count[item] == 0)
            break;
        of[item] = before < 0.5 * all   ? GoldenStratum::Head
                   : before < 0.9 * all ? GoldenStratum::Torso
                                        : GoldenStratum::Tail;
        before += static_cast<double>(count[item]);
    }
    std::vector<GoldenStratum> strata;
    for (const auto &row : rows)
        strata.push_back(row.h <= kFewKnown ? GoldenStratum::Cold : of[row.label]);
    return strata;
}

std::vector<TraceRow> makeGolden(const Split &split, std::size_t limit, std::uint64_t seed)
{
    Random random(seed, kGoldenStream);
    std::array<std::vector<TraceRow>, kStrata> pools;
    const auto add = [&](const std::vector<TraceRow> &rows) {
        const auto strata = goldenStrata(split, rows);
        std::array<std::vector<TraceRow>, kStrata> fresh;
        for (std::size_t i = 0; i < rows.size(); ++i)
            fresh[static_cast<std::size_t>(strata[i])].push_back(rows[i]);
        for (std::size_t s = 0; s < kStrata; ++s) {
            shuffle(fresh[s], random);
            pools[s].insert(pools[s].end(), fresh[s].begin(), fresh[s].end());
        }
    };
    add(split.test);
    if (split.test.size() < limit)
        add(split.validation);
    std::vector<TraceRow> golden;
    for (std::size_t at = 0; golden.size() < limit; ++at) {
        bool any = false;
        for (const auto &pool : pools) {
            if (at >= pool.size() || golden.size() == limit)
                continue;
            golden.push_back(pool[at]);
            any = true;
        }
        if (!any)
            break;
    }
    std::sort(golden.begin(), golden.end(), [](const TraceRow &a, const TraceRow &b) {
        return std::pair(a.shopper, a.h) < std::pair(b.shopper, b.h);
    });
    return golden;
}

PairedQuality pairedQuality(std::span<const float> earned, std::span<const float> expected,
                            std::uint64_t seed)
{
    double earns = 0, expects = 0;
    const auto rows = std::min(earned.size(), expected.size());
    for (std::size_t i = 0; i < rows; ++i) {
        earns += double{earned[i]};
        expects += double{expected[i]};
    }
    if (expects <= 0)
        return {};
    Random random(seed, kGoldenStream);
    std::vector<double> ratios;
    ratios.reserve(kResamples);
    while (ratios.size() < kResamples) {
        double top = 0, bottom = 0;
        for (std::size_t i = 0; i < rows; ++i) {
            const auto row = random.below(rows);
            top += double{earned[row]};
            bottom += double{expected[row]};
        }
        ratios.push_back(bottom > 0 ? top / bottom : 0);
    }
    std::sort(ratios.begin(), ratios.end());
    const auto part = [&](double share) {
        return ratios[static_cast<std::size_t>(share * static_cast<double>(kResamples - 1))];
    };
    return {earns / expects, part(0.025), part(0.975)};
}

} // namespace engine
