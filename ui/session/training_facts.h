#pragma once
// What a training says to people: its state in a word, how far and how fast it is, its curves as
// two charts. Pure functions of the fold and of what the desk knows of the process.

#include "engine/cluster/trainings.h"
#include "ui/widgets/tone.h"

#include <QStringList>

namespace ui {

/// Without a recording that can be read: null.
[[nodiscard]] const engine::TrainingView *trainingOf(const engine::TrainingSummary &summary);

/// "running", "paused", "interrupted" (its process is gone, and it never said that it ended) ...
[[nodiscard]] StateWord trainingWord(const engine::TrainingSummary &summary);
/// "42 % · 3.1 %/s · 0:20 left"; empty parts are left out.
[[nodiscard]] QString progressText(const engine::TrainingView &view);
/// "14 min", "2 h 10", "8 s".
[[nodiscard]] QString spanText(double seconds);
/// "sequence, recipe beauty, seed 1"
[[nodiscard]] QString aboutText(const engine::TrainingView &view);

/// The figure that a model of this family is chosen by: of the package when it is written, else the
/// best of the validation curve.
struct MainFigure
{
    QString name;
    double value = 0;
};
[[nodiscard]] std::optional<MainFigure> mainFigure(const engine::TrainingView &view);
[[nodiscard]] std::optional<MainFigure> mainFigure(const std::map<std::string, double> &metrics);

/// A curve by its steps; of a step that was trained again the newest value counts.
[[nodiscard]] std::map<std::int64_t, double> pointsOf(const engine::TrainingCurve &curve);

/// Names of the curves of the two charts, at most four each, the best known first.
[[nodiscard]] std::vector<std::string> lossCurves(const engine::TrainingView &view);
[[nodiscard]] std::vector<std::string> validationCurves(const engine::TrainingView &view);

} // namespace ui
