// The keys of Playback and their help, in one table so that neither can miss the other.

#include "ui/pages/playback_page.h"

namespace ui {

struct PlaybackPage::KeyAct
{
    std::vector<int> keys;
    bool shift = false;
    QString said, what; ///< said empty: named by the line before
    std::function<void(PlaybackPage &)> act;
};

const std::vector<PlaybackPage::KeyAct> &PlaybackPage::keyActs()
{
    using P = PlaybackPage;
    const auto move = [](double seconds) {
        return [seconds](P &p) { p.goTo(p.m_playhead.at() + seconds); };
    };
    const auto page = [](double share) {
        return [share](P &p) { p.goTo(p.m_playhead.at() + share * p.m_window.span); };
    };
    const auto zoom = [](double factor) {
        return
            [factor](P &p) { p.m_window.zoom(factor, p.m_playhead.at(), p.m_playhead.end() + 10); };
    };
    const auto key = [](const char *text) { return QString::fromUtf8(text); };
    static const std::vector<KeyAct> acts = {
        {{Qt::Key_Space, Qt::Key_K},
         false,
         tr("Space, K"),
         tr("Play or pause"),
         [](P &p) { p.setPlaying(!p.isPlaying()); }},
        {{Qt::Key_J},
         false,
         key("J, L"),
         tr("Slower, faster: 1/4 to 64 times"),
         [](P &p) { p.changeSpeed(-1); }},
        {{Qt::Key_L}, false, {}, {}, [](P &p) { p.changeSpeed(1); }},
        {{Qt::Key_Comma},
         false,
         key(", ."),
         tr("Previous, next event"),
         [](P &p) { p.stepEvent(-1); }},
        {{Qt::Key_Period}, false, {}, {}, [](P &p) { p.stepEvent(1); }},
        {{Qt::Key_Comma, Qt::Key_Less, Qt::Key_Semicolon},
         true,
         tr("Shift+, Shift+."),
         tr("Previous, next change of a fault"),
         [](P &p) { p.stepFault(-1); }},
        {{Qt::Key_Period, Qt::Key_Greater, Qt::Key_Colon},
         true,
         {},
         {},
         [](P &p) { p.stepFault(1); }},
        {{Qt::Key_Left}, false, key("\u2190 \u2192"), tr("One second back, on"), move(-1)},
        {{Qt::Key_Right}, false, {}, {}, move(1)},
        {{Qt::Key_Left}, true, tr("Shift+\u2190 \u2192"), tr("Ten seconds back, on"), move(-10)},
        {{Qt::Key_Right}, true, {}, {}, move(10)},
        {{Qt::Key_PageUp}, false, tr("Page up, Page down"), tr("One window back, on"), page(-1)},
        {{Qt::Key_PageDown}, false, {}, {}, page(1)},
        {{Qt::Key_Home},
         false,
         tr("Home, End"),
         tr("Inject (without one the start), end"),
         [](P &p) { p.goTo(p.m_facts.zero); }},
        {{Qt::Key_End}, false, {}, {}, [](P &p) { p.goTo(p.m_playhead.end()); }},
        {{Qt::Key_Home}, true, tr("Shift+Home"), tr("The very start"), [](P &p) { p.goTo(0); }},
        {{Qt::Key_B},
         false,
         key("B"),
         tr("Where the first rule broke"),
         [](P &p) { p.goToReason(); }},
        {{Qt::Key_BracketLeft},
         false,
         key("[ ]"),
         tr("Loop from here (A), to here (B)"),
         [](P &p) { p.setLoop(false); }},
        {{Qt::Key_BracketRight}, false, {}, {}, [](P &p) { p.setLoop(true); }},
        {{Qt::Key_Backslash},
         false,
         key("\\"),
         tr("No loop any more"),
         [](P &p) { p.clearLoop(); }},
        {{Qt::Key_A},
         false,
         key("A, D"),
         tr("Move the window left, right"),
         [](P &p) { p.m_window.pan(-0.2); }},
        {{Qt::Key_D}, false, {}, {}, [](P &p) { p.m_window.pan(0.2); }},
        {{Qt::Key_W}, false, key("W, S"), tr("Zoom in, out"), zoom(0.8)},
        {{Qt::Key_S}, false, {}, {}, zoom(1.25)},
        {{Qt::Key_F},
         false,
         key("F"),
         tr("Centre the window on the playhead"),
         [](P &p) { p.m_window.follow(p.m_playhead.at(), 0.5); }},
        {{Qt::Key_0},
         false,
         key("0"),
         tr("The whole recording"),
         [](P &p) {
             p.m_window.from = 0;
             p.m_window.span = std::max(TimeWindow::kShortest, p.m_playhead.end());
         }},
    };
    return acts;
}

bool PlaybackPage::handleKey(int key, Qt::KeyboardModifiers modifiers)
{
    if (!m_timeline || !m_placed || (modifiers & (Qt::ControlModifier | Qt::AltModifier)))
        return false;
    const bool shift = modifiers & Qt::ShiftModifier;
    for (const auto &act : keyActs()) {
        if (act.shift != shift
            || std::find(act.keys.begin(), act.keys.end(), key) == act.keys.end())
            continue;
        act.act(*this);
        keepMoving();
        return true;
    }
    return false;
}

std::vector<KeyHelp> PlaybackPage::keys() const
{
    std::vector<KeyHelp> help;
    for (const auto &act : keyActs())
        if (!act.said.isEmpty())
            help.push_back({act.said, act.what});
    help.push_back({tr("Click, drag"), tr("On a chart, a lane or the whole recording: move the "
                                          "playhead")});
    help.push_back({tr("Shift+drag"), tr("On the whole recording: move the window")});
    help.push_back({tr("Wheel"), tr("Zoom around the pointer")});
    help.push_back({tr("F8"), tr("Charts as a table")});
    return help;
}

} // namespace ui
