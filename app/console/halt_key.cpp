#include "app/console/halt_key.h"

#include <cstdlib>
#include <memory>
#include <poll.h>
#include <vector>
#include <xcb/xcb.h>

namespace console {

namespace {

constexpr std::uint32_t kLetter = 0x78; ///< keysym of x
constexpr int kPollMillis = 200;        ///< how soon the thread sees that it shall end

struct Free
{
    void operator()(void *memory) const { std::free(memory); }
};
template <class T>
using Reply = std::unique_ptr<T, Free>;

/// Every key of the layout that carries the letter in any group.
std::vector<xcb_keycode_t> keysOf(xcb_connection_t *connection, std::uint32_t keysym)
{
    const auto *setup = xcb_get_setup(connection);
    const auto count = static_cast<std::uint8_t>(setup->max_keycode - setup->min_keycode + 1);
    const Reply<xcb_get_keyboard_mapping_reply_t> mapping(xcb_get_keyboard_mapping_reply(
        connection, xcb_get_keyboard_mapping(connection, setup->min_keycode, count), nullptr));
    std::vector<xcb_keycode_t> keys;
    if (!mapping)
        return keys;
    const auto *keysyms = xcb_get_keyboard_mapping_keysyms(mapping.get());
    const int perKey = mapping->keysyms_per_keycode;
    for (int key = 0; key < count; ++key) {
        for (int i = 0; i < perKey; ++i) {
            if (keysyms[key * perKey + i] == keysym) {
                keys.push_back(static_cast<xcb_keycode_t>(setup->min_keycode + key));
                break;
            }
        }
    }
    return keys;
}

} // namespace

HaltKey::HaltKey(std::uint32_t window, std::function<void()> pressed)
    : m_pressed(std::move(pressed))
{
    m_connection = xcb_connect(nullptr, nullptr);
    if (xcb_connection_has_error(m_connection)) {
        m_problem = "there is no X server";
        return;
    }
    grab(window);
    if (works())
        m_thread = std::jthread([this](std::stop_token stop) { listen(std::move(stop)); });
}

HaltKey::~HaltKey()
{
    m_thread = {};
    xcb_disconnect(m_connection);
}

void HaltKey::grab(std::uint32_t window)
{
    const auto keys = keysOf(m_connection, kLetter);
    if (keys.empty()) {
        m_problem = "the keyboard has no X";
        return;
    }
    // Caps Lock and Num Lock count as modifiers to the X server, but not to an operator in a hurry.
    // Asynchronous on purpose: a stopped console must never hold the keyboard of the whole screen.
    constexpr unsigned kHold = XCB_MOD_MASK_CONTROL | XCB_MOD_MASK_SHIFT;
    for (const unsigned locks : {0U, unsigned(XCB_MOD_MASK_LOCK), unsigned(XCB_MOD_MASK_2),
                                 unsigned(XCB_MOD_MASK_LOCK | XCB_MOD_MASK_2)}) {
        for (const auto key : keys) {
            const auto asked = xcb_grab_key_checked(m_connection, 1, window,
                                                    static_cast<std::uint16_t>(kHold | locks), key,
                                                    XCB_GRAB_MODE_ASYNC, XCB_GRAB_MODE_ASYNC);
            if (const Reply<xcb_generic_error_t> error{xcb_request_check(m_connection, asked)})
                m_problem = "another program holds Ctrl+Shift+X";
        }
    }
    xcb_flush(m_connection);
}

void HaltKey::listen(std::stop_token stop)
{
    pollfd wait{xcb_get_file_descriptor(m_connection), POLLIN, 0};
    while (!stop.stop_requested() && !xcb_connection_has_error(m_connection)) {
        (void)::poll(&wait, 1, kPollMillis);
        while (const Reply<xcb_generic_event_t> event{xcb_poll_for_event(m_connection)}) {
            if ((event->response_type & 0x7F) == XCB_KEY_PRESS)
                m_pressed();
        }
    }
}

} // namespace console
