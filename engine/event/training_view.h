#pragma once
// The training part of a run's state: the fold of a training's events. A value; pure as RunState.

#include "engine/event/training_events.h"

namespace engine {

/// A curve of any length in bounded memory: from 1,024 points on every second one is dropped and
/// only every second one that comes is kept; the newest is always there.
struct TrainingCurve
{
    static constexpr std::size_t kKept = 1024;
    std::vector<std::int64_t> steps; ///< of the points kept, in order of arrival
    std::vector<double> values;      ///< NaN = a gap
    std::uint64_t seen = 0, stride = 1;
    std::int64_t lastStep = 0, bestStep = 0;
    double last = 0, best = 0; ///< best: of the finite ones; meaningless while hasBest is false
    bool hasBest = false;

    /// Less is better for a loss or an error, more for everything else.
    [[nodiscard]] static bool lessIsBetter(std::string_view name);
    void add(std::int64_t step, double value, bool lessIsBest);
    template <class A>
    void fields(A &a)
    {
        a(steps);
        a(values);
        a(seen);
        a(stride);
        a(lastStep);
        a(bestStep);
        a(last);
        a(best);
        a(hasBest);
    }
};

struct TrainingView
{
    static constexpr std::size_t kCurves = 32, kNotes = 100;
    TrainingStarted started;
    TrainingState state = TrainingState::Running;
    TrainingProgress progress;                   ///< newest
    double fromPart = 0, fromWorked = 0;         ///< where the present stretch of progress began
    std::map<std::string, TrainingCurve> curves; ///< by name; the first ones when there are many
    std::vector<std::string> notes;
    std::uint64_t notesSeen = 0, saves = 0;
    TrainingSaved saved;   ///< newest checkpoint; means something when saves > 0
    TrainingChanged ended; ///< means something when isOver()

    void apply(const TrainingStarted &e);
    void apply(const TrainingProgress &e);
    void apply(const TrainingMetric &e);
    void apply(const TrainingNoted &e);
    void apply(const TrainingSaved &e);
    void apply(const TrainingChanged &e);

    [[nodiscard]] bool isOver() const { return state >= TrainingState::Stopped; }
    /// Of the whole work per second, over the present stretch; nothing in its first half second.
    [[nodiscard]] std::optional<double> rate() const;
    /// Seconds of work that are left at that rate.
    [[nodiscard]] std::optional<double> left() const;

    template <class A>
    void fields(A &a)
    {
        a(started);
        a(state);
        a(progress);
        a(fromPart);
        a(fromWorked);
        a(curves);
        a(notes);
        a(notesSeen);
        a(saves);
        a(saved);
        a(ended);
    }
};

} // namespace engine
