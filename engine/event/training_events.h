#pragma once
// What happens in a training, as values: the kinds of event of a training's recording. Times (`at`)
// are CLOCK_MONOTONIC microseconds of the process that trains; `worked` is in seconds, pauses left
// out, with what was worked before an interruption.

#include "engine/base/bytes.h"

#include <string>

namespace engine {

/// First event of a training's file; t = 0 is its start.
struct TrainingStarted
{
    std::string name, command; ///< of the package's folder; train or finetune
    std::string family, recipe, data, out, device, build;
    std::string order;   ///< what was asked, as JSON: enough to go on from its checkpoint
    std::string lineage; ///< digest of the package that is trained further, or ""
    std::uint64_t seed = 0;
    std::uint32_t threads = 0;
    std::int32_t pid = 0;
    double worked = 0;      ///< before this part; above 0 = resumed from a checkpoint
    std::int64_t wall = 0;  ///< microseconds since 1970 at t = 0
    std::int64_t start = 0; ///< CLOCK_MONOTONIC of t = 0
    template <class A>
    void fields(A &a)
    {
        a(name);
        a(command);
        a(family);
        a(recipe);
        a(data);
        a(out);
        a(device);
        a(build);
        a(order);
        a(lineage);
        a(seed);
        a(threads);
        a(pid);
        a(worked);
        a(wall);
        a(start);
    }
};

struct TrainingProgress
{
    std::string what;
    double part = -1; ///< of the whole work, 0..1; below 0 = unknown
    double worked = 0;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(what);
        a(part);
        a(worked);
        a(at);
    }
};

/// One point of a curve. `earlier`: copied from the recording of the part before an interruption.
struct TrainingMetric
{
    std::string name;
    std::int64_t step = 0;
    double value = 0; ///< NaN = not a number, as the training said it
    bool earlier = false;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(name);
        a(step);
        a(value);
        a(earlier);
        a(at);
    }
};

struct TrainingNoted
{
    std::string text;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(text);
        a(at);
    }
};

/// A checkpoint is on the disk: from here the training can go on.
struct TrainingSaved
{
    std::string file;
    double worked = 0;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(file);
        a(worked);
        a(at);
    }
};

enum class TrainingState : std::uint32_t { Running, Paused, Stopped, Finished, Failed };

/// Paused, running again, or over. Finished names the package that was written.
struct TrainingChanged
{
    TrainingState state = TrainingState::Running;
    std::string detail, digest, version;
    std::map<std::string, double> metrics;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(state);
        a(detail);
        a(digest);
        a(version);
        a(metrics);
        a(at);
    }
};

[[nodiscard]] std::string_view name(TrainingState state);

} // namespace engine
