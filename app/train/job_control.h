#pragma once
// What the outside may ask of a job that runs: SIGTERM or the word "stop" ends it in order, "pause"
// and "resume" on standard input hold it. One per process, made in main before other threads start.

#include "engine/base/clock.h"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace app {

class JobControl
{
public:
    explicit JobControl(const engine::Clock &clock);
    ~JobControl();
    JobControl(const JobControl &) = delete;
    JobControl &operator=(const JobControl &) = delete;

    [[nodiscard]] std::stop_token stop() const { return m_stop.get_token(); }
    /// Blocks while a pause is on; gives at once when there is none.
    void waitWhilePaused();
    [[nodiscard]] bool isPaused() const;
    /// All pauses together so far.
    [[nodiscard]] engine::Micros paused() const;

private:
    void listen();
    void word(std::string_view text);

    const engine::Clock &m_clock;
    std::stop_source m_stop;
    int m_signals = -1, m_end = -1;
    mutable std::mutex m_mutex; ///< protects m_isPaused, m_since, m_paused
    std::condition_variable m_changed;
    bool m_isPaused = false;
    engine::MonoTime m_since{0};
    engine::Micros m_paused{0};
    std::jthread m_thread;
};

} // namespace app
