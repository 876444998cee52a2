#pragma once
// Records while no run is on, so that Live always has a file to read: rolled every 10 min, two
// kept.

#include "engine/recording/recorder.h"

#include <functional>
#include <thread>

namespace engine {

struct IdleOptions
{
    std::filesystem::path folder;
    Micros roll{600'000'000};
    std::size_t kept = 2; ///< files, the one being written included
};

/// Files are named idle-TIME.drl and are never sealed. Threads as Recorder. Older idle files in the
/// folder are deleted, nothing else is.
class IdleRecorder final : public RunSink
{
public:
    /// `clock` outlives it.
    [[nodiscard]] static Result<std::unique_ptr<IdleRecorder>> start(IdleOptions options,
                                                                     const Clock &clock);
    ~IdleRecorder() override;

    void append(Payload payload) override;
    void append(Window window) override;
    void attach(std::string name, Bytes data) override;

    /// The file being written now: what Live shows while no run is on.
    [[nodiscard]] std::filesystem::path path() const;
    [[nodiscard]] RecorderStatus status() const;
    /// "Keep": ends the current file, moves it to `to`, goes on in a new one. Blocks for up to 3 s.
    [[nodiscard]] Result<> keep(const std::filesystem::path &to);

private:
    struct Impl;
    explicit IdleRecorder(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace engine
