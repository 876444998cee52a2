#include "engine/recording/pyramid.h"

#include "engine/recording/reader.h"

#include <algorithm>

namespace engine {
namespace {

tl::unexpected<Error> differs(const std::string &what)
{
    return fail(ErrorCode::Untrusted, "The recording was changed: " + what);
}

/// The sketches of the file in order of their keys, read along with the rows.
class SketchStream
{
public:
    explicit SketchStream(RecordingReader &reader) : m_reader(reader) {}

    Result<> open()
    {
        auto prepared = m_reader.database().prepare("SELECT key, data FROM sketch ORDER BY key");
        if (!prepared)
            return tl::unexpected(prepared.error());
        m_statement = std::move(*prepared);
        return next();
    }
    /// Gives the builder all whole seconds that ended by `t`.
    Result<> feed(pyramid::Builder &builder, std::int64_t t)
    {
        while (m_isThere && (schema::secondOf(m_statement.integer(0)) + 1) * 1'000'000 <= t) {
            const auto sketch = Sketch::decode(m_statement.blob(1));
            if (!sketch)
                return differs("a sketch cannot be read");
            builder.sketch(m_statement.integer(0) & 0xFFFF, *sketch);
            DR_RETURN_IF_ERROR(next());
        }
        return {};
    }

private:
    Result<> next()
    {
        const auto more = m_statement.step();
        if (!more)
            return tl::unexpected(more.error());
        m_isThere = *more;
        return {};
    }
    RecordingReader &m_reader;
    Statement m_statement;
    bool m_isThere = false;
};

} // namespace

Result<> checkPyramid(RecordingReader &reader, std::uint64_t *chunks)
{
    auto &database = reader.database();
    database.renewBudget();
    pyramid::Builder builder;
    for (const auto &column : reader.columns())
        builder.addColumn(column.fold);
    SketchStream sketches(reader);
    DR_RETURN_IF_ERROR(sketches.open());
    auto stored = database.prepare("SELECT data FROM chunk WHERE key = ?");
    if (!stored)
        return tl::unexpected(stored.error());

    std::uint64_t compared = 0;
    Result<> outcome; // rows() has no way to stop early
    const auto compare = [&](const pyramid::Chunk &chunk) -> Result<> {
        stored->reset();
        stored->bind(1, chunk.key);
        const auto row = stored->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row || !std::ranges::equal(stored->blob(0), chunk.data))
            return differs("the pyramid does not come out of its rows (chunk "
                           + std::to_string(chunk.key) + ")");
        ++compared;
        return {};
    };
    const auto take = [&](const RowView &row) -> Result<> {
        // In the order of the writer: seconds that ended before this row, the row, its own second.
        DR_RETURN_IF_ERROR(sketches.feed(builder, row.t - kWindow.count()));
        builder.row(row.t, row.values);
        DR_RETURN_IF_ERROR(sketches.feed(builder, row.t));
        builder.advance(row.t);
        for (const auto &chunk : builder.take())
            DR_RETURN_IF_ERROR(compare(chunk));
        return {};
    };
    if (reader.hasPyramid())
        DR_RETURN_IF_ERROR(reader.rows(INT64_MIN, INT64_MAX, [&](const RowView &row) {
            if (outcome)
                outcome = take(row);
        }));
    if (!outcome)
        return outcome;
    database.renewBudget();
    const auto count = database.single("SELECT count(*) FROM chunk");
    if (!count)
        return tl::unexpected(count.error());
    if (chunks)
        *chunks = compared;
    return *count == std::to_string(compared)
               ? Result<>()
               : differs("the pyramid holds what its rows do not give");
}

} // namespace engine
