#include "engine/serving/replica_model.h"

#include "engine/serving/batcher.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {
namespace {

/// What no answer may be, whoever trained the model.
Result<> checkAnswers(const ServedModel &model, std::span<const ServedModel::Question> questions,
                      const ServedModel::Answers &answers)
{
    std::string fault;
    if (answers.size() != questions.size())
        fault = "answers with the wrong number of lists";
    for (std::size_t i = 0; i < answers.size() && fault.empty(); ++i)
        fault = model.fault(*questions[i], *answers[i]);
    if (fault.empty())
        return {};
    return fail(ErrorCode::InvalidInput,
                fmt::format("Version {} {}; it is not taken into service", model.version(), fault));
}

/// The sizes a batch can have are all seen once before the first request pays for it.
Result<> warmUp(const ServedModel &model)
{
    for (std::size_t rows = 1; rows <= Batcher::kMostRows; rows *= 2) {
        const ServedModel::Question questions[] = {model.example(rows)};
        const auto answers = model.answer(questions);
        if (!answers)
            return tl::unexpected(answers.error());
        DR_RETURN_IF_ERROR(checkAnswers(model, questions, *answers));
    }
    return {};
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

Result<std::shared_ptr<const ServedModel>> ReplicaModel::prepare(const std::string &version,
                                                                 std::string &story)
{
    try {
        auto model = m_source(version);
        if (!model)
            return tl::unexpected(model.error());
        if ((*model)->application() != m_application)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Version {} is a model of the family {}, for {}; here {} is "
                                    "served",
                                    (*model)->version(), (*model)->family(),
                                    (*model)->application(), m_application));
        DR_RETURN_IF_ERROR(warmUp(**model));
        const auto serving = current();
        const auto seen = shadow(**model, serving.get());
        if (!seen)
            return tl::unexpected(seen.error());
        if (seen->requests > 0)
            story =
                fmt::format("tried on {} recent requests: {:.0f} % of {} as before, {:.2f} "
                            "times the time",
                            seen->requests, 100 * seen->overlap,
                            m_application == "inventory" ? "the answers" : "the first ten items",
                            seen->slowdown);
        return std::shared_ptr<const ServedModel>(std::move(*model));
    } catch (const std::bad_alloc &) {
        return fail(ErrorCode::Busy, "There is not enough memory to load the model beside the one "
                                     "in service; unload another one or give the replica more");
    }
}

Result<Shadow> ReplicaModel::shadow(const ServedModel &candidate, const ServedModel *serving) const
{
    std::vector<ServedModel::Question> recent;
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
        const auto part = std::span<const ServedModel::Question>(recent).subspan(
            at, std::min(kBatch, recent.size() - at));
        const auto begun = m_clock.now();
        const auto before = serving->answer(part);
        const auto between = m_clock.now();
        const auto now = candidate.answer(part);
        ours += m_clock.now() - between;
        theirs += between - begun;
        if (!now)
            return tl::unexpected(now.error());
        DR_RETURN_IF_ERROR(checkAnswers(candidate, part, *now));
        if (!before || before->size() != part.size())
            continue; // the old one is broken: no measure for the new one
        for (std::size_t i = 0; i < part.size(); ++i)
            out.overlap += candidate.agreement(*(*now)[i], *(*before)[i]);
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
    std::shared_ptr<const ServedModel> old, older; // die outside the lock
    const std::scoped_lock lock(m_mutex);
    m_current.swap(old);
    m_previous.swap(older);
    m_reason = "unloaded";
}

std::shared_ptr<const ServedModel> ReplicaModel::current() const
{
    const std::scoped_lock lock(m_mutex);
    return m_current;
}

std::shared_ptr<const ServedModel> ReplicaModel::previous() const
{
    const std::scoped_lock lock(m_mutex);
    return m_previous;
}

std::string ReplicaModel::reason() const
{
    const std::scoped_lock lock(m_mutex);
    return m_reason;
}

void ReplicaModel::remember(ServedModel::Question question)
{
    const std::scoped_lock lock(m_mutex);
    if (m_recent.size() >= kRemembered)
        m_recent.pop_front();
    m_recent.push_back(std::move(question));
}

} // namespace engine
