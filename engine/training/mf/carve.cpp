#include "engine/training/mf/carve.h"

#include "engine/base/random.h"
#include "engine/scoring/blend.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::uint64_t kCarveStream = 0x1A18;
/// Fewer events than this leave no order to see and nothing to hold out.
constexpr std::size_t kFewest = 3;

/// By number where ids are numbers: "9" before "10".
bool idBefore(const std::string &a, const std::string &b)
{
    const auto isNumber = [](const std::string &id) {
        return !id.empty() && id.find_first_not_of("0123456789") == std::string::npos;
    };
    if (isNumber(a) && isNumber(b) && a.size() != b.size())
        return a.size() < b.size();
    return a < b;
}

/// How many of the shopper's events, counted from its end, are labels when there is an order.
std::size_t lastLabels(std::span<const std::uint32_t> events)
{
    return events.size() >= kFewest ? 1 : 0;
}

/// Events in the order of a shopper's list with a tenth of the distinct items taken out.
void splitAtRandom(std::span<const std::uint32_t> events, double share, Random &random,
                   std::vector<std::uint32_t> &kept, std::vector<std::uint32_t> &labels)
{
    std::vector<std::uint32_t> distinct(events.begin(), events.end());
    std::sort(distinct.begin(), distinct.end());
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    const auto count = distinct.size();
    auto wanted = static_cast<std::size_t>(std::lround(share * static_cast<double>(count)));
    if (wanted == 0 && count >= kFewest && random.uniform() < share * static_cast<double>(count))
        wanted = 1; // short lists are judged too, in proportion
    wanted = count < kFewest ? 0 : std::min(wanted, count - 1);
    for (std::size_t i = 0; i < wanted; ++i)
        std::swap(distinct[i], distinct[i + random.below(count - i)]);
    labels.assign(distinct.begin(), distinct.begin() + static_cast<std::ptrdiff_t>(wanted));
    std::sort(labels.begin(), labels.end());
    kept.clear();
    std::copy_if(events.begin(), events.end(), std::back_inserter(kept), [&](std::uint32_t item) {
        return !std::binary_search(labels.begin(), labels.end(), item);
    });
}

} // namespace

bool keepsOrder(const Dataset &data)
{
    std::size_t long_ = 0, rising = 0;
    for (std::size_t s = 0; s < data.shoppers(); ++s) {
        const auto events = data.of(s);
        if (events.size() < kFewest)
            continue;
        ++long_;
        rising += std::is_sorted(events.begin(), events.end(),
                                 [&](std::uint32_t a, std::uint32_t b) {
                                     return idBefore(data.itemIds[a], data.itemIds[b]);
                                 })
                      ? 1
                      : 0;
    }
    return long_ < 10 || 20 * rising < 19 * long_;
}

Carved carve(const Dataset &data, const Dataset &valid, bool isOrdered, double share,
             std::size_t most, std::uint64_t seed)
{
    Carved out;
    out.train.items = data.items;
    out.train.offsets = {0};
    struct Case
    {
        std::size_t shopper;
        std::vector<std::uint32_t> labels;
    };
    std::vector<Case> cases;
    std::vector<std::uint32_t> kept, labels;
    Random random(seed, kCarveStream);
    for (std::size_t s = 0; s < data.shoppers(); ++s) {
        const auto events = data.of(s);
        if (valid.shoppers() > 0) {
            kept.assign(events.begin(), events.end());
            labels.assign(valid.of(s).begin(), valid.of(s).end());
        } else if (isOrdered) {
            const auto count = lastLabels(events);
            kept.assign(events.begin(), events.end() - static_cast<std::ptrdiff_t>(count));
            labels.assign(events.end() - static_cast<std::ptrdiff_t>(count), events.end());
        } else {
            splitAtRandom(events, share, random, kept, labels);
        }
        out.train.events.insert(out.train.events.end(), kept.begin(), kept.end());
        out.train.offsets.push_back(out.train.events.size());
        // A label that was taken before is masked with the history and can rank nowhere.
        std::sort(labels.begin(), labels.end());
        labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
        std::erase_if(labels, [&](std::uint32_t item) {
            return std::find(kept.begin(), kept.end(), item) != kept.end();
        });
        if (!kept.empty() && !labels.empty())
            cases.push_back({s, labels});
    }
    const auto count = std::min(cases.size(), most);
    for (std::size_t i = 0; i < count; ++i) {
        auto &chosen = cases[i * cases.size() / count];
        const auto events = out.train.of(chosen.shopper);
        const std::vector<std::int64_t> history(events.begin(), events.end());
        out.validation.newest.push_back(newestFirst(history, data.items));
        auto known = out.validation.newest.back();
        std::sort(known.begin(), known.end());
        out.validation.known.push_back(std::move(known));
        out.validation.labels.push_back(std::move(chosen.labels));
    }
    return out;
}

} // namespace engine
