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
};

struct RecorderStatus
{
    std::string problem; ///< "" or one sentence; recording goes on in memory while it lasts
    std::uint64_t committedSeq = 0; ///< events up to here are on the disk
    std::uint64_t lost = 0;         ///< items dropped because disk and memory were full
    std::uint64_t lateWindows = 0;
    std::int64_t lastRow = INT64_MIN; ///< us since t = 0
    bool closed = false;
};

/// The only writer of its file. append and attach may be called from every thread and only enqueue.
/// Events get their time when they arrive here: microseconds since RunStarted.start, never
/// decreasing. What arrives before RunStarted is kept and written behind it, with negative times
/// where it was earlier. Errors of the disk show in status() and never throw; a commit is tried
/// again each second.
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
