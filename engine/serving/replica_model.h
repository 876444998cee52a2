#pragma once
// The model a replica serves. A new one is opened (which verifies it), warmed, tried on recent
// requests, and only then swapped in; the one before stays for an instant way back.

#include "engine/base/clock.h"
#include "engine/model/scorer.h"

#include <deque>
#include <functional>
#include <mutex>

namespace engine {

/// Opens a package by the version that was asked for, "" for the one the replica was started with.
/// Untrusted or InvalidInput when it must not be served.
using ScorerSource = std::function<Result<std::unique_ptr<Scorer>>(const std::string &version)>;

/// What a candidate did with recent requests, beside the model in service.
struct Shadow
{
    std::size_t requests = 0;
    double overlap = 0;  ///< mean share of the first ten items that both name
    double slowdown = 0; ///< its time over the other's
};

/// Thread-safe. load() and unload() are serialised; current() never waits for them.
class ReplicaModel
{
public:
    static constexpr std::size_t kRemembered = 256; ///< recent requests

    ReplicaModel(ScorerSource source, const Clock &clock)
        : m_source(std::move(source)), m_clock(clock)
    {
    }
    /// Opens, warms every batch size, shadows, swaps. On failure the model in service stays. The
    /// version that served before is swapped back at once. Blocks (0.1 to seconds).
    [[nodiscard]] Result<> load(const std::string &version);
    void unload();
    [[nodiscard]] std::shared_ptr<const Scorer> current() const;
    [[nodiscard]] std::shared_ptr<const Scorer> previous() const;
    /// Why the last load failed, or how the candidate did in its shadow run, or "".
    [[nodiscard]] std::string reason() const;
    /// A request that was taken, for later shadow runs.
    void remember(const std::vector<std::int64_t> &history);

private:
    [[nodiscard]] Result<std::shared_ptr<const Scorer>> prepare(const std::string &version,
                                                                std::string &story);
    [[nodiscard]] Result<Shadow> shadow(const Scorer &candidate, const Scorer *serving) const;

    ScorerSource m_source;
    const Clock &m_clock;
    std::mutex m_loading;       // one load or unload at a time
    mutable std::mutex m_mutex; // everything below
    std::shared_ptr<const Scorer> m_current, m_previous;
    std::string m_reason;
    std::deque<std::vector<std::int64_t>> m_recent;
};

} // namespace engine
