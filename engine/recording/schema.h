#pragma once
// The recording's tables: one file per run. Times are microseconds since t = 0 of the run.

#include <cstdint>
#include <string_view>

namespace engine::schema {

inline constexpr std::uint32_t kApplicationId = 0x44524C31; // "DRL1"
/// user_version = (minor << 16) | major. Another major is not read. A higher minor is read as far
/// as we know it: it may add tables behind ours, chunk levels and kinds of events (then kFold
/// changes too), and changes nothing that is there. 1.0 has no pyramid, 1.1 no trainings.
inline constexpr std::uint32_t kMajor = 1, kMinor = 2;
inline constexpr std::uint32_t kVersion = (kMinor << 16) | kMajor;
inline constexpr std::uint32_t kPyramidMinor = 1; ///< the first that has one
inline constexpr std::int64_t kPageSize = 8192;

/// What a keyframe's state means; a file of another number is folded from its own events only.
inline constexpr std::string_view kFold = "3";

/// How the batches are hashed (chain.h); a file of another number cannot be verified.
inline constexpr std::string_view kChain = "2";

/// One statement per table, exactly as SQLite stores it: readers compare byte for byte.
/// series: `kind` 0 = a column of the ticks (id = position), 1 = a sketch (id from kSketchBase).
/// tick: float32 of all series known then, NaN = gap.
/// chunk (the pyramid, derived, see pyramid.h) and sketch: key = (level << 56) | (bucket << 16) |
/// series; the bucket of a sketch is its second.
/// batch: one per commit; `hash` chains everything up to the named last rows.
/// `n` columns number rows in the order of writing.
inline constexpr std::string_view kTables[] = {
    "CREATE TABLE meta(n INTEGER PRIMARY KEY, k TEXT NOT NULL UNIQUE, v TEXT NOT NULL) STRICT",
    "CREATE TABLE series(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unit TEXT NOT NULL, "
    "kind INTEGER NOT NULL, agg INTEGER NOT NULL, n INTEGER NOT NULL) STRICT",
    "CREATE TABLE tick(t INTEGER PRIMARY KEY, vals BLOB NOT NULL) STRICT",
    "CREATE TABLE chunk(key INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
    "CREATE TABLE sketch(key INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
    "CREATE TABLE event(seq INTEGER PRIMARY KEY, t INTEGER NOT NULL, kind INTEGER NOT NULL, "
    "target INTEGER NOT NULL, payload BLOB NOT NULL) STRICT",
    "CREATE TABLE keyframe(t INTEGER PRIMARY KEY, seq INTEGER NOT NULL, state BLOB NOT NULL, "
    "state_hash BLOB NOT NULL) STRICT",
    "CREATE TABLE batch(id INTEGER PRIMARY KEY, t_last INTEGER NOT NULL, seq_last INTEGER NOT "
    "NULL, series_last INTEGER NOT NULL, sketch_last INTEGER NOT NULL, attach_last INTEGER NOT "
    "NULL, gap_last INTEGER NOT NULL, meta_last INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE TABLE seal(batch_id INTEGER PRIMARY KEY, sig BLOB NOT NULL) STRICT",
    "CREATE TABLE attach(n INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, name TEXT NOT NULL, "
    "data BLOB NOT NULL) STRICT",
    "CREATE TABLE gap(n INTEGER PRIMARY KEY, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL, why INTEGER "
    "NOT NULL, lost INTEGER NOT NULL) STRICT",
};

inline constexpr std::int64_t kSketchBase = 0x8000;
inline constexpr std::int64_t kMostSeries = 0x7FFF;

/// Level 0 = 1 s. Seconds before t = 0 have keys too, in order.
constexpr std::int64_t key(std::int64_t level, std::int64_t second, std::int64_t series)
{
    return (level << 56) | ((second + (std::int64_t{1} << 31)) << 16) | series;
}
constexpr std::int64_t secondOf(std::int64_t key)
{
    return ((key >> 16) & 0xFF'FFFF'FFFF) - (std::int64_t{1} << 31);
}

enum class GapReason : std::int64_t {
    NoMemory = 1, ///< events or attachments were lost
    Thinned = 2   ///< metrics were left out in favour of events
};

} // namespace engine::schema
