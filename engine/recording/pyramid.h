#pragma once
// The pyramid: windows of 1, 5, 30, 120 and 600 s derived from the rows, and merged sketches of 5 s
// and more, so that any zoom into a day reads a few hundred small chunks. Derived data: it is not
// in the hash chain, verify builds it again and compares.
//
// Only finished chunks are written, in the transaction of the row that finishes them. So a crash
// leaves none unfinished: a chunk is there exactly when a row at or after its end is, and what is
// younger is put together from the next finer level, raw rows (at most 120 s of them) in the end.

#include "engine/base/error.h"
#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"

#include <array>
#include <functional>
#include <memory>

namespace engine {

class RecordingReader;

namespace pyramid {

inline constexpr int kLevels = 5;
inline constexpr std::array<std::int64_t, kLevels> kSeconds = {1, 5, 30, 120, 600};
inline constexpr std::int64_t kBins = 120;      ///< windows per chunk
inline constexpr std::int64_t kSketchBins = 10; ///< sketches per chunk; level 0 has its own table

/// Microseconds of one window.
constexpr std::int64_t width(int level)
{
    return kSeconds[static_cast<std::size_t>(level)] * 1'000'000;
}
/// Floors below zero too.
constexpr std::int64_t floorDiv(std::int64_t value, std::int64_t unit)
{
    const auto quotient = value / unit;
    return value % unit < 0 ? quotient - 1 : quotient;
}

/// A row of the `chunk` table. Its series is a column of the ticks, or a sketch (>= kSketchBase).
struct Chunk
{
    std::int64_t key = 0;
    Bytes data;
};

/// Takes rows and the sketches of seconds, gives the chunks they finish. The same rows always give
/// the same bytes. One thread.
class Builder
{
public:
    Builder();
    ~Builder();
    Builder(Builder &&) noexcept;
    Builder &operator=(Builder &&) noexcept;

    /// The next column of the rows. Percentiles keep no mean (contracts 2.3).
    void addColumn(Fold fold);
    /// A row that ends at `t`; columns that it is too short for are gaps.
    void row(std::int64_t t, std::span<const float> values);
    /// The sketch of the second that the newest row lies in; `id` as in the series table.
    void sketch(std::int64_t id, const Sketch &sketch);
    /// Nothing that starts before `t` comes any more.
    void advance(std::int64_t t);
    /// What was finished since the last call, in order of level, then key.
    [[nodiscard]] std::vector<Chunk> take();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// Reads a chunk of windows in place; hostile bytes give no view.
class WindowView
{
public:
    [[nodiscard]] static std::optional<WindowView> of(std::span<const std::uint8_t> data);
    /// Windows [first, first + size) of the chunk's 120.
    [[nodiscard]] std::size_t first() const { return m_first; }
    [[nodiscard]] std::size_t size() const { return m_size; }
    [[nodiscard]] float min(std::size_t i) const { return number(0, i); }
    [[nodiscard]] float max(std::size_t i) const { return number(1, i); }
    [[nodiscard]] bool hasMean() const { return m_hasMean; }
    [[nodiscard]] float mean(std::size_t i) const { return number(2, i); }
    /// Rows in a window of this level.
    [[nodiscard]] std::uint32_t count(std::size_t i, int level) const;

private:
    [[nodiscard]] float number(std::size_t column, std::size_t i) const;
    std::span<const std::uint8_t> m_data; ///< behind the head
    std::size_t m_first = 0, m_size = 0;
    bool m_hasMean = false, m_hasCounts = false;
};

/// Calls `each` with the place (0 ... 9) and the encoded sketch; false: the bytes are damaged.
[[nodiscard]] bool
eachSketch(std::span<const std::uint8_t> data,
           const std::function<bool(std::size_t, std::span<const std::uint8_t>)> &each);

/// Rows with afterT < t <= toT, sketches with afterSketch < key <= toSketch.
struct Part
{
    std::int64_t afterT = INT64_MIN, toT = INT64_MAX;
    std::int64_t afterSketch = INT64_MIN, toSketch = INT64_MAX;
};

/// Derives the pyramid of a part of a file from its rows and sketches, in the writer's order, and
/// hands each finished chunk to `use`; its error ends it.
[[nodiscard]] Result<> derive(RecordingReader &reader, const Part &part,
                              const std::function<Result<>(const Chunk &)> &use);

} // namespace pyramid

/// Builds the pyramid again from rows and sketches and compares it with the file's, byte for byte.
/// Untrusted: it differs; anything else: the file could not be read. `chunks` counts what was
/// compared. Files older than the pyramid must have none.
[[nodiscard]] Result<> checkPyramid(RecordingReader &reader, std::uint64_t *chunks = nullptr);

} // namespace engine
