#include "engine/event/training_view.h"

#include <algorithm>

namespace engine {
namespace {

bool isNumber(double value)
{
    return value - value == 0; // neither NaN nor infinite
}

} // namespace

bool TrainingCurve::lessIsBetter(std::string_view name)
{
    for (const std::string_view word : {"loss", "rmse", "mae", "wape", "pinball", "error", "ece"})
        if (name.find(word) != std::string_view::npos)
            return true;
    return false;
}

void TrainingCurve::add(std::int64_t step, double value, bool lessIsBest)
{
    // The newest point stands in the list even when its number is not one of the stride: it gives
    // its place to the next one.
    if (seen > 0 && (seen - 1) % stride != 0) {
        steps.pop_back();
        values.pop_back();
    }
    steps.push_back(step);
    values.push_back(value);
    ++seen;
    lastStep = step;
    last = value;
    if (isNumber(value) && (!hasBest || (lessIsBest ? value < best : value > best))) {
        hasBest = true;
        best = value;
        bestStep = step;
    }
    if (steps.size() < kKept)
        return;
    std::size_t to = 0;
    for (std::size_t from = 0; from < steps.size(); from += 2, ++to) {
        steps[to] = steps[from];
        values[to] = values[from];
    }
    const bool newestIsKept = steps.size() % 2 == 1;
    steps.resize(to);
    values.resize(to);
    if (!newestIsKept) {
        steps.push_back(step);
        values.push_back(value);
    }
    stride *= 2;
}

void TrainingView::apply(const TrainingStarted &e)
{
    started = e;
    progress.worked = e.worked;
    fromWorked = e.worked;
}

void TrainingView::apply(const TrainingProgress &e)
{
    // A new stage begins anew, as its own part says.
    if (e.part < progress.part || progress.part < 0) {
        fromPart = std::max(0.0, e.part);
        fromWorked = e.worked;
    }
    progress = e;
}

void TrainingView::apply(const TrainingMetric &e)
{
    const auto known = curves.find(e.name);
    if (known == curves.end() && curves.size() >= kCurves)
        return;
    auto &curve = known == curves.end() ? curves[e.name] : known->second;
    curve.add(e.step, e.value, TrainingCurve::lessIsBetter(e.name));
}

void TrainingView::apply(const TrainingNoted &e)
{
    ++notesSeen;
    if (notes.size() < kNotes)
        notes.push_back(e.text);
}

void TrainingView::apply(const TrainingSaved &e)
{
    ++saves;
    saved = e;
}

void TrainingView::apply(const TrainingChanged &e)
{
    if (isOver())
        return;
    state = e.state;
    if (isOver())
        ended = e;
}

std::optional<double> TrainingView::rate() const
{
    const double seconds = progress.worked - fromWorked;
    if (progress.part < 0 || seconds < 0.5 || progress.part <= fromPart)
        return std::nullopt;
    return (progress.part - fromPart) / seconds;
}

std::optional<double> TrainingView::left() const
{
    const auto perSecond = rate();
    if (!perSecond)
        return std::nullopt;
    return std::max(0.0, 1 - progress.part) / *perSecond;
}

} // namespace engine
