#include "engine/serving/batcher.h"

#include <algorithm>

namespace engine {
namespace {

bool isCancelled(const ScoreJob &job)
{
    return job.isCancelled && job.isCancelled->load(std::memory_order_relaxed);
}

} // namespace

Batcher::Batcher(const Clock &clock, Current current, int threads)
    : m_clock(clock), m_current(std::move(current)),
      m_threads(static_cast<std::size_t>(std::max(threads, 1)))
{
    for (std::size_t i = 0; i < m_threads; ++i)
        m_workers.emplace_back([this](std::stop_token stop) { work(stop); });
}

Batcher::~Batcher()
{
    for (auto &worker : m_workers)
        worker.request_stop();
    m_workers.clear();
    for (auto &job : m_queue)
        job.done(fail(ErrorCode::Unavailable, "The replica is ending"));
}

void Batcher::submit(ScoreJob job)
{
    std::string refusal;
    {
        const std::scoped_lock lock(m_mutex);
        const auto rows = job.question->rows();
        if (m_queue.size() >= kMostQueued) {
            refusal = "The replica has 1,024 requests waiting; try another one";
        } else if (job.deadline && m_busy == m_threads
                   && m_clock.now() + predictedWait(rows) > *job.deadline) {
            refusal = "The replica cannot answer before the deadline; try another one";
        } else {
            m_queuedRows += rows;
            m_queue.push_back(std::move(job));
            m_wake.notify_one();
            return;
        }
    }
    job.done(fail(ErrorCode::Busy, refusal));
}

void Batcher::dropCancelled()
{
    std::vector<ScoreJob> dropped;
    {
        const std::scoped_lock lock(m_mutex);
        std::deque<ScoreJob> kept;
        for (auto &job : m_queue) {
            if (isCancelled(job)) {
                m_queuedRows -= job.question->rows();
                dropped.push_back(std::move(job));
            } else {
                kept.push_back(std::move(job));
            }
        }
        m_queue.swap(kept);
    }
    for (auto &job : dropped)
        job.done(fail(ErrorCode::Timeout, "The caller gave up while it was queued"));
}

std::size_t Batcher::queued() const
{
    const std::scoped_lock lock(m_mutex);
    return m_queue.size();
}

/// Until a job of `rows` submitted now would be done: half of what runs, all that waits, itself.
Micros Batcher::predictedWait(std::size_t rows) const
{
    const auto waiting = m_queuedRows + rows;
    const auto batches = waiting / kMostRows;
    const auto all = m_cost.predict(kMostRows) * static_cast<std::int64_t>(batches)
                     + m_cost.predict(waiting % kMostRows) + m_cost.predict(m_busyRows) / 2;
    return all / static_cast<std::int64_t>(m_threads);
}

void Batcher::work(std::stop_token stop)
{
    while (true) {
        std::vector<ScoreJob> batch, tooLate;
        std::size_t rows = 0;
        MonoTime begun;
        {
            std::unique_lock lock(m_mutex);
            if (!m_wake.wait(lock, stop, [this] { return !m_queue.empty(); })
                || stop.stop_requested())
                return;
            begun = m_clock.now();
            batch = takeBatch(begun, tooLate);
            for (const auto &job : batch)
                rows += job.question->rows();
            m_busyRows += rows;
            ++m_busy;
        }
        for (auto &job : tooLate)
            job.done(fail(ErrorCode::Timeout, isCancelled(job)
                                                  ? "The caller gave up while it was queued"
                                                  : "The deadline passed while it was queued"));
        if (!batch.empty())
            score(batch);
        const std::scoped_lock lock(m_mutex);
        m_busyRows -= rows;
        --m_busy;
        if (rows > 0)
            m_cost.learn(rows, m_clock.now() - begun);
    }
}

std::vector<ScoreJob> Batcher::takeBatch(MonoTime now, std::vector<ScoreJob> &tooLate)
{
    std::vector<ScoreJob> batch;
    std::size_t rows = 0;
    while (!m_queue.empty()) {
        auto &job = m_queue.front();
        const auto more = job.question->rows();
        const bool late = isCancelled(job) || (job.deadline && *job.deadline <= now);
        if (!late && !batch.empty() && rows + more > kMostRows)
            break;
        m_queuedRows -= more;
        if (!late)
            rows += more;
        (late ? tooLate : batch).push_back(std::move(job));
        m_queue.pop_front();
    }
    return batch;
}

/// Whatever the model throws is an answer, not the end of the replica.
Result<ServedModel::Answers> Batcher::answersFor(const ServedModel &model,
                                                 std::vector<ScoreJob> &batch) const
{
    try {
        std::vector<ServedModel::Question> questions;
        for (const auto &job : batch)
            questions.push_back(job.question);
        auto answers = model.answer(questions);
        if (answers
            && (answers->size() != batch.size()
                || !std::ranges::all_of(*answers,
                                        [](const auto &answer) { return answer->isSound(); })))
            return fail(ErrorCode::Internal,
                        "The model gave scores that are not finite numbers; roll it back");
        return answers;
    } catch (const std::bad_alloc &) {
        return fail(ErrorCode::Busy, "The replica is out of memory; try another one, or send "
                                     "fewer rows or a smaller k");
    } catch (const std::exception &error) {
        return fail(ErrorCode::Internal, std::string("The model failed: ") + error.what());
    }
}

void Batcher::score(std::vector<ScoreJob> &batch)
{
    const auto model = m_current();
    auto answers =
        model ? answersFor(*model, batch)
              : Result<ServedModel::Answers>(fail(ErrorCode::Unavailable, "No model is loaded"));
    if (!answers) {
        // One request alone must not spoil those that only share its batch.
        if (batch.size() > 1 && answers.error().code == ErrorCode::InvalidInput)
            return scoreAlone(batch);
        for (auto &job : batch)
            job.done(tl::unexpected(answers.error()));
        return;
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        if (isCancelled(batch[i]))
            batch[i].done(fail(ErrorCode::Timeout, "The caller gave up while it was scored"));
        else
            batch[i].done(Scored{std::move((*answers)[i]), model});
    }
}

void Batcher::scoreAlone(std::vector<ScoreJob> &batch)
{
    for (auto &job : batch) {
        std::vector<ScoreJob> one;
        one.push_back(std::move(job));
        score(one);
    }
}

} // namespace engine
