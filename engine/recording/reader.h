#pragma once
// Reads a recording of any origin as if it were hostile: header, schema, limits first, then rows.

#include "engine/event/run_state.h"
#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"
#include "engine/recording/chain.h"
#include "engine/recording/database.h"
#include "engine/recording/pyramid.h"
#include "engine/recording/schema.h"

#include <functional>

namespace engine {

/// A stretch of a recording in fold order, read in one transaction.
struct Slice
{
    struct Row
    {
        std::int64_t t = 0;
        std::size_t offset = 0, count = 0; ///< into `values`
    };
    struct Check
    {
        std::int64_t t = 0;
        Digest hash{};
    };
    std::vector<Row> rows;
    std::vector<float> values;
    std::vector<Event> events; ///< all with t <= the last row when `more`, else all there are
    std::vector<Check> checks; ///< state hashes of the keyframes among them
    bool more = false;         ///< something is left
    /// Too many events for one slice: it ends with the last of them, no row lies between them and
    /// the next one.
    bool endsInEvents = false;
    std::uint64_t unknownEvents = 0; ///< of kinds that a newer program added: left out
};

struct Keyframe
{
    std::int64_t t = 0;
    std::uint64_t seq = 0;
    RunState state;
};

struct SeriesColumn
{
    std::string name, unit;
    Fold fold = Fold::Last;
};

struct RecordingGap
{
    std::int64_t from = 0, to = 0, why = 0, lost = 0;
};

struct ReadCounts
{
    std::uint64_t rows = 0, chunks = 0, sketches = 0, bytes = 0;
};

/// One thread. An unclosed file is read from a private copy of it and its WAL (deleted with the
/// reader), unless it is our own living file: that one is read beside its writer.
class RecordingReader
{
public:
    enum class Access { File, Living };
    using UseSecond = std::function<void(std::int64_t second, std::size_t which,
                                         std::span<const std::uint8_t> sketch)>;
    using UseWindows = std::function<void(std::int64_t bucket, const pyramid::WindowView &view)>;
    using UseMerged = std::function<void(std::int64_t bin, std::span<const std::uint8_t> sketch)>;

    /// `clock` outlives the reader. Errors: InvalidInput (no recording, damaged), NotFound, Io.
    [[nodiscard]] static Result<RecordingReader>
    open(const std::filesystem::path &path, const Clock &clock, Access access = Access::File);
    RecordingReader(RecordingReader &&) noexcept;
    RecordingReader &operator=(RecordingReader &&) noexcept;
    ~RecordingReader();

    /// The writer said that nothing more comes. Living: asks the file again.
    [[nodiscard]] Result<bool> isClosed();
    /// A WAL lay beside it or should have: it was not closed to a single file.
    [[nodiscard]] bool wasUnclosed() const { return m_wasUnclosed; }
    /// A WAL lies beside a file that was closed without one: it is not its own and not read.
    [[nodiscard]] bool hasStrayLog() const { return m_hasStrayLog; }
    /// A part that `recording trim` cut out: it starts at a keyframe, not at the first event.
    [[nodiscard]] bool isTrimmed() const { return m_isTrimmed; }
    [[nodiscard]] Result<std::map<std::string, std::string>> meta();
    /// Keyframes of another fold cannot be used; such a file is folded from its events.
    [[nodiscard]] bool keyframesAreOurs() const { return m_keyframesAreOurs; }

    /// Made by a newer program of the same major version: what it added is left out of what we
    /// read.
    [[nodiscard]] bool isNewer() const { return m_minor > schema::kMinor; }
    [[nodiscard]] std::string version() const;
    /// A part without a single chunk is drawn from its rows, as one of an older program is.
    [[nodiscard]] bool hasPyramid() const { return m_hasPyramid; }

    /// Columns of the rows, by position; grows while the file lives (read() looks).
    [[nodiscard]] const std::vector<SeriesColumn> &columns() const { return m_columns; }
    [[nodiscard]] std::span<const std::string> names(std::size_t count) const
    {
        return std::span(m_names).first(count);
    }
    [[nodiscard]] RowView view(const Slice &slice, const Slice::Row &row) const
    {
        return {row.t, names(row.count), std::span(slice.values).subspan(row.offset, row.count)};
    }

    /// Rows with afterT < t <= upTo (at most `limit`) and the events after `afterSeq` that belong
    /// before or among them.
    [[nodiscard]] Result<Slice> read(std::uint64_t afterSeq, std::int64_t afterT, std::int64_t upTo,
                                     std::size_t limit);
    /// Events with from <= seq <= to; kinds of a newer program are left out.
    [[nodiscard]] Result<std::vector<Event>> events(std::uint64_t from, std::uint64_t to);
    /// Rows only, for drawing: calls `each` in order.
    [[nodiscard]] Result<> rows(std::int64_t afterT, std::int64_t upTo,
                                const std::function<void(const RowView &)> &each);
    /// Per-second sketches of one series with from <= second < to.
    [[nodiscard]] Result<>
    sketches(const std::string &series, std::int64_t fromSecond, std::int64_t toSecond,
             const std::function<void(std::int64_t second, const Sketch &)> &each);
    /// As sketches(), encoded and of several series (ids of sketchId) in one go; ordered by second.
    [[nodiscard]] Result<> seconds(std::span<const std::int64_t> ids, std::int64_t fromSecond,
                                   std::int64_t toSecond, const UseSecond &use);
    /// Chunks of the pyramid with from <= bucket < to; those that are not there are left out.
    [[nodiscard]] Result<> windows(int level, std::int64_t column, std::int64_t from,
                                   std::int64_t to, const UseWindows &use);
    /// As windows(), of merged sketches: `bin` counts windows of the level from t = 0.
    [[nodiscard]] Result<> merged(int level, std::int64_t id, std::int64_t from, std::int64_t to,
                                  const UseMerged &use);
    /// Of a sketch by its series, e.g. "gateway.latency"; -1 when there is none.
    [[nodiscard]] std::int64_t sketchId(const std::string &series) const;
    /// What the drawing calls have read since the last call: proof that a zoom costs what it may.
    [[nodiscard]] ReadCounts takeCounts() { return std::exchange(m_counts, {}); }
    /// The newest keyframe with t <= upTo whose bytes match their hash; none is no error.
    [[nodiscard]] Result<std::optional<Keyframe>> keyframe(std::int64_t upTo);
    /// The oldest keyframe, under the same conditions.
    [[nodiscard]] Result<std::optional<Keyframe>> firstKeyframe();
    /// First and newest row; empty when there is none.
    [[nodiscard]] Result<std::optional<std::pair<std::int64_t, std::int64_t>>> span();
    [[nodiscard]] Result<std::vector<std::string>> attachmentNames();
    [[nodiscard]] Result<Bytes> attachment(const std::string &name);
    [[nodiscard]] Result<std::vector<RecordingGap>> gaps();

    /// For verifyRecording.
    [[nodiscard]] Database &database() { return m_database; }
    [[nodiscard]] const std::filesystem::path &path() const { return m_path; }

private:
    RecordingReader() = default;
    [[nodiscard]] Result<> checkSchema();
    [[nodiscard]] Result<> lookForTrim();
    [[nodiscard]] Result<std::optional<Keyframe>> loadKeyframe(std::string_view where,
                                                               std::int64_t t);
    [[nodiscard]] Result<> loadSeries();
    [[nodiscard]] Result<std::optional<Event>> eventOf(const Statement &row) const;
    [[nodiscard]] Result<>
    chunks(int level, std::int64_t series, std::int64_t from, std::int64_t to,
           const std::function<void(std::int64_t, std::span<const std::uint8_t>)> &use);

    std::filesystem::path m_path, m_copy; ///< m_copy: private folder, or empty
    Database m_database;
    bool m_wasUnclosed = false, m_keyframesAreOurs = false;
    std::uint32_t m_minor = 0;
    bool m_hasStrayLog = false, m_isTrimmed = false, m_hasPyramid = false;
    std::vector<SeriesColumn> m_columns;
    std::vector<std::string> m_names;
    std::map<std::string, std::int64_t> m_sketchIds;
    std::int64_t m_seriesSeen = 0;
    ReadCounts m_counts;
};

} // namespace engine
