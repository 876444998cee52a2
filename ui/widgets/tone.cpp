#include "ui/widgets/tone.h"

#include <QCoreApplication>

namespace ui {

namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(StateWords)
};

QString tr(const char *text)
{
    return Words::tr(text);
}
QString icon(const char *name)
{
    return QString::fromLatin1(name);
}

} // namespace

QColor toneColour(Tone tone)
{
    const auto &t = tokens();
    switch (tone) {
    case Tone::Plain:
        return t.text;
    case Tone::Muted:
        return t.textMuted;
    case Tone::Ok:
        return t.ok;
    case Tone::Warning:
        return t.warning;
    case Tone::Danger:
        return t.danger;
    case Tone::Accent:
        return t.accent;
    }
    return t.text;
}

StateWord processWord(engine::ProcessState state)
{
    using engine::ProcessState;
    switch (state) {
    case ProcessState::Starting:
        return {tr("starting"), icon("pending"), Tone::Warning};
    case ProcessState::Serving:
        return {tr("serving"), icon("check"), Tone::Ok};
    case ProcessState::Degraded:
        return {tr("degraded"), icon("warning"), Tone::Warning};
    case ProcessState::Frozen:
        return {tr("frozen"), icon("pause"), Tone::Danger};
    case ProcessState::Down:
        return {tr("down"), icon("cross"), Tone::Danger};
    case ProcessState::Restarting:
        return {tr("restarting"), icon("retrain"), Tone::Warning};
    case ProcessState::Stopped:
        return {tr("stopped"), icon("pause"), Tone::Muted};
    }
    return {tr("unknown"), icon("pending"), Tone::Muted};
}

StateWord processWord(const std::string &state)
{
    using engine::ProcessState;
    for (const auto known : {ProcessState::Starting, ProcessState::Serving, ProcessState::Degraded,
                             ProcessState::Frozen, ProcessState::Down, ProcessState::Restarting,
                             ProcessState::Stopped})
        if (engine::name(known) == state)
            return processWord(known);
    return {QString::fromStdString(state), icon("pending"), Tone::Muted};
}

StateWord verdictWord(engine::Word word)
{
    using engine::Word;
    switch (word) {
    case Word::Pass:
        return {tr("pass"), icon("check"), Tone::Ok};
    case Word::Fail:
        return {tr("fail"), icon("cross"), Tone::Danger};
    case Word::Inconclusive:
        return {tr("inconclusive"), icon("warning"), Tone::Warning};
    case Word::Aborted:
        return {tr("aborted"), icon("halt"), Tone::Muted};
    case Word::Errored:
        return {tr("errored"), icon("warning"), Tone::Danger};
    case Word::Running:
        return {tr("running"), icon("retrain"), Tone::Accent};
    }
    return {};
}

} // namespace ui
