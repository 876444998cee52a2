#include "engine/serving/traffic_ledger.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr int kPage = 10;
constexpr std::size_t kMostVersions = 8, kLookBack = 100;
constexpr const char *kPathNames[] = {"primary", "standby", "popularity", "cached", "other"};

double millis(Micros span)
{
    return static_cast<double>(span.count()) / 1000;
}

} // namespace

ShareInterval shareInterval(std::uint64_t hits, std::uint64_t of)
{
    if (of == 0)
        return {0, 1};
    constexpr double z = 1.959964;
    const auto n = static_cast<double>(of), p = static_cast<double>(hits) / n;
    const auto centre = p + z * z / (2 * n);
    const auto half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    return {std::max(0.0, (centre - half) / (1 + z * z / n)),
            std::min(1.0, (centre + half) / (1 + z * z / n))};
}

TrafficLedger::TrafficLedger(MonoTime start, Micros deadline, std::vector<double> latencyLimits,
                             std::uint32_t items)
    : m_deadline(deadline), m_limits(std::move(latencyLimits)),
      m_begin(MonoTime{start.count() / kWindow.count() * kWindow.count()}), m_shownIn(items)
{
    for (const auto limit : m_limits)
        m_limitNames.push_back(slowSeries(limit));
}

TrafficLedger::Bucket &TrafficLedger::bucket(MonoTime t)
{
    const auto index = std::max<std::int64_t>(0, (t - m_begin) / kWindow);
    while (m_buckets.size() <= static_cast<std::size_t>(index))
        m_buckets.emplace_back().slow.resize(m_limits.size());
    return m_buckets[static_cast<std::size_t>(index)];
}

void TrafficLedger::due(MonoTime scheduled)
{
    const std::lock_guard lock(m_mutex);
    ++bucket(scheduled).due;
    ++m_open;
}

void TrafficLedger::sent(MonoTime scheduled, MonoTime when)
{
    const std::lock_guard lock(m_mutex);
    bucket(scheduled).lag.add(millis(std::max(Micros{0}, when - scheduled)));
}

void TrafficLedger::answered(const TrafficAnswer &answer)
{
    const std::lock_guard lock(m_mutex);
    auto &to = bucket(answer.ended);
    const auto latency = answer.ended - answer.scheduled;
    --m_open;
    ++to.answered;
    to.expected += answer.expected;
    if (answer.failed) {
        ++to.failed;
        return;
    }
    to.late += latency > m_deadline;
    for (std::size_t i = 0; i < m_limits.size(); ++i)
        to.slow[i] += millis(latency) > m_limits[i];
    to.latency.add(millis(latency));
    to.earned += answer.earned;
    to.ndcg += answer.ndcg;
    ++to.paths[static_cast<std::size_t>(answer.path)];
    for (auto *scores : {&to.all, &to.served[{answer.path, boundedVersion(answer.version)}]}) {
        const bool isHit = answer.rank >= 1 && answer.rank <= kPage;
        ++scores->answers;
        scores->hits += isHit;
        scores->ndcg += answer.ndcg;
        scores->reciprocal += isHit ? 1.0 / answer.rank : 0;
        scores->sessions += answer.isSession;
        scores->found += answer.isSession && answer.rank >= 1;
    }
    for (const auto item : answer.shown)
        if (item >= 0 && static_cast<std::size_t>(item) < m_shownIn.size())
            to.shown.push_back(static_cast<std::uint32_t>(item));
}

void TrafficLedger::appended(bool good, std::uint64_t seq, MonoTime now)
{
    const std::lock_guard lock(m_mutex);
    if (good && now >= m_begin) { // by its own time: a loss is measured against it
        auto &at = bucket(now);
        at.ackedSeq = std::max(at.ackedSeq, seq);
    }
    auto &to = bucket(m_begin);
    ++(good ? to.appended : to.notAppended);
}

std::vector<Window> TrafficLedger::take(MonoTime upTo)
{
    std::vector<Window> out;
    const std::lock_guard lock(m_mutex);
    while (m_begin + kWindow <= upTo) {
        out.push_back(window(bucket(m_begin), m_begin + kWindow));
        m_buckets.pop_front();
        m_begin += kWindow;
    }
    return out;
}

MonoTime TrafficLedger::nextEnd() const
{
    const std::lock_guard lock(m_mutex);
    return m_begin + kWindow;
}

std::uint64_t TrafficLedger::open() const
{
    const std::lock_guard lock(m_mutex);
    return m_open;
}

/// Names of series come from it, so there are few and they are tame.
const std::string &TrafficLedger::boundedVersion(const std::string &version)
{
    static const std::string kNone = "none", kOther = "other";
    if (version.empty())
        return kNone;
    if (const auto at = m_versions.find(version); at != m_versions.end())
        return *at;
    const bool isTame =
        version.size() <= 32 && std::all_of(version.begin(), version.end(), [](unsigned char c) {
            return std::isalnum(c) || c == '-' || c == '_';
        });
    return m_versions.size() < kMostVersions && isTame ? *m_versions.insert(version).first : kOther;
}

/// Shares of single windows are too few answers to say anything: ten seconds of them, with the
/// interval that the counts allow.
void TrafficLedger::addShares(Window &out, const Bucket &from)
{
    auto &kept = m_lookedBack.emplace_back();
    kept.all = from.all;
    kept.failed = from.failed;
    kept.shown = from.shown;
    std::sort(kept.shown.begin(), kept.shown.end());
    kept.shown.erase(std::unique(kept.shown.begin(), kept.shown.end()), kept.shown.end());
    for (const auto item : kept.shown)
        m_covered += m_shownIn[item]++ == 0;
    if (m_lookedBack.size() > kLookBack) {
        for (const auto item : m_lookedBack.front().shown)
            m_covered -= --m_shownIn[item] == 0;
        m_lookedBack.pop_front();
    }
    LabelScores sum;
    std::uint64_t failed = 0; // a shopper without a list clicks nothing
    for (const auto &bucket : m_lookedBack) {
        failed += bucket.failed;
        sum.answers += bucket.all.answers;
        sum.hits += bucket.all.hits;
        sum.reciprocal += bucket.all.reciprocal;
        sum.sessions += bucket.all.sessions;
        sum.found += bucket.all.found;
    }
    const auto share = [&](const std::string &name, std::uint64_t hits, std::uint64_t of) {
        if (of == 0)
            return;
        const auto interval = shareInterval(hits, of);
        out.samples.push_back({name, static_cast<double>(hits) / static_cast<double>(of)});
        out.samples.push_back({name + ".low", interval.low});
        out.samples.push_back({name + ".high", interval.high});
    };
    share("gateway.hr@10", sum.hits, sum.answers);
    share("gateway.click-through", sum.hits, sum.answers + failed);
    share("gateway.satisfaction", sum.found, sum.sessions);
    if (sum.answers > 0)
        out.samples.push_back({"gateway.mrr", sum.reciprocal / static_cast<double>(sum.answers)});
    if (sum.answers > 0 && !m_shownIn.empty())
        out.samples.push_back({"gateway.coverage", static_cast<double>(m_covered)
                                                       / static_cast<double>(m_shownIn.size())});
}

Window TrafficLedger::window(const Bucket &from, MonoTime end)
{
    Window out;
    out.source = "traffic";
    out.end = end.count();
    const auto add = [&](std::string_view name, double value) {
        out.samples.push_back({std::string(name), value});
    };
    const auto count = [&](std::string_view name, std::uint64_t value) {
        add(name, static_cast<double>(value));
    };
    count(series::kRequests, from.due);
    count(series::kAnswered, from.answered);
    count(series::kFailed, from.failed);
    count(series::kLate, from.late);
    for (std::size_t i = 0; i < m_limits.size(); ++i)
        count(m_limitNames[i], from.slow[i]);
    add(series::kEarned, from.earned);
    add(series::kExpected, from.expected);
    count(series::kPathPrimary, from.paths[static_cast<std::size_t>(ServingPath::Primary)]);
    count(series::kPathStandby, from.paths[static_cast<std::size_t>(ServingPath::Standby)]);
    count(series::kPathPopularity, from.paths[static_cast<std::size_t>(ServingPath::Popularity)]);
    count(series::kPathCached, from.paths[static_cast<std::size_t>(ServingPath::Cached)]);
    count("traffic.appended", from.appended);
    count("traffic.append.missed", from.notAppended);
    for (const auto &[key, scores] : from.served) {
        const auto name = fmt::format("gateway.served.{}.{}.",
                                      kPathNames[static_cast<std::size_t>(key.first)], key.second);
        count(name + "answers", scores.answers);
        count(name + "hits", scores.hits);
        add(name + "ndcg", scores.ndcg);
        add(name + "reciprocal", scores.reciprocal);
    }
    addShares(out, from);
    if (from.ackedSeq > 0)
        count("traffic.acked.seq", from.ackedSeq);
    add(series::kTrafficLag, from.lag.count() > 0 ? from.lag.quantile(0.99) : 0);
    if (from.expected > 0)
        add(series::kQuality, from.earned / from.expected);
    if (from.answered > 0)
        add(series::kNdcg, from.ndcg / static_cast<double>(from.answered));
    if (from.latency.count() > 0) {
        add(series::kP50, from.latency.quantile(0.50));
        add(series::kP95, from.latency.quantile(0.95));
        add(series::kP99, from.latency.quantile(0.99));
        out.sketches.push_back({"gateway.latency", from.latency.encode()});
    }
    return out;
}

} // namespace engine
