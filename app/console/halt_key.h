#pragma once
// The emergency key that needs no event loop: on an X server a connection and a thread of its own
// take Ctrl+Shift+X, also while the GUI thread is stuck.
//
// Elsewhere (Wayland, offscreen) works() is false and the key goes through the window like any
// other; what then works with a stuck window is `drillctl halt`.

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

struct xcb_connection_t;

namespace console {

class HaltKey
{
public:
    /// `pressed` is called on the thread of this object; `window` is the X11 id of the program's
    /// top window.
    HaltKey(std::uint32_t window, std::function<void()> pressed);
    ~HaltKey();
    HaltKey(const HaltKey &) = delete;
    HaltKey &operator=(const HaltKey &) = delete;

    [[nodiscard]] bool works() const { return m_problem.empty(); }
    /// Why not, or "".
    [[nodiscard]] const std::string &problem() const { return m_problem; }

private:
    void grab(std::uint32_t window);
    void listen(std::stop_token stop);

    xcb_connection_t *m_connection = nullptr;
    std::function<void()> m_pressed;
    std::string m_problem;
    std::jthread m_thread; ///< last: ends before what it uses
};

} // namespace console
