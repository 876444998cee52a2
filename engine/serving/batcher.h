#pragma once
// Scores requests in batches without ever waiting for more of them: an idle worker takes what is
// queued, and while it works the queue builds up the next batch.

#include "engine/base/clock.h"
#include "engine/serving/batch_cost.h"
#include "engine/serving/served_model.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace engine {

/// What came out, and of which model.
struct Scored
{
    std::unique_ptr<ServedAnswer> answer;
    std::shared_ptr<const ServedModel> by;
};

/// One request.
struct ScoreJob
{
    ServedModel::Question question;
    std::optional<MonoTime> deadline;
    std::shared_ptr<std::atomic<bool>> isCancelled; ///< may be null
    std::function<void(Result<Scored>)> done;       ///< called exactly once; must not block
};

/// Thread-safe. Work that cannot be delivered is not started: Busy at once when the predicted end
/// is after the deadline (never while a worker is idle, so that a prediction that went wrong is
/// learnt anew), Timeout when the deadline passed in the queue. `current` gives the model in
/// service, or null: then jobs get Unavailable. A batch is answered by one model throughout.
class Batcher
{
public:
    using Current = std::function<std::shared_ptr<const ServedModel>()>;
    static constexpr std::size_t kMostRows = 32;     ///< per batch; a larger single job runs alone
    static constexpr std::size_t kMostQueued = 1024; ///< jobs

    Batcher(const Clock &clock, Current current, int threads);
    /// Jobs still queued get Unavailable.
    ~Batcher();

    void submit(ScoreJob job);
    /// Ends queued jobs whose caller gave up, so that they neither wait nor count for admission.
    void dropCancelled();
    [[nodiscard]] std::size_t queued() const;

private:
    void work(std::stop_token stop);
    [[nodiscard]] std::vector<ScoreJob> takeBatch(MonoTime now, std::vector<ScoreJob> &tooLate);
    void score(std::vector<ScoreJob> &batch);
    void scoreAlone(std::vector<ScoreJob> &batch);
    [[nodiscard]] Result<ServedModel::Answers> answersFor(const ServedModel &model,
                                                          std::vector<ScoreJob> &batch) const;
    [[nodiscard]] Micros predictedWait(std::size_t rows) const;

    const Clock &m_clock;
    Current m_current;
    std::size_t m_threads;

    mutable std::mutex m_mutex; // everything below
    std::condition_variable_any m_wake;
    std::deque<ScoreJob> m_queue;
    std::size_t m_queuedRows = 0, m_busyRows = 0, m_busy = 0;
    BatchCost m_cost;

    std::vector<std::jthread> m_workers;
};

} // namespace engine
