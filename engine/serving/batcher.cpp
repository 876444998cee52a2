#include "engine/serving/batcher.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

bool isCancelled(const ScoreJob &job)
{
    return job.isCancelled && job.isCancelled->load(std::memory_order_relaxed);
}

bool isSound(const TopItems &list)
{
    return list.items.size() == list.scores.size()
           && std::all_of(list.scores.begin(), list.scores.end(),
                          [](float score) { return std::isfinite(score); });
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
        const auto rows = job.histories.size();
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
                m_queuedRows -= job.histories.size();
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
                rows += job.histories.size();
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
        const auto more = job.histories.size();
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
Result<std::vector<TopItems>> Batcher::listsFor(const Scorer &scorer,
                                                std::vector<ScoreJob> &batch) const
{
    try {
        // The first k of a longer list are the list of length k, so one k serves the whole batch.
        int k = 1;
        std::vector<std::vector<std::int64_t>> histories;
        for (auto &job : batch) {
            k = std::max(k, job.k);
            for (auto &history : job.histories)
                histories.push_back(std::move(history));
        }
        auto lists = scorer.score(histories, k);
        if (lists
            && (lists->size() != histories.size()
                || !std::all_of(lists->begin(), lists->end(), isSound)))
            return fail(ErrorCode::Internal,
                        "The model gave scores that are not finite numbers; roll it back");
        return lists;
    } catch (const std::bad_alloc &) {
        return fail(ErrorCode::Busy, "The replica is out of memory; try another one, or send "
                                     "fewer rows or a smaller k");
    } catch (const std::exception &error) {
        return fail(ErrorCode::Internal, std::string("The model failed: ") + error.what());
    }
}

void Batcher::score(std::vector<ScoreJob> &batch)
{
    const auto scorer = m_current();
    auto lists =
        scorer ? listsFor(*scorer, batch)
               : Result<std::vector<TopItems>>(fail(ErrorCode::Unavailable, "No model is loaded"));
    if (!lists) {
        for (auto &job : batch)
            job.done(tl::unexpected(lists.error()));
        return;
    }
    auto next = lists->begin();
    for (auto &job : batch) {
        if (isCancelled(job)) {
            next += static_cast<std::ptrdiff_t>(job.histories.size());
            job.done(fail(ErrorCode::Timeout, "The caller gave up while it was scored"));
            continue;
        }
        Scored out;
        out.by = scorer;
        for (std::size_t i = 0; i < job.histories.size(); ++i, ++next) {
            const auto size = std::min(next->items.size(), static_cast<std::size_t>(job.k));
            next->items.resize(size);
            next->scores.resize(size);
            out.lists.push_back(std::move(*next));
        }
        job.done(std::move(out));
    }
}

} // namespace engine
