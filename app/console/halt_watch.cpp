#include "app/console/halt_watch.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <poll.h>
#include <vector>
#include <xcb/xcb.h>
#include <xcb/xinput.h>

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

HaltWatch::HaltWatch(std::uint32_t window, std::function<void()> asked)
    : m_window(window), m_asked(std::move(asked))
{
    m_connection = xcb_connect(nullptr, nullptr);
    if (xcb_connection_has_error(m_connection)) {
        m_problem = "there is no X server";
        return;
    }
    grabKey();
    selectPresses();
    if (works())
        m_thread = std::jthread([this](std::stop_token stop) { listen(std::move(stop)); });
}

HaltWatch::~HaltWatch()
{
    m_thread = {};
    xcb_disconnect(m_connection);
}

void HaltWatch::grabKey()
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
            const auto asked = xcb_grab_key_checked(m_connection, 1, m_window,
                                                    static_cast<std::uint16_t>(kHold | locks), key,
                                                    XCB_GRAB_MODE_ASYNC, XCB_GRAB_MODE_ASYNC);
            if (const Reply<xcb_generic_error_t> error{xcb_request_check(m_connection, asked)})
                m_problem = "another program holds Ctrl+Shift+X";
        }
    }
    xcb_flush(m_connection);
}

/// Raw presses are told to whoever asks and taken from nobody, so the window gets its click as
/// well. Without XInput 2.1 only the key works beside the window.
void HaltWatch::selectPresses()
{
    const auto *extension = xcb_get_extension_data(m_connection, &xcb_input_id);
    if (!extension || !extension->present)
        return;
    const Reply<xcb_input_xi_query_version_reply_t> version(xcb_input_xi_query_version_reply(
        m_connection, xcb_input_xi_query_version(m_connection, 2, 2), nullptr));
    if (!version || version->major_version < 2)
        return;
    struct
    {
        xcb_input_event_mask_t head;
        std::uint32_t mask;
    } wanted{{XCB_INPUT_DEVICE_ALL_MASTER, 1}, XCB_INPUT_XI_EVENT_MASK_RAW_BUTTON_PRESS};
    const auto root = xcb_setup_roots_iterator(xcb_get_setup(m_connection)).data->root;
    const auto asked = xcb_input_xi_select_events_checked(m_connection, root, 1, &wanted.head);
    if (const Reply<xcb_generic_error_t> error{xcb_request_check(m_connection, asked)})
        return;
    m_inputOpcode = extension->major_opcode;
}

void HaltWatch::setButton(int x, int y, int width, int height)
{
    const auto part = [](int value) {
        return static_cast<std::uint64_t>(std::clamp(value, 0, 0xFFFF));
    };
    m_button = part(x) << 48 | part(y) << 32 | part(width) << 16 | part(height);
}

/// Whether the pointer is on the button and nothing lies over the window there.
bool HaltWatch::isOverButton() const
{
    const auto packed = m_button.load();
    const int left = static_cast<int>(packed >> 48), top = static_cast<int>(packed >> 32 & 0xFFFF);
    const int width = static_cast<int>(packed >> 16 & 0xFFFF);
    const int height = static_cast<int>(packed & 0xFFFF);
    auto at = xcb_setup_roots_iterator(xcb_get_setup(m_connection)).data->root;
    constexpr int kDeepest = 32; // a window manager puts one or two frames around a window
    for (int depth = 0; depth < kDeepest && at != XCB_NONE; ++depth) {
        const Reply<xcb_query_pointer_reply_t> pointer(
            xcb_query_pointer_reply(m_connection, xcb_query_pointer(m_connection, at), nullptr));
        if (!pointer)
            return false;
        if (at == m_window)
            return pointer->win_x >= left && pointer->win_x < left + width && pointer->win_y >= top
                   && pointer->win_y < top + height;
        at = pointer->child;
    }
    return false;
}

void HaltWatch::listen(std::stop_token stop)
{
    pollfd wait{xcb_get_file_descriptor(m_connection), POLLIN, 0};
    while (!stop.stop_requested() && !xcb_connection_has_error(m_connection)) {
        (void)::poll(&wait, 1, kPollMillis);
        while (const Reply<xcb_generic_event_t> event{xcb_poll_for_event(m_connection)}) {
            const auto type = event->response_type & 0x7F;
            if (type == XCB_KEY_PRESS) {
                m_asked();
                continue;
            }
            const auto *generic = reinterpret_cast<const xcb_ge_generic_event_t *>(event.get());
            if (type != XCB_GE_GENERIC || m_inputOpcode == 0 || generic->extension != m_inputOpcode
                || generic->event_type != XCB_INPUT_RAW_BUTTON_PRESS)
                continue;
            const auto *press =
                reinterpret_cast<const xcb_input_raw_button_press_event_t *>(event.get());
            if (press->detail == 1 && isOverButton())
                m_asked();
        }
    }
}

} // namespace console
