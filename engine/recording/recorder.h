#pragma once
// Records a run (or the time between runs): takes news from any thread, writes them from its own.

#include "engine/base/clock.h"
#include "engine/base/digest.h"
#include "engine/event/run_sink.h"

#include <atomic>
#include <filesystem>
#include <memory>

namespace engine {

struct RecorderOptions
{
    std::filesystem::path path;
    /// Sealed with this key at close and every 60 s; null = unsealed. Outlives the recorder.
    const SigningKey *key = nullptr;
    /// Facts known at start, for lists: "title", "build", "host" ...
    std::vector<std::pair<std::string, std::string>> meta;
    /// Without a run: t = 0 is the start of the file, no RunStarted is waited for.
    bool idle = false;
    /// Bytes that may wait for the disk before anything is left out; half of them for metrics.
    std::size_t memory = 64u << 20;
};

/// What the recorder says of itself. While `problem` lasts, recording goes on in memory.
struct RecorderStatus
{
    std::string problem;    ///< "" or one sentence: what is wrong and what to do
    std::int64_t since = 0; ///< CLOCK_MONOTONIC us when it began; 0 = no problem
    /// In memory, not on the disk. Metrics are thinned when half of the memory is taken, events are
    /// lost when all of it is.
    std::uint64_t heldBytes = 0, heldEvents = 0;
    std::uint64_t committedSeq = 0; ///< events up to here are on the disk
    std::uint64_t lost = 0;         ///< events and attachments that found no memory
    std::uint64_t thinned = 0;      ///< rows and windows left out so that events find memory
    std::uint64_t lateWindows = 0;
    std::int64_t lastRow = INT64_MIN; ///< us since t = 0
    bool closed = false;
};

/// The only writer of its file. append and attach may be called from every thread and only enqueue.
/// Events get their time when they arrive here: microseconds since the start that RunStarted or
/// TrainingStarted names, never decreasing. What arrives before RunStarted is kept and written
/// behind it, with negative times where it was earlier. Errors of the disk show in status() and
/// never throw; a commit is tried again each second.
class Recorder final : public RunSink
{
public:
    /// Makes the file. `clock` outlives the recorder.
    [[nodiscard]] static Result<std::unique_ptr<Recorder>> start(RecorderOptions options,
                                                                 const Clock &clock);
    /// Closes if close() was not called.
    ~Recorder() override;

    void append(Payload payload) override;
    void append(Window window) override;
    void attach(std::string name, Bytes data) override;

    /// Waits until all that was appended before this call is on the disk (or the disk refused).
    [[nodiscard]] Result<> flush();
    /// Waits for the rows that end before now (at most 300 ms), seals, leaves one single file.
    [[nodiscard]] Result<> close();
    /// Never waits for the disk: a disk that hangs shows here after half a second.
    [[nodiscard]] RecorderStatus status() const;
    [[nodiscard]] const std::filesystem::path &path() const;

private:
    struct Impl;
    explicit Recorder(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

/// "FOLDER/2026-11-22T140307-NAME.drl", with a number behind it when that is taken.
[[nodiscard]] std::filesystem::path newRecordingPath(const std::filesystem::path &folder,
                                                     std::string_view name,
                                                     std::int64_t wallMicros);

} // namespace engine
