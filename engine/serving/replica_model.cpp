#include "engine/serving/replica_model.h"

#include "engine/serving/batcher.h"

#include <algorithm>

namespace engine {
namespace {

/// The sizes a batch can have are all seen once before the first request pays for it.
Result<> warmUp(const Scorer &scorer)
{
    constexpr std::int64_t kHistory = 20;
    const auto items = std::max<std::int64_t>(scorer.items(), 1);
    for (const std::size_t rows :
         {std::size_t{1}, std::size_t{2}, std::size_t{8}, Batcher::kMostRows, std::size_t{1}}) {
        std::vector<std::vector<std::int64_t>> histories(rows);
        for (std::size_t row = 0; row < rows; ++row) {
            for (std::int64_t i = 0; i < kHistory; ++i)
                histories[row].push_back((static_cast<std::int64_t>(row) * 7 + i) % items);
        }
        const auto lists = scorer.score(histories, 10);
        if (!lists)
            return tl::unexpected(lists.error());
        if (lists->size() != rows)
            return fail(ErrorCode::InvalidInput,
                        "The model answers with the wrong number of lists");
    }
    return {};
}

} // namespace

Result<> ReplicaModel::load(const std::string &version)
{
    const std::scoped_lock loading(m_loading);
    auto result = [&]() -> Result<std::shared_ptr<const Scorer>> {
        auto scorer = m_source(version);
        if (!scorer)
            return tl::unexpected(scorer.error());
        DR_RETURN_IF_ERROR(warmUp(**scorer));
        return std::shared_ptr<const Scorer>(std::move(*scorer));
    }();
    const std::scoped_lock lock(m_mutex);
    m_reason = result ? std::string() : result.error().text();
    if (!result)
        return tl::unexpected(result.error());
    m_current.swap(*result);
    return {};
}

void ReplicaModel::unload()
{
    const std::scoped_lock loading(m_loading);
    std::shared_ptr<const Scorer> old;
    const std::scoped_lock lock(m_mutex);
    m_current.swap(old);
    m_reason = "unloaded";
}

std::shared_ptr<const Scorer> ReplicaModel::current() const
{
    const std::scoped_lock lock(m_mutex);
    return m_current;
}

std::string ReplicaModel::reason() const
{
    const std::scoped_lock lock(m_mutex);
    return m_reason;
}

} // namespace engine
