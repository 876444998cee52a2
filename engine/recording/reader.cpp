#include "engine/recording/reader.h"

#include "engine/metrics/sketch.h"
#include "engine/recording/schema.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engine {
namespace {

constexpr Micros kStatementBudget{2'000'000};
/// In one slice; a file may hold any number between two rows.
constexpr std::size_t kEventsAtOnce = 20'000;

struct Header
{
    bool isWal = false;
    std::uint32_t minor = 0;
};

std::uint32_t bigEndian(const std::uint8_t *at)
{
    return (std::uint32_t{at[0]} << 24) | (std::uint32_t{at[1]} << 16) | (std::uint32_t{at[2]} << 8)
           | at[3];
}

std::string formatName(std::uint32_t major, std::uint32_t minor)
{
    return std::to_string(major) + "." + std::to_string(minor);
}

/// Before SQLite sees the file: is it one of ours at all?
Result<Header> readHeader(const std::filesystem::path &path)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT
                   ? fail(ErrorCode::NotFound, "There is no such recording", path.string())
                   : failErrno("Cannot read " + path.string());
    std::array<std::uint8_t, 100> head{};
    struct stat info
    {
    };
    const bool isFile = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    const auto got = isFile ? ::pread(fd, head.data(), head.size(), 0) : 0;
    ::close(fd);
    if (!isFile)
        return fail(ErrorCode::InvalidInput, "This is not a regular file", path.string());
    static constexpr char kMagic[] = "SQLite format 3"; // with its zero: 16 bytes
    if (got != static_cast<ssize_t>(head.size())
        || std::memcmp(head.data(), kMagic, sizeof(kMagic)) != 0)
        return fail(ErrorCode::InvalidInput,
                    "This is not a Drillroom recording (or its first bytes are damaged)",
                    path.string());
    Header header;
    header.isWal = head[18] == 2 || head[19] == 2;
    // A killed writer may have everything in the WAL, but these two are in the file from its start.
    if (bigEndian(&head[68]) != schema::kApplicationId)
        return fail(ErrorCode::InvalidInput,
                    "This is an SQLite file, but not a Drillroom recording", path.string() + ":68");
    const auto version = bigEndian(&head[60]);
    const auto major = version & 0xFFFF;
    header.minor = version >> 16;
    if (major != schema::kMajor)
        return fail(ErrorCode::InvalidInput,
                    "The recording has format " + formatName(major, header.minor)
                        + "; this program reads format "
                        + formatName(schema::kMajor, schema::kMinor) + " and other "
                        + std::to_string(schema::kMajor) + ".x; "
                        + (major > schema::kMajor ? "open it with a newer Drillroom"
                                                  : "open it with the Drillroom that made it"),
                    path.string() + ":60");
    return header;
}

struct Stamp
{
    std::uintmax_t size = 0;
    std::int64_t seconds = 0, nanos = 0;
    bool operator==(const Stamp &) const = default;
};

Stamp stampOf(const std::filesystem::path &path)
{
    struct stat info
    {
    };
    if (::stat(path.c_str(), &info) != 0)
        return {};
    return {static_cast<std::uintmax_t>(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

/// File and WAL as they were at one instant, in a folder of our own.
Result<std::filesystem::path> copyPrivately(const std::filesystem::path &path)
{
    std::error_code error;
    auto pattern = (std::filesystem::temp_directory_path(error) / "drillroom-copy-XXXXXX").string();
    if (error || !::mkdtemp(pattern.data()))
        return failErrno("Cannot make a folder for a copy of " + path.string());
    const std::filesystem::path folder(pattern);
    const std::filesystem::path wal(path.string() + "-wal");
    const auto overwrite = std::filesystem::copy_options::overwrite_existing;
    for (int attempt = 0; attempt < 10; ++attempt) {
        const auto before = std::pair(stampOf(path), stampOf(wal));
        std::filesystem::copy_file(path, folder / "copy.drl", overwrite, error);
        std::error_code walError;
        if (before.second.size > 0)
            std::filesystem::copy_file(wal, folder / "copy.drl-wal", overwrite, walError);
        const std::filesystem::path journal(path.string() + "-journal");
        if (std::filesystem::exists(journal) && !walError)
            std::filesystem::copy_file(journal, folder / "copy.drl-journal", overwrite, walError);
        if (error || walError) {
            std::filesystem::remove_all(folder, walError);
            return fail(ErrorCode::Io, "Cannot copy the recording to read it: " + error.message(),
                        path.string());
        }
        if (before == std::pair(stampOf(path), stampOf(wal)))
            return folder;
    }
    std::filesystem::remove_all(folder, error);
    return fail(ErrorCode::Busy, "The recording is being written; try again when the run is over",
                path.string());
}

Error damaged(const std::filesystem::path &path, const std::string &what)
{
    return Error{ErrorCode::InvalidInput, "The recording is damaged: " + what, path.string()};
}

} // namespace

RecordingReader::RecordingReader(RecordingReader &&other) noexcept
    : m_path(std::move(other.m_path)), m_copy(std::exchange(other.m_copy, {})),
      m_database(std::move(other.m_database)), m_wasUnclosed(other.m_wasUnclosed),
      m_keyframesAreOurs(other.m_keyframesAreOurs), m_minor(other.m_minor),
      m_hasStrayLog(other.m_hasStrayLog), m_isTrimmed(other.m_isTrimmed),
      m_columns(std::move(other.m_columns)), m_names(std::move(other.m_names)),
      m_sketchIds(std::move(other.m_sketchIds)), m_seriesSeen(other.m_seriesSeen)
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
    const auto header = readHeader(path);
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
        auto copy = copyPrivately(path);
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
            return tl::unexpected(damaged(m_path, "its tables are not those of a recording"));
        ++tables;
    }
    if (tables != std::size(schema::kTables))
        return tl::unexpected(damaged(m_path, "tables are missing"));
    return {};
}

std::string RecordingReader::version() const
{
    return formatName(schema::kMajor, m_minor);
}

Result<> RecordingReader::lookForTrim()
{
    // Batches of which only the hash was kept have two digests where the others have one.
    const auto first = m_database.single("SELECT length(hash) FROM batch ORDER BY id LIMIT 1");
    const auto last = m_database.single("SELECT length(hash) FROM batch ORDER BY id DESC LIMIT 1");
    if (!first || !last)
        return tl::unexpected(first ? last.error() : first.error());
    m_isTrimmed = *first == "64" || *last == "64";
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
            return tl::unexpected(damaged(m_path, "series " + std::to_string(id)));
        if (statement->integer(3) == 1) {
            m_sketchIds[name.substr(0, name.rfind(" (sketch)"))] = id;
            continue;
        }
        if (id != static_cast<std::int64_t>(m_columns.size()))
            return tl::unexpected(damaged(m_path, "series " + std::to_string(id)));
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
            return tl::unexpected(damaged(m_path, "the row at " + std::to_string(t) + " us"));
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
        if (!*row || events->integer(1) > eventsUpTo)
            break;
        if (slice.events.size() == kEventsAtOnce) {
            slice.more = slice.endsInEvents = true;
            eventsUpTo = events->integer(1) - 1;
            while (!slice.rows.empty() && slice.rows.back().t > eventsUpTo)
                slice.rows.pop_back();
            break;
        }
        Event event;
        event.seq = static_cast<std::uint64_t>(events->integer(0));
        event.t = events->integer(1);
        if (event.seq <= lastSeq)
            return tl::unexpected(damaged(m_path, "event " + std::to_string(event.seq)));
        lastSeq = event.seq;
        const auto kind = events->integer(2);
        // Kinds are only ever added; those of a newer program mean nothing to us.
        if (isNewer() && kind >= static_cast<std::int64_t>(std::variant_size_v<Payload>)) {
            ++slice.unknownEvents;
            continue;
        }
        auto payload = kind < 0 || kind > INT32_MAX
                           ? std::nullopt
                           : decodePayload(static_cast<std::uint32_t>(kind), events->blob(3));
        if (!payload || event.t < last)
            return tl::unexpected(damaged(m_path, "event " + std::to_string(event.seq)));
        last = event.t;
        event.payload = std::move(*payload);
        slice.events.push_back(std::move(event));
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
            return tl::unexpected(damaged(m_path, "keyframe at " + std::to_string(check.t)));
        std::copy(blob.begin(), blob.end(), check.hash.begin());
        slice.checks.push_back(check);
    }
    return slice;
}

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
                return tl::unexpected(damaged(m_path, "row at " + std::to_string(afterT) + " us"));
            // A living file may have got series since they were read.
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
    constexpr std::int64_t kFarthest = (std::int64_t{1} << 31) - 1;
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
        const auto sketch = Sketch::decode(statement->blob(1));
        if (!sketch)
            return tl::unexpected(damaged(m_path, "a sketch of " + series));
        each(schema::secondOf(statement->integer(0)), *sketch);
    }
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
            damaged(m_path, "the keyframe at " + std::to_string(keyframe.t) + " us"));
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
