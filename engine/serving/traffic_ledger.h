#pragma once
// What became of every request, summed into windows of 100 ms (contracts 2.3 and 4.2).

#include "engine/base/clock.h"
#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"
#include "engine/serving/coverage.h"

#include <array>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>

namespace engine {

enum class ServingPath { Primary, Standby, Popularity, Cached, Other };

/// The end of one request: answered, or given up.
struct TrafficAnswer
{
    MonoTime scheduled{0}, ended{0};
    bool failed = false; ///< an error, or no answer in time
    double earned = 0, expected = 0, ndcg = 0;
    ServingPath path = ServingPath::Other;
    std::string version = {}; ///< of the model that answered
    double price = 0;         ///< of the label; 0: unknown
    /// Of the label in the list, from 1; 0: it is not there. Beyond the first page for sessions.
    int rank = 0;
    bool isSession = false;                   ///< three pages were asked for
    std::span<const std::int64_t> shown = {}; ///< the first page; read during the call only
    std::size_t application = 0;              ///< as the ledger was told them; 0: recommend
};

/// Sums over answers of what their lists were worth against the label; they merge by adding.
struct LabelScores
{
    std::uint64_t answers = 0, hits = 0;    ///< hits: the label is on the first page (a click)
    double ndcg = 0, reciprocal = 0;        ///< NDCG@10; 1/rank on the first page
    std::uint64_t sessions = 0, found = 0;  ///< found: within three pages
    double revenue = 0, revenueSquares = 0; ///< prices of the hits, and of their squares
};

/// 95 % interval of a share (Wilson 1927).
struct ShareInterval
{
    double low = 0, high = 0;
};
[[nodiscard]] ShareInterval shareInterval(std::uint64_t hits, std::uint64_t of);
/// 95 % interval of the mean of `of` amounts that are never negative (normal approximation), from
/// their sum and the sum of their squares.
[[nodiscard]] ShareInterval meanInterval(double sum, double squares, std::uint64_t of);

/// A request counts as due in the window that its schedule falls in, and as answered, late or
/// failed in the window of its answer or give-up. A boundary instant belongs to the window that it
/// begins. What comes for a window already taken goes into the oldest open one, so that the sums of
/// all windows are the totals. Thread-safe.
class TrafficLedger
{
public:
    /// `items`: size of the catalogue, for the coverage; 0: none is given. `prices`: they are
    /// known. `applications`: recommend first; with two or more each has its own series.
    TrafficLedger(MonoTime start, Micros deadline, std::vector<double> latencyLimits,
                  std::uint32_t items = 0, bool prices = false,
                  std::vector<std::string> applications = {"recommend"});

    void due(MonoTime scheduled, std::size_t application = 0);
    void sent(MonoTime scheduled, MonoTime when);
    void answered(const TrafficAnswer &answer);
    /// `seq`: of the durable event, when good.
    void appended(bool good, std::uint64_t seq, MonoTime now);
    /// All windows that end at or before `upTo`, oldest first, empty ones too.
    [[nodiscard]] std::vector<Window> take(MonoTime upTo);
    [[nodiscard]] MonoTime nextEnd() const;
    /// Requests that are due but not yet ended.
    [[nodiscard]] std::uint64_t open() const;

private:
    /// Of one application in one window; they merge by adding.
    struct Part
    {
        std::uint64_t due = 0, answered = 0, failed = 0;
        double earned = 0, expected = 0;
    };
    struct Bucket
    {
        std::uint64_t due = 0, answered = 0, failed = 0, late = 0, appended = 0, notAppended = 0,
                      ackedSeq = 0;
        std::vector<std::uint64_t> slow;
        std::array<std::uint64_t, 5> paths{};
        double earned = 0, expected = 0, ndcg = 0;
        std::map<std::pair<ServingPath, std::string>, LabelScores> served;
        LabelScores all;
        std::map<std::pair<ServingPath, std::string>, std::vector<std::uint32_t>> shown;
        Sketch latency, lag;
        std::vector<Part> parts; ///< by application
    };
    Bucket &bucket(MonoTime t);
    [[nodiscard]] Window window(const Bucket &bucket, MonoTime end);
    void addServed(Window &out, const Bucket &from);
    void addShares(Window &out, const Bucket &from);
    void addApplications(Window &out, const Bucket &from);
    const std::string &boundedVersion(const std::string &version);

    const Micros m_deadline;
    const std::vector<double> m_limits;
    std::vector<std::string> m_limitNames;
    mutable std::mutex m_mutex; ///< guards what follows
    MonoTime m_begin;           ///< of m_buckets.front()
    std::deque<Bucket> m_buckets;
    std::uint64_t m_open = 0;
    std::set<std::string> m_versions;
    /// The last ten seconds, for shares with their interval: sums, and requests that failed.
    std::deque<std::pair<LabelScores, std::uint64_t>> m_lookedBack;
    std::deque<std::vector<Part>> m_partsBack; ///< the same ten seconds, by application
    const std::uint32_t m_items;
    const bool m_prices;
    const std::vector<std::string> m_applications;
    Coverage m_coverage;
    std::map<std::pair<ServingPath, std::string>, Coverage> m_coverages;
};

} // namespace engine
