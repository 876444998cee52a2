#include "ui/session/training_facts.h"

#include "ui/session/words.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(Training)
};

constexpr std::size_t kMostCurves = 4;
/// In the order in which a person would look for one.
constexpr const char *kMain[] = {"ndcg@10", "ndcg", "auc", "logloss", "wape", "mape", "pinball"};

bool has(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

template <class Wanted>
std::vector<std::string> curvesThat(const engine::TrainingView &view, Wanted wanted)
{
    std::vector<std::string> names;
    for (const auto &[name, curve] : view.curves)
        if (wanted(name))
            names.push_back(name);
    // More points first: a single figure of the end is no curve. Then what models are chosen by.
    const auto rank = [](const std::string &name) {
        const auto *end = std::end(kMain);
        return std::find_if(std::begin(kMain), end,
                            [&](const char *word) { return has(name, word); })
               - std::begin(kMain);
    };
    std::stable_sort(names.begin(), names.end(), [&](const auto &a, const auto &b) {
        const auto seenA = view.curves.at(a).seen, seenB = view.curves.at(b).seen;
        return seenA != seenB ? seenA > seenB : rank(a) < rank(b);
    });
    names.resize(std::min(names.size(), kMostCurves));
    return names;
}

} // namespace

const engine::TrainingView *trainingOf(const engine::TrainingSummary &summary)
{
    return summary.state && summary.state->training ? &*summary.state->training : nullptr;
}

StateWord trainingWord(const engine::TrainingSummary &summary)
{
    const auto *view = trainingOf(summary);
    if (!view)
        return {Words::tr("unreadable"), QStringLiteral("warning"), Tone::Warning};
    switch (view->state) {
    case engine::TrainingState::Finished:
        return {Words::tr("finished"), QStringLiteral("check"), Tone::Ok};
    case engine::TrainingState::Stopped:
        return {Words::tr("stopped"), QStringLiteral("halt"), Tone::Muted};
    case engine::TrainingState::Failed:
        return {Words::tr("failed"), QStringLiteral("cross"), Tone::Danger};
    case engine::TrainingState::Running:
    case engine::TrainingState::Paused:
        break;
    }
    if (!summary.isAlive)
        return {Words::tr("interrupted"), QStringLiteral("warning"), Tone::Warning};
    if (view->state == engine::TrainingState::Paused)
        return {Words::tr("paused"), QStringLiteral("pause"), Tone::Muted};
    return {Words::tr("running"), QStringLiteral("retrain"), Tone::Accent};
}

QString spanText(double seconds)
{
    const auto whole = static_cast<long long>(std::llround(std::clamp(seconds, 0.0, 1e9)));
    if (whole < 60)
        return Words::tr("%1 s").arg(whole);
    if (whole < 3600)
        return Words::tr("%1 min %2 s").arg(whole / 60).arg(whole % 60, 2, 10, QLatin1Char('0'));
    return Words::tr("%1 h %2 min").arg(whole / 3600).arg(whole / 60 % 60, 2, 10, QLatin1Char('0'));
}

QString progressText(const engine::TrainingView &view)
{
    QStringList parts;
    if (view.progress.part >= 0)
        parts << Words::tr("%1 %").arg(numberText(100 * view.progress.part, 0));
    if (!view.isOver()) {
        if (const auto rate = view.rate())
            parts << Words::tr("%1 %/s").arg(numberText(100 * *rate, 100 * *rate < 1 ? 3 : 1));
        if (const auto left = view.left())
            parts << Words::tr("%1 left").arg(spanText(*left));
    }
    return parts.join(QStringLiteral(" · "));
}

QString aboutText(const engine::TrainingView &view)
{
    const auto &started = view.started;
    QStringList parts{qs(started.family)};
    if (!started.recipe.empty())
        parts << Words::tr("recipe %1").arg(qs(started.recipe));
    if (started.command == "finetune")
        parts << Words::tr("trained further");
    parts << Words::tr("seed %1").arg(started.seed);
    return parts.join(QStringLiteral(", "));
}

std::optional<MainFigure> mainFigure(const std::map<std::string, double> &metrics)
{
    for (const auto *word : kMain)
        for (const auto &[name, value] : metrics)
            if (has(name, word))
                return MainFigure{qs(name), value};
    if (metrics.empty())
        return std::nullopt;
    return MainFigure{qs(metrics.begin()->first), metrics.begin()->second};
}

std::optional<MainFigure> mainFigure(const engine::TrainingView &view)
{
    if (view.state == engine::TrainingState::Finished)
        return mainFigure(view.ended.metrics);
    std::map<std::string, double> best;
    for (const auto &name : validationCurves(view))
        if (view.curves.at(name).hasBest)
            best[name] = view.curves.at(name).best;
    return mainFigure(best);
}

std::map<std::int64_t, double> pointsOf(const engine::TrainingCurve &curve)
{
    std::map<std::int64_t, double> points;
    for (std::size_t i = 0; i < curve.steps.size(); ++i)
        points[curve.steps[i]] = curve.values[i];
    return points;
}

std::vector<std::string> lossCurves(const engine::TrainingView &view)
{
    return curvesThat(view, [](const std::string &name) { return has(name, "loss"); });
}

std::vector<std::string> validationCurves(const engine::TrainingView &view)
{
    return curvesThat(view, [](const std::string &name) {
        return has(name, "validation") && !has(name, "loss");
    });
}

} // namespace ui
