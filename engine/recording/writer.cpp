#include "engine/recording/writer.h"

#include "engine/recording/schema.h"

#include <algorithm>
#include <limits>

namespace engine {
namespace {

constexpr std::int64_t kKeyframeEvery = 10'000'000;
constexpr std::int64_t kSecond = 1'000'000;

/// Second that a window with this end lies in; floors below zero too.
std::int64_t secondOfRow(std::int64_t end)
{
    const auto start = end - kWindow.count();
    return start >= 0 ? start / kSecond : -((-start + kSecond - 1) / kSecond);
}

} // namespace

std::int64_t targetKey(const std::string &target)
{
    if (target.empty())
        return 0;
    const auto digest = sha256(target);
    std::int64_t key = 0;
    for (std::size_t i = 0; i < 6; ++i)
        key = (key << 8) | digest[i];
    return key;
}

Result<RecordingWriter>
RecordingWriter::create(const std::filesystem::path &path, const SigningKey *key,
                        const std::vector<std::pair<std::string, std::string>> &meta)
{
    RecordingWriter writer;
    auto database = Database::open(path, Database::Mode::Create);
    if (!database)
        return tl::unexpected(database.error());
    writer.m_database = std::move(*database);
    writer.m_path = path;
    writer.m_key = key;
    std::string tables = "BEGIN;";
    for (const auto table : schema::kTables)
        tables += std::string(table) + ";";
    DR_RETURN_IF_ERROR(writer.m_database.execute(
        // EXTRA also syncs the folder when a journal is deleted: one that came back with a cut of
        // power would undo what was checkpointed since.
        "PRAGMA synchronous=EXTRA; PRAGMA page_size=" + std::to_string(schema::kPageSize)
        + "; PRAGMA application_id=" + std::to_string(schema::kApplicationId)
        + "; PRAGMA user_version=" + std::to_string(schema::kVersion)
        + "; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0"
          "; PRAGMA busy_timeout=2000; PRAGMA secure_delete=ON;"
        + tables + "COMMIT"));
    DR_RETURN_IF_ERROR(writer.prepare());
    writer.addMeta("fold", std::string(schema::kFold));
    writer.addMeta("chain", std::string(schema::kChain));
    if (key)
        writer.addMeta("signer", hex(key->publicKey()));
    for (const auto &[name, value] : meta)
        writer.addMeta(name, value);
    DR_RETURN_IF_ERROR(writer.commit());
    return writer;
}

Result<> RecordingWriter::prepare()
{
    const std::pair<Statement *, std::string_view> all[] = {
        {&m_do.begin, "BEGIN IMMEDIATE"},
        {&m_do.commit, "COMMIT"},
        {&m_do.rollback, "ROLLBACK"},
        {&m_do.meta, "INSERT INTO meta VALUES(?,?,?)"},
        {&m_do.series, "INSERT INTO series VALUES(?,?,?,?,?,?)"},
        {&m_do.attach, "INSERT INTO attach VALUES(?,?,?,?)"},
        {&m_do.event, "INSERT INTO event VALUES(?,?,?,?,?)"},
        {&m_do.tick, "INSERT INTO tick VALUES(?,?)"},
        {&m_do.sketch, "INSERT INTO sketch VALUES(?,?)"},
        {&m_do.chunk, "INSERT INTO chunk VALUES(?,?)"},
        {&m_do.keyframe, "INSERT INTO keyframe VALUES(?,?,?,?)"},
        {&m_do.gap, "INSERT INTO gap VALUES(?,?,?,?,?)"},
        {&m_do.batch, "INSERT INTO batch VALUES(?,?,?,?,?,?,?,?,?)"},
        {&m_do.seal, "INSERT OR IGNORE INTO seal VALUES(?,?)"}};
    for (const auto &[statement, sql] : all) {
        auto prepared = m_database.prepare(sql);
        if (!prepared)
            return tl::unexpected(prepared.error());
        *statement = std::move(*prepared);
    }
    return {};
}

/// Metrics give way when half of the memory is taken: the other half belongs to the events.
bool RecordingWriter::hasRoom(std::size_t bytes, std::int64_t t, schema::GapReason without)
{
    const bool isMetric = without == schema::GapReason::Thinned;
    if (m_pendingBytes + bytes > (isMetric ? m_memory / 2 : m_memory)) {
        noteLost(t, t, without, 1);
        return false;
    }
    endHole(without);
    m_pendingBytes += bytes;
    return true;
}

void RecordingWriter::noteLost(std::int64_t from, std::int64_t to, schema::GapReason why,
                               std::uint64_t count)
{
    auto &hole = m_holes[why];
    hole.to = hole.count == 0 ? to : std::max(hole.to, to);
    hole.from = hole.count == 0 ? from : std::min(hole.from, from);
    hole.count += count;
    (why == schema::GapReason::Thinned ? m_thinned : m_lost) += count;
}

void RecordingWriter::endHole(schema::GapReason why)
{
    const auto it = m_holes.find(why);
    if (it == m_holes.end())
        return;
    m_gaps.push_back({++m_gapN, it->second.from, it->second.to, static_cast<std::int64_t>(why),
                      static_cast<std::int64_t>(it->second.count)});
    m_holes.erase(it);
}

void RecordingWriter::addMeta(std::string key, std::string value)
{
    m_pendingBytes += key.size() + value.size();
    m_meta.push_back({++m_metaN, std::move(key), std::move(value)});
}

void RecordingWriter::attach(const std::string &name, std::span<const std::uint8_t> data)
{
    const auto digest = sha256(data);
    if (m_attached.contains(digest)
        || !hasRoom(data.size() + 100, m_lastT, schema::GapReason::NoMemory))
        return;
    m_attached.insert(digest);
    m_attach.push_back({++m_attachN, digest, name, Bytes(data.begin(), data.end())});
}

void RecordingWriter::event(Payload payload, std::int64_t t)
{
    auto bytes = encodePayload(payload);
    if (!hasRoom(bytes.size() + 64, t, schema::GapReason::NoMemory))
        return;
    // A row that was folded is not folded again: nothing may come before it any more.
    t = std::max(t, m_lastT);
    if (m_lastRow != INT64_MIN)
        t = std::max(t, m_lastRow + 1);
    m_lastT = t;
    if (const auto *run = std::get_if<RunStarted>(&payload); run && m_seq == 0) {
        addMeta("run", run->runId);
        addMeta("shop", run->shop);
        addMeta("drill_sha256", run->drillHash);
        addMeta("wall", std::to_string(run->wall));
    }
    m_events.push_back({static_cast<std::int64_t>(++m_seq), t,
                        static_cast<std::int64_t>(payload.index()), targetKey(targetOf(payload)),
                        std::move(bytes)});
    m_unfolded.push_back(Event{m_seq, t, std::move(payload)});
}

std::int64_t RecordingWriter::seriesId(const std::string &name, bool isSketch)
{
    auto &ids = isSketch ? m_sketchIds : m_columnIds;
    if (const auto it = ids.find(name); it != ids.end())
        return it->second;
    const auto next = static_cast<std::int64_t>(ids.size());
    if (next >= schema::kMostSeries)
        return -1;
    const auto id = isSketch ? schema::kSketchBase + next : next;
    ids.emplace(name, id);
    if (!isSketch)
        m_names.push_back(name);
    const auto info = seriesInfo(name);
    if (!isSketch)
        m_pyramid.addColumn(info.fold);
    // A sketch and a column may share a name; the table's names are unique.
    m_series.push_back({++m_seriesN, id, isSketch ? name + " (sketch)" : name, info.unit,
                        isSketch ? 1 : 0, static_cast<std::int64_t>(info.fold)});
    m_pendingBytes += name.size() + 64;
    return id;
}

void RecordingWriter::flushSketches(std::int64_t second)
{
    if (m_secondIndex != INT64_MIN && second != m_secondIndex) {
        std::map<std::int64_t, const Sketch *> byId; // keys of one second in order
        for (const auto &[name, sketch] : m_second)
            if (const auto id = seriesId(name, true); id >= 0 && sketch.count() > 0)
                byId[id] = &sketch;
        for (const auto &[id, sketch] : byId) {
            m_sketches.push_back({schema::key(0, m_secondIndex, id), sketch->encode()});
            m_pendingBytes += m_sketches.back().data.size() + 16;
            m_pyramid.sketch(id, *sketch);
        }
        m_second.clear();
    }
    m_secondIndex = second;
}

void RecordingWriter::row(std::int64_t t, const AssembledRow &row)
{
    if (t <= m_lastRow
        || !hasRoom(row.values.size() * 4 + m_names.size() * 4 + 16, t, schema::GapReason::Thinned))
        return;
    for (const auto &[name, value] : row.values)
        (void)seriesId(name, false);
    std::vector<float> values(m_names.size(), std::numeric_limits<float>::quiet_NaN());
    for (const auto &[name, value] : row.values)
        if (const auto it = m_columnIds.find(name); it != m_columnIds.end())
            values[static_cast<std::size_t>(it->second)] = static_cast<float>(value);
    Writer bytes;
    for (const auto value : values)
        bytes(value);
    m_ticks.push_back({t, bytes.take()});

    foldUpTo(t);
    m_state.apply(RowView{t, m_names, values});
    m_lastRow = t;
    m_lastT = std::max(m_lastT, t);

    const auto second = secondOfRow(t);
    if (second != m_secondIndex)
        flushSketches(second);
    m_pyramid.row(t, values);
    for (const auto &[name, sketch] : row.sketches)
        m_second[name].merge(sketch);
    if (secondOfRow(t + kWindow.count()) != second) // this row was the second's last
        flushSketches(second + 1);
    m_pyramid.advance(t);
    for (auto &chunk : m_pyramid.take()) {
        m_pendingBytes += chunk.data.size() + 16;
        m_chunks.push_back(std::move(chunk));
    }
    if (m_lastKeyframe == INT64_MIN || t - m_lastKeyframe >= kKeyframeEvery)
        keyframe();
}

void RecordingWriter::foldUpTo(std::int64_t t)
{
    while (!m_unfolded.empty() && m_unfolded.front().t <= t) {
        m_state.apply(m_unfolded.front());
        m_unfolded.pop_front();
    }
}

void RecordingWriter::keyframe()
{
    auto state = encode(m_state);
    const auto hash = sha256(state);
    m_pendingBytes += state.size() + 64;
    m_keyframes.push_back(
        {m_state.t, static_cast<std::int64_t>(m_state.seq), std::move(state), hash});
    m_lastKeyframe = m_state.t;
}

bool RecordingWriter::isEmpty() const
{
    return m_meta.empty() && m_series.empty() && m_attach.empty() && m_events.empty()
           && m_ticks.empty() && m_sketches.empty() && m_keyframes.empty() && m_gaps.empty();
}

BatchEnd RecordingWriter::nextBatch() const
{
    BatchEnd end = m_committed;
    ++end.id;
    end.t = m_ticks.empty() ? end.t : m_ticks.back().key;
    end.seq = static_cast<std::int64_t>(m_seq);
    end.series = m_seriesN;
    end.sketch = m_sketches.empty() ? end.sketch : m_sketches.back().key;
    end.attach = m_attachN;
    end.gap = m_gapN;
    end.meta = m_metaN;
    // A keyframe after the last row (the one at the end) belongs to this batch too.
    if (!m_keyframes.empty())
        end.t = std::max(end.t, m_keyframes.back().t);

    ChainHasher chain(m_committed);
    for (const auto &r : m_meta)
        chain.meta(r.n, r.key, r.value);
    for (const auto &r : m_series)
        chain.series(r.n, r.id, r.name, r.unit, r.kind, r.fold);
    for (const auto &r : m_attach)
        chain.attach(r.n, r.digest, r.name, r.data);
    for (const auto &r : m_events)
        chain.event(r.seq, r.t, r.kind, r.target, r.payload);
    for (const auto &r : m_ticks)
        chain.tick(r.key, r.data);
    for (const auto &r : m_sketches)
        chain.sketch(r.key, r.data);
    for (const auto &r : m_keyframes)
        chain.keyframe(r.t, r.seq, r.state, r.hash);
    for (const auto &r : m_gaps)
        chain.gap(r.n, r.from, r.to, r.why, r.lost);
    chain.finish(end);
    return end;
}

Result<> RecordingWriter::insertAll(const BatchEnd &end)
{
    for (const auto &r : m_meta)
        DR_RETURN_IF_ERROR(m_do.meta.bind(1, r.n).bind(2, r.key).bind(3, r.value).run());
    for (const auto &r : m_series)
        DR_RETURN_IF_ERROR(m_do.series.bind(1, r.id)
                               .bind(2, r.name)
                               .bind(3, r.unit)
                               .bind(4, r.kind)
                               .bind(5, r.fold)
                               .bind(6, r.n)
                               .run());
    for (const auto &r : m_attach)
        DR_RETURN_IF_ERROR(m_do.attach.bind(1, r.n)
                               .bind(2, std::span<const std::uint8_t>(r.digest))
                               .bind(3, r.name)
                               .bind(4, std::span<const std::uint8_t>(r.data))
                               .run());
    for (const auto &r : m_events)
        DR_RETURN_IF_ERROR(m_do.event.bind(1, r.seq)
                               .bind(2, r.t)
                               .bind(3, r.kind)
                               .bind(4, r.target)
                               .bind(5, std::span<const std::uint8_t>(r.payload))
                               .run());
    for (const auto &r : m_ticks)
        DR_RETURN_IF_ERROR(
            m_do.tick.bind(1, r.key).bind(2, std::span<const std::uint8_t>(r.data)).run());
    for (const auto &r : m_sketches)
        DR_RETURN_IF_ERROR(
            m_do.sketch.bind(1, r.key).bind(2, std::span<const std::uint8_t>(r.data)).run());
    for (const auto &r : m_chunks)
        DR_RETURN_IF_ERROR(
            m_do.chunk.bind(1, r.key).bind(2, std::span<const std::uint8_t>(r.data)).run());
    for (const auto &r : m_keyframes)
        DR_RETURN_IF_ERROR(m_do.keyframe.bind(1, r.t)
                               .bind(2, r.seq)
                               .bind(3, std::span<const std::uint8_t>(r.state))
                               .bind(4, std::span<const std::uint8_t>(r.hash))
                               .run());
    for (const auto &r : m_gaps)
        DR_RETURN_IF_ERROR(m_do.gap.bind(1, r.n)
                               .bind(2, r.from)
                               .bind(3, r.to)
                               .bind(4, r.why)
                               .bind(5, r.lost)
                               .run());
    return m_do.batch.bind(1, end.id)
        .bind(2, end.t)
        .bind(3, end.seq)
        .bind(4, end.series)
        .bind(5, end.sketch)
        .bind(6, end.attach)
        .bind(7, end.gap)
        .bind(8, end.meta)
        .bind(9, std::span<const std::uint8_t>(end.hash))
        .run();
}

void RecordingWriter::dropPending()
{
    m_meta.clear();
    m_series.clear();
    m_attach.clear();
    m_events.clear();
    m_ticks.clear();
    m_sketches.clear();
    m_chunks.clear();
    m_keyframes.clear();
    m_gaps.clear();
    m_pendingBytes = 0;
}

Result<> RecordingWriter::commit()
{
    if (isEmpty())
        return {};
    const auto end = nextBatch();
    DR_RETURN_IF_ERROR(m_do.begin.run());
    auto done = insertAll(end);
    if (done)
        done = m_do.commit.run();
    if (!done) {
        // SQLite may have rolled back by itself; then this one has nothing to do and says so.
        (void)m_do.rollback.run();
        return done;
    }
    m_committed = end;
    dropPending();
    return {};
}

Result<> RecordingWriter::seal()
{
    if (!m_key || m_sealed == m_committed.id)
        return {};
    const auto signature = m_key->sign(sealText(m_committed.id, m_committed.hash));
    DR_RETURN_IF_ERROR(
        m_do.seal.bind(1, m_committed.id).bind(2, std::span<const std::uint8_t>(signature)).run());
    m_sealed = m_committed.id;
    return {};
}

Result<bool> RecordingWriter::checkpoint()
{
    auto statement = m_database.prepare("PRAGMA wal_checkpoint(PASSIVE)");
    if (!statement)
        return tl::unexpected(statement.error());
    const auto row = statement->step();
    if (!row)
        return tl::unexpected(row.error());
    return *row && statement->integer(1) == statement->integer(2); // frames there, frames moved
}

Result<> RecordingWriter::close(const Clock &clock, Micros patience)
{
    flushSketches(INT64_MAX);
    foldUpTo(INT64_MAX);
    // A batch covers the keyframes behind the one before it: at a time that is covered already
    // there is none.
    if (m_state.t > std::max(m_lastKeyframe, m_committed.t) && m_seq > 0)
        keyframe();
    endHole(schema::GapReason::NoMemory);
    endHole(schema::GapReason::Thinned);
    addMeta("word", std::string(name(m_state.verdict().word)));
    addMeta("end", std::to_string(m_state.t));
    addMeta("closed", "1");
    DR_RETURN_IF_ERROR(commit());
    DR_RETURN_IF_ERROR(seal());
    if (m_database.hasMoved()) {
        // Deleted or renamed under us, and still readable through what we hold open.
        const auto saved = m_database.copyTo(m_path);
        m_do = {};
        m_database.close();
        return saved;
    }
    // Leaving WAL needs the file alone: readers have seen `closed` and let go within a poll.
    DR_RETURN_IF_ERROR(m_database.execute("PRAGMA busy_timeout=50"));
    const auto until = clock.now() + patience;
    while (true) {
        auto mode = m_database.single("PRAGMA wal_checkpoint(TRUNCATE)");
        if (mode)
            mode = m_database.single("PRAGMA journal_mode=DELETE");
        if (mode && *mode == "delete")
            break;
        if (clock.now() >= until) {
            // Somebody holds on to it. With all of the WAL in the file, that file is whole alone.
            const auto isWhole = checkpoint();
            if (!isWhole)
                return tl::unexpected(isWhole.error());
            if (!*isWhole)
                return fail(ErrorCode::Busy, "The recording is complete, but another program still "
                                             "reads it; keep the file and its -wal together");
            break;
        }
        clock.waitUntil(clock.now() + Micros{20'000}, {});
    }
    m_do = {};
    m_database.close();
    return {};
}

} // namespace engine
