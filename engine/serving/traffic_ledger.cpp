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

ShareInterval meanInterval(double sum, double squares, std::uint64_t of)
{
    if (of < 2)
        return {0, 0};
    constexpr double z = 1.959964;
    const auto n = static_cast<double>(of), mean = sum / n;
    const auto half = z * std::sqrt(std::max(0.0, squares / n - mean * mean) / (n - 1));
    return {std::max(0.0, mean - half), mean + half};
}

TrafficLedger::TrafficLedger(MonoTime start, Micros deadline, std::vector<double> latencyLimits,
                             std::uint32_t items, bool prices,
                             std::vector<std::string> applications)
    : m_deadline(deadline), m_limits(std::move(latencyLimits)),
      m_begin(MonoTime{start.count() / kWindow.count() * kWindow.count()}), m_items(items),
      m_prices(prices), m_applications(std::move(applications)), m_coverage(items)
{
    for (const auto limit : m_limits)
        m_limitNames.push_back(slowSeries(limit));
}

TrafficLedger::Bucket &TrafficLedger::bucket(MonoTime t)
{
    const auto index = std::max<std::int64_t>(0, (t - m_begin) / kWindow);
    while (m_buckets.size() <= static_cast<std::size_t>(index)) {
        auto &added = m_buckets.emplace_back();
        added.slow.resize(m_limits.size());
        added.parts.resize(m_applications.size());
    }
    return m_buckets[static_cast<std::size_t>(index)];
}

void TrafficLedger::due(MonoTime scheduled, std::size_t application)
{
    const std::lock_guard lock(m_mutex);
    auto &to = bucket(scheduled);
    ++to.due;
    ++to.parts[application].due;
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
    auto &part = to.parts[answer.application];
    ++part.answered;
    part.failed += answer.failed;
    part.expected += answer.expected;
    if (answer.failed) {
        ++to.failed;
        return;
    }
    part.earned += answer.earned;
    to.late += latency > m_deadline;
    for (std::size_t i = 0; i < m_limits.size(); ++i)
        to.slow[i] += millis(latency) > m_limits[i];
    to.latency.add(millis(latency));
    to.earned += answer.earned;
    ++to.paths[static_cast<std::size_t>(answer.path)];
    if (answer.application != 0)
        return; // what follows is about lists of items
    to.ndcg += answer.ndcg;
    const std::pair key{answer.path, boundedVersion(answer.version)};
    for (auto *scores : {&to.all, &to.served[key]}) {
        const bool isHit = answer.rank >= 1 && answer.rank <= kPage;
        ++scores->answers;
        scores->hits += isHit;
        scores->ndcg += answer.ndcg;
        scores->reciprocal += isHit ? 1.0 / answer.rank : 0;
        scores->sessions += answer.isSession;
        scores->found += answer.isSession && answer.rank >= 1;
        scores->revenue += isHit ? answer.price : 0;
        scores->revenueSquares += isHit ? answer.price * answer.price : 0;
    }
    if (m_items == 0)
        return;
    auto &shown = to.shown[key];
    for (const auto item : answer.shown)
        if (item >= 0 && item < std::int64_t{m_items})
            shown.push_back(static_cast<std::uint32_t>(item));
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

/// By serving path and model version: sums of the window, and what was covered in ten seconds.
void TrafficLedger::addServed(Window &out, const Bucket &from)
{
    const auto nameOf = [](const auto &key) {
        return fmt::format("gateway.served.{}.{}.", kPathNames[static_cast<std::size_t>(key.first)],
                           key.second);
    };
    for (const auto &[key, scores] : from.served) {
        const auto name = nameOf(key);
        const auto add = [&](const char *what, double value) {
            out.samples.push_back({name + what, value});
        };
        add("answers", static_cast<double>(scores.answers));
        add("hits", static_cast<double>(scores.hits));
        add("ndcg", scores.ndcg);
        add("reciprocal", scores.reciprocal);
        add("sessions", static_cast<double>(scores.sessions));
        add("found", static_cast<double>(scores.found));
        if (m_prices)
            add("revenue", scores.revenue);
    }
    if (m_items == 0)
        return;
    std::vector<std::uint32_t> all;
    for (const auto &[key, shown] : from.shown) {
        all.insert(all.end(), shown.begin(), shown.end());
        m_coverages.try_emplace(key, m_items);
    }
    m_coverage.add(std::move(all));
    for (auto &[key, coverage] : m_coverages) {
        const auto shown = from.shown.find(key);
        coverage.add(shown == from.shown.end() ? std::vector<std::uint32_t>() : shown->second);
        if (coverage.share() > 0)
            out.samples.push_back({nameOf(key) + "coverage", coverage.share()});
    }
}

/// Shares of single windows are too few answers to say anything: ten seconds of them, with the
/// interval that the counts allow.
void TrafficLedger::addShares(Window &out, const Bucket &from)
{
    m_lookedBack.emplace_back(from.all, from.parts.front().failed);
    if (m_lookedBack.size() > kLookBack)
        m_lookedBack.pop_front();
    LabelScores sum;
    std::uint64_t failed = 0; // a shopper without a list clicks nothing
    for (const auto &[scores, lost] : m_lookedBack) {
        failed += lost;
        sum.answers += scores.answers;
        sum.hits += scores.hits;
        sum.reciprocal += scores.reciprocal;
        sum.sessions += scores.sessions;
        sum.found += scores.found;
        sum.revenue += scores.revenue;
        sum.revenueSquares += scores.revenueSquares;
    }
    const auto add = [&](const std::string &name, double value) {
        out.samples.push_back({name, value});
    };
    const auto share = [&](const std::string &name, std::uint64_t hits, std::uint64_t of) {
        if (of == 0)
            return;
        const auto interval = shareInterval(hits, of);
        add(name, static_cast<double>(hits) / static_cast<double>(of));
        add(name + ".low", interval.low);
        add(name + ".high", interval.high);
    };
    share("gateway.hr@10", sum.hits, sum.answers);
    share("gateway.click-through", sum.hits, sum.answers + failed);
    share("gateway.satisfaction", sum.found, sum.sessions);
    if (sum.answers > 0)
        add("gateway.mrr", sum.reciprocal / static_cast<double>(sum.answers));
    if (m_coverage.isKnown() && sum.answers > 0)
        add("gateway.coverage", m_coverage.share());
    if (m_prices && sum.answers + failed > 0) {
        const auto interval = meanInterval(sum.revenue, sum.revenueSquares, sum.answers + failed);
        const std::string name = "gateway.revenue-per-request";
        add(name, sum.revenue / static_cast<double>(sum.answers + failed));
        add(name + ".low", interval.low);
        add(name + ".high", interval.high);
    }
}

/// By application, when there are several: the window's counts, and quality over ten seconds, for a
/// window alone has few requests of each.
void TrafficLedger::addApplications(Window &out, const Bucket &from)
{
    if (m_applications.size() < 2)
        return;
    m_partsBack.push_back(from.parts);
    if (m_partsBack.size() > kLookBack)
        m_partsBack.pop_front();
    for (std::size_t i = 0; i < m_applications.size(); ++i) {
        const auto add = [&](const char *what, double value) {
            out.samples.push_back({fmt::format("gateway.{}.{}", m_applications[i], what), value});
        };
        const auto &part = from.parts[i];
        add("requests", static_cast<double>(part.due));
        add("answered", static_cast<double>(part.answered));
        add("failed", static_cast<double>(part.failed));
        add("earned", part.earned);
        add("expected", part.expected);
        double earned = 0, expected = 0;
        for (const auto &back : m_partsBack) {
            earned += back[i].earned;
            expected += back[i].expected;
        }
        if (expected > 0)
            add("quality", earned / expected);
    }
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
    addServed(out, from);
    addShares(out, from);
    addApplications(out, from);
    if (from.ackedSeq > 0)
        count("traffic.acked.seq", from.ackedSeq);
    add(series::kTrafficLag, from.lag.count() > 0 ? from.lag.quantile(0.99) : 0);
    if (from.expected > 0)
        add(series::kQuality, from.earned / from.expected);
    if (const auto lists = from.parts.front().answered; lists > 0)
        add(series::kNdcg, from.ndcg / static_cast<double>(lists));
    if (from.latency.count() > 0) {
        add(series::kP50, from.latency.quantile(0.50));
        add(series::kP95, from.latency.quantile(0.95));
        add(series::kP99, from.latency.quantile(0.99));
        out.sketches.push_back({"gateway.latency", from.latency.encode()});
    }
    return out;
}

} // namespace engine
