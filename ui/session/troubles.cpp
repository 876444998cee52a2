#include "ui/session/troubles.h"

#include "ui/session/words.h"

#include <QCoreApplication>
#include <QDateTime>

namespace ui {

namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(Troubles)
};

QString tr(const char *text)
{
    return Words::tr(text);
}

QString clockOf(std::int64_t wallMicros)
{
    return wallMicros > 0 ? QDateTime::fromMSecsSinceEpoch(wallMicros / 1000)
                                .toString(QStringLiteral("HH:mm:ss"))
                          : QString();
}

Banner recorderBanner(const engine::RecorderHealth &recorder)
{
    QString kept = recorder.lost > 0
                       ? tr("%1 events found no room and are lost.").arg(recorder.lost)
                       : tr("Nothing of the events is lost: %1 MB wait in memory.")
                             .arg(numberText(static_cast<double>(recorder.heldBytes) / 1e6, 1));
    if (recorder.thinned > 0)
        kept += tr(" Measurements are thinned (%1 left out).").arg(recorder.thinned);
    return {
        QStringLiteral("recorder"),
        Tone::Danger,
        qs(recorder.problem),
        clockOf(recorder.since),
        tr("%1 Until it writes again, this page stands still and the run is not evidence; HALT ALL "
           "works as ever.")
            .arg(kept),
        {}};
}

} // namespace

std::vector<Banner> troubles(const engine::RunProgress &progress,
                             const engine::TimelineSnapshot *live, bool halted)
{
    std::vector<Banner> found;
    if (halted)
        found.push_back({QStringLiteral("halt"),
                         Tone::Danger,
                         tr("Halted: every fault is undone and nothing new starts until you "
                            "release it."),
                         {},
                         {},
                         tr("Release")});
    if (live && !live->state->ended) {
        const auto link = live->state->links.find("agent");
        if (link != live->state->links.end() && !link->second.up)
            found.push_back(
                {QStringLiteral("agent"),
                 Tone::Danger,
                 tr("The agent is gone: %1").arg(qs(link->second.detail)),
                 clockOf(live->state->run.wall
                             ? live->state->run.wall + link->second.at - live->state->run.start
                             : 0),
                 tr("Its shop ended with it and its faults are undone by the next start. Start the "
                    "shop or a drill from Home: a new agent repairs from the ledger first."),
                 {}});
    }
    if (!progress.recorder.problem.empty())
        found.push_back(recorderBanner(progress.recorder));
    if (live && !live->problem.empty() && progress.recorder.problem.empty())
        found.push_back({QStringLiteral("reader"),
                         Tone::Warning,
                         tr("What is shown may be old: %1").arg(qs(live->problem)),
                         {},
                         tr("The recording goes on; only this view of it stands still."),
                         {}});
    return found;
}

} // namespace ui
