#include "engine/recording/pyramid.h"

#include "engine/recording/reader.h"

namespace engine::pyramid {
namespace {

/// The sketches of the file in order of their keys, read along with the rows.
class SketchStream
{
public:
    explicit SketchStream(RecordingReader &reader) : m_reader(reader) {}

    Result<> open(const Part &part)
    {
        auto prepared = m_reader.database().prepare(
            "SELECT key, data FROM sketch WHERE key > ? AND key <= ? ORDER BY key");
        if (!prepared)
            return tl::unexpected(prepared.error());
        m_statement = std::move(*prepared);
        m_statement.bind(1, part.afterSketch).bind(2, part.toSketch);
        return next();
    }
    /// Gives the builder all whole seconds that ended by `t`. A part may hold sketches of seconds
    /// before its first row: the builder is taken there first.
    Result<> feed(Builder &builder, std::int64_t t, bool isBeforeRows)
    {
        while (m_isThere && (second() + 1) * 1'000'000 <= t) {
            if (isBeforeRows)
                builder.advance(second() * 1'000'000);
            const auto sketch = Sketch::decode(m_statement.blob(1));
            if (!sketch)
                return fail(ErrorCode::Untrusted,
                            "The recording was changed: a sketch cannot be read");
            builder.sketch(m_statement.integer(0) & 0xFFFF, *sketch);
            DR_RETURN_IF_ERROR(next());
        }
        return {};
    }

private:
    [[nodiscard]] std::int64_t second() const { return schema::secondOf(m_statement.integer(0)); }
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

Result<> derive(RecordingReader &reader, const Part &part,
                const std::function<Result<>(const Chunk &)> &use)
{
    Builder builder;
    for (const auto &column : reader.columns())
        builder.addColumn(column.fold);
    SketchStream sketches(reader);
    DR_RETURN_IF_ERROR(sketches.open(part));
    bool isBeforeRows = true;
    const auto take = [&](const RowView &row) -> Result<> {
        // In the order of the writer: seconds that ended before this row, the row, its own second.
        DR_RETURN_IF_ERROR(sketches.feed(builder, row.t - kWindow.count(), isBeforeRows));
        isBeforeRows = false;
        builder.row(row.t, row.values);
        DR_RETURN_IF_ERROR(sketches.feed(builder, row.t, false));
        builder.advance(row.t);
        for (const auto &chunk : builder.take())
            DR_RETURN_IF_ERROR(use(chunk));
        return {};
    };
    Result<> outcome; // rows() has no way to stop early
    DR_RETURN_IF_ERROR(reader.rows(part.afterT, part.toT, [&](const RowView &row) {
        if (outcome)
            outcome = take(row);
    }));
    return outcome;
}

} // namespace engine::pyramid
