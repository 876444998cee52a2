#pragma once
// The model a replica serves. A new one is opened (which verifies it), warmed, tried on recent
// requests, and only then swapped in; the one before stays for an instant way back.

#include "engine/base/clock.h"
#include "engine/model/scorer.h"
#include "engine/serving/served_model.h"

#include <deque>
#include <functional>
#include <mutex>

namespace engine {

/// A ModelSource for the application recommend.
using ScorerSource = std::function<Result<std::unique_ptr<Scorer>>(const std::string &version)>;

/// What a candidate did with recent requests, beside the model in service.
struct Shadow
{
    std::size_t requests = 0;
    double overlap = 0;  ///< mean agreement, of lists: the share of the first ten that both name
    double slowdown = 0; ///< its time over the other's
};

/// Thread-safe. load() and unload() are serialised; current() never waits for them.
class ReplicaModel
{
public:
    static constexpr std::size_t kRemembered = 256; ///< recent requests

    ReplicaModel(std::string application, ModelSource source, const Clock &clock)
        : m_application(std::move(application)), m_source(std::move(source)), m_clock(clock)
    {
    }
    /// Opens, warms every batch size, shadows, swaps. On failure the model in service stays. The
    /// version that served before is swapped back at once. Blocks (0.1 to seconds).
    [[nodiscard]] Result<> load(const std::string &version);
    void unload();
    [[nodiscard]] std::shared_ptr<const ServedModel> current() const;
    [[nodiscard]] std::shared_ptr<const ServedModel> previous() const;
    /// Why the last load failed, or how the candidate did in its shadow run, or "".
    [[nodiscard]] std::string reason() const;
    /// A request that was taken, for later shadow runs.
    void remember(ServedModel::Question question);

private:
    [[nodiscard]] Result<std::shared_ptr<const ServedModel>> prepare(const std::string &version,
                                                                     std::string &story);
    [[nodiscard]] Result<Shadow> shadow(const ServedModel &candidate,
                                        const ServedModel *serving) const;

    const std::string m_application; ///< a model of another one is refused
    ModelSource m_source;
    const Clock &m_clock;
    std::mutex m_loading;       // one load or unload at a time
    mutable std::mutex m_mutex; // everything below
    std::shared_ptr<const ServedModel> m_current, m_previous;
    std::string m_reason;
    std::deque<ServedModel::Question> m_recent;
};

} // namespace engine
