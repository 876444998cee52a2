#pragma once
// Writes one recording: numbers events, folds what it writes, commits in batches, closes to a
// single file. Recorder gives it a thread; tests drive it by hand.

#include "engine/event/run_state.h"
#include "engine/recording/chain.h"
#include "engine/recording/database.h"
#include "engine/recording/pyramid.h"
#include "engine/recording/row_assembler.h"
#include "engine/recording/schema.h"

#include <deque>
#include <set>

namespace engine {

/// The only connection that ever writes or checkpoints its file. One thread. What could not be
/// committed (disk full) stays in memory and is tried again with the next commit.
class RecordingWriter
{
public:
    /// What is kept in memory while the disk takes nothing, unless setMemory() said otherwise.
    static constexpr std::size_t kMemory = 64u << 20;

    /// Makes the file; `key` may be null: then nothing is sealed. `meta` are facts known at start.
    [[nodiscard]] static Result<RecordingWriter>
    create(const std::filesystem::path &path, const SigningKey *key,
           const std::vector<std::pair<std::string, std::string>> &meta);

    /// `t` is raised to what order demands: never before an event or a row that was taken.
    void event(Payload payload, std::int64_t t);
    /// Rows in order; `t` is the end of the window.
    void row(std::int64_t t, const AssembledRow &row);
    void attach(const std::string &name, std::span<const std::uint8_t> data);
    /// Bytes that may wait for the disk. Half of it is for events alone.
    void setMemory(std::size_t bytes) { m_memory = bytes; }
    /// Somebody before the writer had no room: the recording names it as a gap.
    void noteLost(std::int64_t from, std::int64_t to, schema::GapReason why, std::uint64_t count);
    /// All that was given since the last one, in one durable transaction.
    [[nodiscard]] Result<> commit();
    /// Signs the chain up to the last commit.
    [[nodiscard]] Result<> seal();
    /// Moves the WAL into the file as far as readers allow; true: all of it.
    [[nodiscard]] Result<bool> checkpoint();
    /// Folds the rest, commits, seals, leaves one file without WAL. Readers see that the file is
    /// complete and let go of it; they get `patience` for that.
    [[nodiscard]] Result<> close(const Clock &clock, Micros patience);

    [[nodiscard]] std::size_t pendingEvents() const { return m_events.size(); }
    [[nodiscard]] std::size_t pendingBytes() const { return m_pendingBytes; }
    [[nodiscard]] std::uint64_t lastSeq() const { return m_seq; }
    [[nodiscard]] std::uint64_t committedSeq() const
    {
        return static_cast<std::uint64_t>(m_committed.seq);
    }
    [[nodiscard]] std::int64_t lastRow() const { return m_lastRow; }
    /// Events and attachments that found no memory.
    [[nodiscard]] std::uint64_t lost() const { return m_lost; }
    /// Rows that were left out so that events find memory.
    [[nodiscard]] std::uint64_t thinned() const { return m_thinned; }
    [[nodiscard]] bool hasMoved() const { return m_database.hasMoved(); }
    /// The fold up to the last row.
    [[nodiscard]] const RunState &state() const { return m_state; }

private:
    struct Numbered
    {
        std::int64_t n;
        std::string key, value;
    };
    struct SeriesRow
    {
        std::int64_t n, id;
        std::string name, unit;
        std::int64_t kind, fold;
    };
    struct AttachRow
    {
        std::int64_t n;
        Digest digest;
        std::string name;
        Bytes data;
    };
    struct EventRow
    {
        std::int64_t seq, t, kind, target;
        Bytes payload;
    };
    struct BlobRow
    {
        std::int64_t key;
        Bytes data;
    };
    struct KeyframeRow
    {
        std::int64_t t, seq;
        Bytes state;
        Digest hash;
    };
    struct GapRow
    {
        std::int64_t n, from, to, why, lost;
    };
    struct Statements
    {
        Statement begin, commit, rollback, meta, series, attach, event, tick, sketch, chunk,
            keyframe, gap, batch, seal;
    };

    RecordingWriter() = default;
    [[nodiscard]] Result<> prepare();
    [[nodiscard]] Result<> insertAll(const BatchEnd &end);
    [[nodiscard]] BatchEnd nextBatch() const;
    struct Hole
    {
        std::int64_t from = 0, to = 0;
        std::uint64_t count = 0;
    };
    [[nodiscard]] bool hasRoom(std::size_t bytes, std::int64_t t, schema::GapReason without);
    void endHole(schema::GapReason why);
    [[nodiscard]] bool isEmpty() const;
    void addMeta(std::string key, std::string value);
    std::int64_t seriesId(const std::string &name, bool isSketch);
    void foldUpTo(std::int64_t t);
    void keyframe();
    void flushSketches(std::int64_t second);
    void dropPending();

    std::filesystem::path m_path;
    Database m_database;
    Statements m_do;
    const SigningKey *m_key = nullptr;

    RunState m_state;
    std::deque<Event> m_unfolded;     ///< newer than the last row
    std::vector<std::string> m_names; ///< columns of the ticks
    std::map<std::string, std::int64_t> m_columnIds, m_sketchIds;
    std::map<std::string, Sketch> m_second; ///< sketches of the second that is still open
    std::int64_t m_secondIndex = INT64_MIN;
    pyramid::Builder m_pyramid;
    std::uint64_t m_seq = 0;
    std::int64_t m_lastT = INT64_MIN, m_lastRow = INT64_MIN;
    std::int64_t m_lastKeyframe = INT64_MIN;
    std::int64_t m_metaN = 0, m_seriesN = 0, m_attachN = 0, m_gapN = 0;
    std::set<Digest> m_attached;

    // The batch in the making.
    std::vector<Numbered> m_meta;
    std::vector<SeriesRow> m_series;
    std::vector<AttachRow> m_attach;
    std::vector<EventRow> m_events;
    std::vector<BlobRow> m_ticks, m_sketches;
    std::vector<pyramid::Chunk> m_chunks;
    std::vector<KeyframeRow> m_keyframes;
    std::vector<GapRow> m_gaps;
    std::size_t m_pendingBytes = 0;
    BatchEnd m_committed;
    std::int64_t m_sealed = 0;

    std::size_t m_memory = kMemory;
    std::uint64_t m_lost = 0, m_thinned = 0;
    std::map<schema::GapReason, Hole> m_holes; ///< going on now
};

/// What the `target` column of an event holds: 0 for none, else a number that is the same in every
/// file.
[[nodiscard]] std::int64_t targetKey(const std::string &target);

} // namespace engine
