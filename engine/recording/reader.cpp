#include "engine/recording/reader.h"

#include "engine/recording/reader_file.h"
#include "engine/recording/schema.h"

namespace engine {
namespace {

constexpr Micros kStatementBudget{2'000'000};
/// In one slice; a file may hold any number between two rows.
constexpr std::size_t kEventsAtOnce = 20'000;

} // namespace

RecordingReader::RecordingReader(RecordingReader &&other) noexcept
    : m_path(std::move(other.m_path)), m_copy(std::exchange(other.m_copy, {})),
      m_database(std::move(other.m_database)), m_wasUnclosed(other.m_wasUnclosed),
      m_keyframesAreOurs(other.m_keyframesAreOurs), m_minor(other.m_minor),
      m_hasStrayLog(other.m_hasStrayLog), m_isTrimmed(other.m_isTrimmed),
      m_hasPyramid(other.m_hasPyramid), m_columns(std::move(other.m_columns)),
      m_names(std::move(other.m_names)), m_sketchIds(std::move(other.m_sketchIds)),
      m_seriesSeen(other.m_seriesSeen)
{
}

RecordingReader &RecordingReader::operator=(RecordingReader &&other) noexcept
{
    std::swap(m_path, other.m_path);
    std::swap(m_copy, other.m_copy);
    m_database = std::move(other.m_database);
    m_wasUnclosed = other.m_wasUnclosed;
    m_keyframesAreOurs = other.m_keyframesAreOurs;
    m_minor = other.m_minor;
    m_hasStrayLog = other.m_hasStrayLog;
    m_isTrimmed = other.m_isTrimmed;
    m_hasPyramid = other.m_hasPyramid;
    std::swap(m_columns, other.m_columns);
    std::swap(m_names, other.m_names);
    std::swap(m_sketchIds, other.m_sketchIds);
    m_seriesSeen = other.m_seriesSeen;
    return *this;
}

RecordingReader::~RecordingReader()
{
    m_database.close();
    std::error_code error;
    if (!m_copy.empty())
        std::filesystem::remove_all(m_copy, error);
}

Result<RecordingReader> RecordingReader::open(const std::filesystem::path &path, const Clock &clock,
                                              Access access)
{
    const auto header = readRecordingHeader(path);
    if (!header)
        return tl::unexpected(header.error());
    RecordingReader reader;
    reader.m_path = path;
    reader.m_minor = header->minor;
    std::error_code error;
    const auto hasBeside = [&](const char *suffix) {
        const auto size = std::filesystem::file_size(path.string() + suffix, error);
        return !error && size > 0;
    };
    // A writer that leaves WAL removes its log; one beside such a file is of another file or time,
    // and SQLite would read it into this one. A journal is what a kill leaves at that moment.
    const bool hasWal = hasBeside("-wal");
    reader.m_wasUnclosed = header->isWal || hasBeside("-journal");
    reader.m_hasStrayLog = hasWal && !reader.m_wasUnclosed;
    auto source = path;
    auto mode = Database::Mode::Immutable;
    if (access == Access::Living && reader.m_wasUnclosed) {
        mode = Database::Mode::ReadOnly;
    } else if (reader.m_wasUnclosed) {
        auto copy = copyRecordingPrivately(path);
        if (!copy)
            return tl::unexpected(copy.error());
        reader.m_copy = *copy;
        source = *copy / "copy.drl";
        mode = Database::Mode::ReadWrite;
    }
    auto database = Database::open(source, mode);
    if (!database)
        return tl::unexpected(database.error());
    reader.m_database = std::move(*database);
    reader.m_database.setBudget(clock, kStatementBudget);
    DR_RETURN_IF_ERROR(reader.m_database.harden());
    if (mode == Database::Mode::ReadOnly)
        DR_RETURN_IF_ERROR(reader.m_database.execute("PRAGMA busy_timeout=100"));
    if (const auto schema = reader.checkSchema(); !schema) {
        if (header->isWal && !hasWal)
            return fail(ErrorCode::InvalidInput,
                        "The recording was not closed, and its -wal file is not beside it; copy "
                        "both from where it was recorded",
                        path.string());
        return tl::unexpected(schema.error());
    }
    DR_RETURN_IF_ERROR(reader.loadSeries());
    DR_RETURN_IF_ERROR(reader.lookForTrim());
    const auto facts = reader.meta();
    if (!facts)
        return tl::unexpected(facts.error());
    const auto fold = facts->find("fold");
    reader.m_keyframesAreOurs = fold != facts->end() && fold->second == schema::kFold;
    return reader;
}

Result<> RecordingReader::checkSchema()
{
    auto statement = m_database.prepare("SELECT type, sql FROM sqlite_schema ORDER BY rowid");
    if (!statement)
        return tl::unexpected(statement.error());
    constexpr std::size_t kMostAdded = 20;
    std::size_t tables = 0, indexes = 0, added = 0;
    while (true) {
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            break;
        // The indexes of UNIQUE have no text of their own.
        if (statement->text(0) == "index" && statement->text(1).empty()
            && ++indexes <= (isNewer() ? 3 + kMostAdded : 3))
            continue;
        // A newer minor may add plain tables behind ours, which we do not read.
        if (isNewer() && tables == std::size(schema::kTables)
            && statement->text(1).starts_with("CREATE TABLE ") && ++added <= kMostAdded)
            continue;
        if (statement->text(0) != "table" || tables >= std::size(schema::kTables)
            || statement->text(1) != schema::kTables[tables])
            return tl::unexpected(
                damagedRecording(m_path, "its tables are not those of a recording"));
        ++tables;
    }
    if (tables != std::size(schema::kTables))
        return tl::unexpected(damagedRecording(m_path, "tables are missing"));
    return {};
}

std::string RecordingReader::version() const
{
    return recordingFormatName(schema::kMajor, m_minor);
}

Result<> RecordingReader::lookForTrim()
{
    // Batches of which only the hash was kept have two digests where the others have one.
    const auto first = m_database.single("SELECT length(hash) FROM batch ORDER BY id LIMIT 1");
    const auto last = m_database.single("SELECT length(hash) FROM batch ORDER BY id DESC LIMIT 1");
    if (!first || !last)
        return tl::unexpected(first ? last.error() : first.error());
    m_isTrimmed = *first == "64" || *last == "64";
    m_hasPyramid = m_minor >= schema::kPyramidMinor;
    if (!m_isTrimmed || !m_hasPyramid)
        return {};
    const auto chunks = m_database.single("SELECT count(*) FROM (SELECT 1 FROM chunk LIMIT 1)");
    if (!chunks)
        return tl::unexpected(chunks.error());
    m_hasPyramid = *chunks != "0";
    return {};
}

Result<> RecordingReader::loadSeries()
{
    constexpr auto kLastFold = static_cast<std::int64_t>(Fold::Percentile);
    auto statement = m_database.prepare(
        "SELECT id, name, unit, kind, agg, n FROM series WHERE n > ? ORDER BY n LIMIT 40000");
    if (!statement)
        return tl::unexpected(statement.error());
    statement->bind(1, m_seriesSeen);
    while (true) {
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return {};
        const auto id = statement->integer(0);
        auto name = statement->text(1);
        const auto fold = statement->integer(4);
        m_seriesSeen = statement->integer(5);
        if (fold < 0 || (fold > kLastFold && !isNewer()) || name.size() > 500)
            return tl::unexpected(damagedRecording(m_path, "series " + std::to_string(id)));
        if (statement->integer(3) == 1) {
            m_sketchIds[name.substr(0, name.rfind(" (sketch)"))] = id;
            continue;
        }
        if (id != static_cast<std::int64_t>(m_columns.size()))
            return tl::unexpected(damagedRecording(m_path, "series " + std::to_string(id)));
        m_names.push_back(name);
        // A fold of a newer program is drawn as a level.
        m_columns.push_back({std::move(name), statement->text(2),
                             fold > kLastFold ? Fold::Last : static_cast<Fold>(fold)});
    }
}

Result<bool> RecordingReader::isClosed()
{
    m_database.renewBudget();
    const auto closed = m_database.single("SELECT v FROM meta WHERE k = 'closed'");
    if (!closed)
        return tl::unexpected(closed.error());
    return *closed == "1" || m_isTrimmed;
}

Result<std::map<std::string, std::string>> RecordingReader::meta()
{
    m_database.renewBudget();
    auto statement = m_database.prepare("SELECT k, v FROM meta ORDER BY n LIMIT 1000");
    if (!statement)
        return tl::unexpected(statement.error());
    std::map<std::string, std::string> facts;
    while (true) {
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return facts;
        facts[statement->text(0)] = statement->text(1);
    }
}

/// Of "seq, t, kind, payload". Nothing: a kind that a newer program added; kinds are only ever
/// added, and mean nothing to us.
Result<std::optional<Event>> RecordingReader::eventOf(const Statement &row) const
{
    Event event;
    event.seq = static_cast<std::uint64_t>(row.integer(0));
    event.t = row.integer(1);
    const auto kind = row.integer(2);
    if (isNewer() && kind >= static_cast<std::int64_t>(std::variant_size_v<Payload>))
        return std::optional<Event>();
    auto payload = kind < 0 || kind > INT32_MAX
                       ? std::nullopt
                       : decodePayload(static_cast<std::uint32_t>(kind), row.blob(3));
    if (!payload)
        return tl::unexpected(damagedRecording(m_path, "event " + std::to_string(event.seq)));
    event.payload = std::move(*payload);
    return std::optional(std::move(event));
}

Result<std::vector<Event>> RecordingReader::events(std::uint64_t from, std::uint64_t to)
{
    m_database.renewBudget();
    auto statement = m_database.prepare("SELECT seq, t, kind, payload FROM event WHERE seq >= ? "
                                        "AND seq <= ? ORDER BY seq");
    if (!statement)
        return tl::unexpected(statement.error());
    statement->bind(1, static_cast<std::int64_t>(from)).bind(2, static_cast<std::int64_t>(to));
    std::vector<Event> events;
    while (true) {
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return events;
        auto event = eventOf(*statement);
        if (!event)
            return tl::unexpected(event.error());
        if (*event)
            events.push_back(std::move(**event));
    }
}

Result<Slice> RecordingReader::read(std::uint64_t afterSeq, std::int64_t afterT, std::int64_t upTo,
                                    std::size_t limit)
{
    m_database.renewBudget();
    DR_RETURN_IF_ERROR(m_database.execute("BEGIN"));
    struct End
    {
        Database &database;
        ~End() { (void)database.execute("ROLLBACK"); }
    } const end{m_database};
    DR_RETURN_IF_ERROR(loadSeries());

    Slice slice;
    auto ticks =
        m_database.prepare("SELECT t, vals FROM tick WHERE t > ? AND t <= ? ORDER BY t LIMIT ?");
    if (!ticks)
        return tl::unexpected(ticks.error());
    ticks->bind(1, afterT).bind(2, upTo).bind(3, static_cast<std::int64_t>(limit));
    while (true) {
        const auto row = ticks->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            break;
        const auto t = ticks->integer(0);
        const auto blob = ticks->blob(1);
        // A damaged page may hold rows that are not in order; SQLite gives them as they lie there.
        const auto before = slice.rows.empty() ? afterT : slice.rows.back().t;
        if (t <= before || blob.size() % sizeof(float) != 0
            || blob.size() / sizeof(float) > m_names.size())
            return tl::unexpected(
                damagedRecording(m_path, "the row at " + std::to_string(t) + " us"));
        const auto count = blob.size() / sizeof(float);
        slice.rows.push_back({t, slice.values.size(), count});
        ::engine::Reader values(blob);
        for (std::size_t i = 0; i < count; ++i)
            values(slice.values.emplace_back());
    }
    slice.more = slice.rows.size() == limit;
    auto eventsUpTo = slice.more ? slice.rows.back().t : upTo;

    auto events = m_database.prepare("SELECT seq, t, kind, payload FROM event WHERE seq > ? ORDER "
                                     "BY seq");
    if (!events)
        return tl::unexpected(events.error());
    events->bind(1, static_cast<std::int64_t>(afterSeq));
    std::int64_t last = INT64_MIN;
    auto lastSeq = afterSeq;
    while (true) {
        const auto row = events->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            break;
        // Numbers have no holes (a part starts behind some); a damaged page may hide events.
        const auto seq = static_cast<std::uint64_t>(events->integer(0));
        if (seq <= lastSeq || (seq != lastSeq + 1 && !(m_isTrimmed && lastSeq == 0)))
            return tl::unexpected(damagedRecording(m_path, "event " + std::to_string(lastSeq + 1)));
        if (events->integer(1) > eventsUpTo)
            break;
        if (slice.events.size() == kEventsAtOnce) {
            slice.more = slice.endsInEvents = true;
            eventsUpTo = events->integer(1) - 1;
            while (!slice.rows.empty() && slice.rows.back().t > eventsUpTo)
                slice.rows.pop_back();
            break;
        }
        lastSeq = seq;
        auto event = eventOf(*events);
        if (!event)
            return tl::unexpected(event.error());
        if (!*event) {
            ++slice.unknownEvents;
            continue;
        }
        if ((*event)->t < last)
            return tl::unexpected(
                damagedRecording(m_path, "event " + std::to_string((*event)->seq)));
        last = (*event)->t;
        slice.events.push_back(std::move(**event));
    }

    auto checks = m_database.prepare(
        "SELECT t, state_hash FROM keyframe WHERE t > ? AND t <= ? ORDER BY t LIMIT 100000");
    if (!checks)
        return tl::unexpected(checks.error());
    checks->bind(1, afterT).bind(2, eventsUpTo);
    while (m_keyframesAreOurs) {
        const auto row = checks->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            break;
        const auto blob = checks->blob(1);
        Slice::Check check{checks->integer(0), {}};
        if (blob.size() != check.hash.size())
            return tl::unexpected(
                damagedRecording(m_path, "keyframe at " + std::to_string(check.t)));
        std::copy(blob.begin(), blob.end(), check.hash.begin());
        slice.checks.push_back(check);
    }
    return slice;
}

Result<std::optional<Keyframe>> RecordingReader::keyframe(std::int64_t upTo)
{
    return loadKeyframe("WHERE t <= ? ORDER BY t DESC", upTo);
}

Result<std::optional<Keyframe>> RecordingReader::firstKeyframe()
{
    return loadKeyframe("WHERE t >= ? ORDER BY t", INT64_MIN);
}

Result<std::optional<Keyframe>> RecordingReader::loadKeyframe(std::string_view where,
                                                              std::int64_t t)
{
    if (!m_keyframesAreOurs)
        return std::optional<Keyframe>();
    m_database.renewBudget();
    auto statement = m_database.prepare("SELECT t, seq, state, state_hash FROM keyframe "
                                        + std::string(where) + " LIMIT 1");
    if (!statement)
        return tl::unexpected(statement.error());
    statement->bind(1, t);
    const auto row = statement->step();
    if (!row)
        return tl::unexpected(row.error());
    if (!*row)
        return std::optional<Keyframe>();
    Keyframe keyframe;
    keyframe.t = statement->integer(0);
    keyframe.seq = static_cast<std::uint64_t>(statement->integer(1));
    const auto hash = sha256(statement->blob(2));
    auto state = decode<RunState>(statement->blob(2));
    if (!state || !std::ranges::equal(hash, statement->blob(3)) || state->seq != keyframe.seq
        || state->t != keyframe.t)
        return tl::unexpected(
            damagedRecording(m_path, "the keyframe at " + std::to_string(keyframe.t) + " us"));
    keyframe.state = std::move(*state);
    return std::optional(std::move(keyframe));
}

Result<std::optional<std::pair<std::int64_t, std::int64_t>>> RecordingReader::span()
{
    m_database.renewBudget();
    auto statement =
        m_database.prepare("SELECT (SELECT min(t) FROM tick), (SELECT max(t) FROM tick), "
                           "(SELECT count(*) FROM (SELECT 1 FROM tick LIMIT 1))");
    if (!statement)
        return tl::unexpected(statement.error());
    const auto row = statement->step();
    if (!row)
        return tl::unexpected(row.error());
    std::optional<std::pair<std::int64_t, std::int64_t>> span;
    if (*row && statement->integer(2) == 1)
        span.emplace(statement->integer(0), statement->integer(1));
    return span;
}

Result<std::vector<std::string>> RecordingReader::attachmentNames()
{
    m_database.renewBudget();
    auto statement = m_database.prepare("SELECT name FROM attach ORDER BY n LIMIT 1000");
    if (!statement)
        return tl::unexpected(statement.error());
    std::vector<std::string> names;
    while (true) {
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return names;
        names.push_back(statement->text(0));
    }
}

Result<Bytes> RecordingReader::attachment(const std::string &name)
{
    m_database.renewBudget();
    auto statement =
        m_database.prepare("SELECT data FROM attach WHERE name = ? ORDER BY n LIMIT 1");
    if (!statement)
        return tl::unexpected(statement.error());
    statement->bind(1, name);
    const auto row = statement->step();
    if (!row)
        return tl::unexpected(row.error());
    if (!*row)
        return fail(ErrorCode::NotFound, "The recording has no attachment " + name,
                    m_path.string());
    const auto blob = statement->blob(0);
    return Bytes(blob.begin(), blob.end());
}

Result<std::vector<RecordingGap>> RecordingReader::gaps()
{
    m_database.renewBudget();
    auto statement = m_database.prepare("SELECT t0, t1, why, lost FROM gap ORDER BY n LIMIT 10000");
    if (!statement)
        return tl::unexpected(statement.error());
    std::vector<RecordingGap> gaps;
    while (true) {
        const auto row = statement->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return gaps;
        gaps.push_back({statement->integer(0), statement->integer(1), statement->integer(2),
                        statement->integer(3)});
    }
}

} // namespace engine
