#include "engine/serving/replica_model.h"

#include "engine/serving/batcher.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace engine {
namespace {

constexpr int kWarmK = 10, kShadowK = 20;
constexpr std::size_t kCompared = 10;
using Histories = std::vector<std::vector<std::int64_t>>;

/// What no answer may be, whoever trained the model.
Result<> checkLists(const Scorer &scorer, const std::vector<TopItems> &lists, std::size_t rows)
{
    const auto wrong = [&](std::string_view what) {
        return fail(
            ErrorCode::InvalidInput,
            fmt::format("Version {} {}; it is not taken into service", scorer.version(), what));
    };
    if (lists.size() != rows)
        return wrong("answers with the wrong number of lists");
    for (const auto &list : lists) {
        if (list.items.size() != list.scores.size())
            return wrong("names more items than scores");
        for (const auto score : list.scores)
            if (!std::isfinite(score))
                return wrong("gives scores that are not finite numbers");
        for (const auto item : list.items)
            if (item < 0 || item >= static_cast<std::int64_t>(scorer.items()))
                return wrong("names items that the shop does not have");
        if (std::set(list.items.begin(), list.items.end()).size() != list.items.size())
            return wrong("names an item twice in a list");
    }
    return {};
}

/// The sizes a batch can have are all seen once before the first request pays for it.
Result<> warmUp(const Scorer &scorer)
{
    constexpr std::int64_t kHistory = 20;
    const auto items = std::max<std::int64_t>(scorer.items(), 1);
    for (std::size_t rows = 1; rows <= Batcher::kMostRows; rows *= 2) {
        Histories histories(rows);
        for (std::size_t row = 0; row < rows; ++row)
            for (std::int64_t i = 0; i < kHistory; ++i)
                histories[row].push_back((static_cast<std::int64_t>(row) * 7 + i) % items);
        const auto lists = scorer.score(histories, kWarmK);
        if (!lists)
            return tl::unexpected(lists.error());
        DR_RETURN_IF_ERROR(checkLists(scorer, *lists, rows));
    }
    return {};
}

double overlapOf(const TopItems &a, const TopItems &b)
{
    const auto count = std::min({a.items.size(), b.items.size(), kCompared});
    if (count == 0)
        return 1;
    const auto first = [count](const TopItems &list) {
        return std::set(list.items.begin(),
                        list.items.begin() + static_cast<std::ptrdiff_t>(count));
    };
    const auto one = first(a), other = first(b);
    const auto both =
        std::ranges::count_if(one, [&](std::int64_t item) { return other.contains(item); });
    return static_cast<double>(both) / static_cast<double>(count);
}

} // namespace

Result<> ReplicaModel::load(const std::string &version)
{
    const std::scoped_lock loading(m_loading);
    {
        const std::scoped_lock lock(m_mutex);
        // Verified and warm already: the way back must not depend on files.
        if (!version.empty() && m_previous && m_previous->version() == version) {
            m_current.swap(m_previous);
            m_reason = "rolled back to the version that served before";
            return {};
        }
    }
    std::string story;
    auto result = prepare(version, story);
    const std::scoped_lock lock(m_mutex);
    m_reason = result ? story : result.error().text();
    if (!result)
        return tl::unexpected(result.error());
    if (m_current)
        m_previous = std::move(m_current);
    m_current = std::move(*result);
    return {};
}

Result<std::shared_ptr<const Scorer>> ReplicaModel::prepare(const std::string &version,
                                                            std::string &story)
{
    try {
        auto scorer = m_source(version);
        if (!scorer)
            return tl::unexpected(scorer.error());
        DR_RETURN_IF_ERROR(warmUp(**scorer));
        const auto serving = current();
        const auto seen = shadow(**scorer, serving.get());
        if (!seen)
            return tl::unexpected(seen.error());
        if (seen->requests > 0)
            story = fmt::format("tried on {} recent requests: {:.0f} % of the first ten items as "
                                "before, {:.2f} times the time",
                                seen->requests, 100 * seen->overlap, seen->slowdown);
        return std::shared_ptr<const Scorer>(std::move(*scorer));
    } catch (const std::bad_alloc &) {
        return fail(ErrorCode::Busy, "There is not enough memory to load the model beside the one "
                                     "in service; unload another one or give the replica more");
    }
}

Result<Shadow> ReplicaModel::shadow(const Scorer &candidate, const Scorer *serving) const
{
    Histories recent;
    {
        const std::scoped_lock lock(m_mutex);
        recent.assign(m_recent.begin(), m_recent.end());
    }
    Shadow out;
    if (!serving || recent.empty())
        return out;
    Micros ours{0}, theirs{0};
    // In small batches: the requests that are served meanwhile wait for the processor, too.
    constexpr std::size_t kBatch = 8;
    for (std::size_t at = 0; at < recent.size(); at += kBatch) {
        const auto part = std::span(recent).subspan(at, std::min(kBatch, recent.size() - at));
        const auto begun = m_clock.now();
        const auto before = serving->score(part, kShadowK);
        const auto between = m_clock.now();
        const auto now = candidate.score(part, kShadowK);
        ours += m_clock.now() - between;
        theirs += between - begun;
        if (!now)
            return tl::unexpected(now.error());
        DR_RETURN_IF_ERROR(checkLists(candidate, *now, part.size()));
        if (!before || before->size() != part.size())
            continue; // the old one is broken: no measure for the new one
        for (std::size_t i = 0; i < part.size(); ++i)
            out.overlap += overlapOf((*now)[i], (*before)[i]);
        out.requests += part.size();
    }
    if (out.requests > 0)
        out.overlap /= static_cast<double>(out.requests);
    out.slowdown = static_cast<double>(ours.count())
                   / static_cast<double>(std::max<std::int64_t>(1, theirs.count()));
    return out;
}

void ReplicaModel::unload()
{
    const std::scoped_lock loading(m_loading);
    std::shared_ptr<const Scorer> old, older; // die outside the lock
    const std::scoped_lock lock(m_mutex);
    m_current.swap(old);
    m_previous.swap(older);
    m_reason = "unloaded";
}

std::shared_ptr<const Scorer> ReplicaModel::current() const
{
    const std::scoped_lock lock(m_mutex);
    return m_current;
}

std::shared_ptr<const Scorer> ReplicaModel::previous() const
{
    const std::scoped_lock lock(m_mutex);
    return m_previous;
}

std::string ReplicaModel::reason() const
{
    const std::scoped_lock lock(m_mutex);
    return m_reason;
}

void ReplicaModel::remember(const std::vector<std::int64_t> &history)
{
    const std::scoped_lock lock(m_mutex);
    if (m_recent.size() >= kRemembered)
        m_recent.pop_front();
    m_recent.push_back(history);
}

} // namespace engine
