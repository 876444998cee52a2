#pragma once
// HALT ALL that needs no event loop: on an X server a connection and a thread of its own hear
// Ctrl+Shift+X and a press on the button HALT ALL, also while the GUI thread is stuck.
//
// Elsewhere (Wayland, offscreen) works() is false and key and button go through the window like any
// other; what then works with a stuck window is `drillctl halt`.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

struct xcb_connection_t;

namespace console {

class HaltWatch
{
public:
    /// `asked` is called on the thread of this object; `window` is the X11 id of the program's
    /// top window.
    HaltWatch(std::uint32_t window, std::function<void()> asked);
    ~HaltWatch();
    HaltWatch(const HaltWatch &) = delete;
    HaltWatch &operator=(const HaltWatch &) = delete;

    /// Where the button lies: pixels of the screen from the top left corner of the window's inside.
    /// Any thread; all zero: nowhere.
    void setButton(int x, int y, int width, int height);

    [[nodiscard]] bool works() const { return m_problem.empty(); }
    /// Why not, or "".
    [[nodiscard]] const std::string &problem() const { return m_problem; }

private:
    void grabKey();
    void selectPresses();
    void listen(std::stop_token stop);
    [[nodiscard]] bool isOverButton() const;

    xcb_connection_t *m_connection = nullptr;
    std::uint32_t m_window = 0;
    std::uint8_t m_inputOpcode = 0; ///< of XInput; 0: not there
    /// x, y, width, height in 16 bits each, so that one load is one place.
    std::atomic<std::uint64_t> m_button{0};
    std::function<void()> m_asked;
    std::string m_problem;
    std::jthread m_thread; ///< last: ends before what it uses
};

} // namespace console
