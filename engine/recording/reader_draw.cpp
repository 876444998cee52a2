// What drawing reads: rows, sketches and the pyramid.

#include "engine/recording/reader.h"
#include "engine/recording/reader_file.h"

#include <algorithm>

namespace engine {
namespace {

/// Seconds and buckets that a key can hold.
constexpr std::int64_t kFarthest = (std::int64_t{1} << 31) - 1;

} // namespace

Result<> RecordingReader::rows(std::int64_t afterT, std::int64_t upTo,
                               const std::function<void(const RowView &)> &each)
{
    constexpr std::int64_t kAtOnce = 5000; // keeps every read transaction short
    std::vector<float> values;
    while (true) {
        m_database.renewBudget();
        auto ticks = m_database.prepare(
            "SELECT t, vals FROM tick WHERE t > ? AND t <= ? ORDER BY t LIMIT ?");
        if (!ticks)
            return tl::unexpected(ticks.error());
        ticks->bind(1, afterT).bind(2, upTo).bind(3, kAtOnce);
        std::int64_t count = 0;
        while (true) {
            const auto row = ticks->step();
            if (!row)
                return tl::unexpected(row.error());
            if (!*row)
                break;
            ++count;
            const bool isInOrder = ticks->integer(0) > afterT;
            afterT = ticks->integer(0);
            const auto blob = ticks->blob(1);
            if (!isInOrder || blob.size() % sizeof(float) != 0)
                return tl::unexpected(
                    damagedRecording(m_path, "row at " + std::to_string(afterT) + " us"));
            // A living file may have got series since they were read.
            ++m_counts.rows;
            m_counts.bytes += blob.size();
            values.resize(std::min(blob.size() / sizeof(float), m_names.size()));
            ::engine::Reader bytes(blob);
            for (auto &value : values)
                bytes(value);
            each(RowView{afterT, names(values.size()), values});
        }
        if (count < kAtOnce)
            return {};
    }
}

Result<> RecordingReader::sketches(const std::string &series, std::int64_t fromSecond,
                                   std::int64_t toSecond,
                                   const std::function<void(std::int64_t, const Sketch &)> &each)
{
    const auto id = m_sketchIds.find(series);
    if (id == m_sketchIds.end())
        return {};
    fromSecond = std::clamp(fromSecond, -kFarthest, kFarthest);
    toSecond = std::clamp(toSecond, -kFarthest, kFarthest);
    m_database.renewBudget();
    auto statement = m_database.prepare("SELECT key, data FROM sketch WHERE key >= ? AND key < ? "
                                        "AND (key & 65535) = ? ORDER BY key");
    if (!statement)
        return tl::unexpected(statement.error());
    statement->bind(1, schema::key(0, fromSecond, 0))
        .bind(2, schema::key(0, toSecond, 0))
        .bind(3, id->second);
    while (true) {
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return {};
        ++m_counts.sketches;
        m_counts.bytes += statement->blob(1).size();
        const auto sketch = Sketch::decode(statement->blob(1));
        if (!sketch)
            return tl::unexpected(damagedRecording(m_path, "a sketch of " + series));
        each(schema::secondOf(statement->integer(0)), *sketch);
    }
}

std::int64_t RecordingReader::sketchId(const std::string &series) const
{
    const auto it = m_sketchIds.find(series);
    return it == m_sketchIds.end() ? -1 : it->second;
}

Result<> RecordingReader::seconds(std::span<const std::int64_t> ids, std::int64_t fromSecond,
                                  std::int64_t toSecond, const UseSecond &use)
{
    fromSecond = std::clamp(fromSecond, -kFarthest, kFarthest);
    toSecond = std::clamp(toSecond, -kFarthest, kFarthest);
    m_database.renewBudget();
    // The sketches of one second lie side by side: looking up a few of many beats passing all.
    constexpr std::size_t kCheap = 3; // a step costs a third of a look-up
    const bool isScan = m_sketchIds.size() <= kCheap * ids.size();
    auto statement = m_database.prepare(
        isScan ? "SELECT key, data FROM sketch WHERE key >= ? AND key < ? ORDER BY key"
               : "SELECT key, data FROM sketch WHERE key = ?");
    if (!statement)
        return tl::unexpected(statement.error());
    const auto give = [&](std::size_t which) {
        const auto bytes = statement->blob(1);
        ++m_counts.sketches;
        m_counts.bytes += bytes.size();
        use(schema::secondOf(statement->integer(0)), which, bytes);
    };
    if (isScan) {
        statement->bind(1, schema::key(0, fromSecond, 0)).bind(2, schema::key(0, toSecond, 0));
        while (true) {
            const auto row = statement->step();
            if (!row)
                return tl::unexpected(row.error());
            if (!*row)
                return {};
            const auto it = std::ranges::find(ids, statement->integer(0) & 0xFFFF);
            if (it != ids.end())
                give(static_cast<std::size_t>(it - ids.begin()));
        }
    }
    for (auto second = fromSecond; second < toSecond; ++second) {
        for (std::size_t which = 0; which < ids.size(); ++which) {
            statement->reset();
            statement->bind(1, schema::key(0, second, ids[which]));
            const auto row = statement->step();
            if (!row)
                return tl::unexpected(row.error());
            if (*row)
                give(which);
        }
    }
    return {};
}

Result<> RecordingReader::windows(int level, std::int64_t column, std::int64_t from,
                                  std::int64_t to, const UseWindows &use)
{
    bool isWhole = true;
    DR_RETURN_IF_ERROR(chunks(level, column, from, to, [&](std::int64_t bucket, auto bytes) {
        if (const auto view = pyramid::WindowView::of(bytes))
            use(bucket, *view);
        else
            isWhole = false;
    }));
    return isWhole ? Result<>() : tl::unexpected(damagedRecording(m_path, "its pyramid"));
}

Result<> RecordingReader::merged(int level, std::int64_t id, std::int64_t from, std::int64_t to,
                                 const UseMerged &use)
{
    bool isWhole = true;
    DR_RETURN_IF_ERROR(chunks(level, id, from, to, [&](std::int64_t bucket, auto bytes) {
        isWhole =
            pyramid::eachSketch(
                bytes,
                [&](std::size_t place, auto sketch) {
                    use(bucket * pyramid::kSketchBins + static_cast<std::int64_t>(place), sketch);
                    return true;
                })
            && isWhole;
    }));
    return isWhole ? Result<>() : tl::unexpected(damagedRecording(m_path, "its pyramid"));
}

Result<>
RecordingReader::chunks(int level, std::int64_t series, std::int64_t from, std::int64_t to,
                        const std::function<void(std::int64_t, std::span<const std::uint8_t>)> &use)
{
    m_database.renewBudget();
    auto statement = m_database.prepare("SELECT data FROM chunk WHERE key = ?");
    if (!statement)
        return tl::unexpected(statement.error());
    from = std::clamp(from, -kFarthest, kFarthest);
    to = std::clamp(to, -kFarthest, kFarthest);
    for (auto bucket = from; bucket < to; ++bucket) {
        statement->reset();
        statement->bind(1, schema::key(level, bucket, series));
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            continue;
        ++m_counts.chunks;
        m_counts.bytes += statement->blob(0).size();
        use(bucket, statement->blob(0));
    }
    return {};
}

} // namespace engine
