#pragma once
// What a training says while it works and what it may be asked: progress, metrics, time and stop,
// checkpoints. Passed in by whoever runs it (drillroom-train, a test). Called from the training's
// own thread only, except stop().

#include "engine/base/bytes.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <optional>
#include <stop_token>
#include <string>

namespace engine {

class TrainMonitor
{
public:
    virtual ~TrainMonitor() = default;
    /// One sentence for the operator; `part` of the whole work in 0..1, below 0 when unknown.
    virtual void progress(const std::string &what, double part) = 0;
    /// A point of a curve: "train loss", "validation ndcg@10" ... at step or epoch `step`.
    virtual void metric(const std::string &name, std::int64_t step, double value) = 0;
    /// Something that the operator must know of the result: dropped lines, unknown items, a
    /// roll-back after NaN.
    virtual void note(const std::string &sentence) = 0;

    /// Asked for: leave soon with ErrorCode::Halted. A pause only blocks inside progress().
    [[nodiscard]] virtual std::stop_token stop() const = 0;
    [[nodiscard]] virtual const Clock &clock() const = 0;
    /// When to end with the best so far; the whole command counts.
    [[nodiscard]] virtual MonoTime deadline() const = 0;

    /// The last checkpoint of the same order (same data, settings, seed), or nothing.
    [[nodiscard]] virtual std::optional<Bytes> resumeFrom() = 0;
    /// True when it is time to call checkpoint(); cheap.
    [[nodiscard]] virtual bool isCheckpointDue() const = 0;
    /// Replaces the last one atomically. Bytes of writeSafetensors, everything needed to go on to
    /// the same result.
    [[nodiscard]] virtual Result<> checkpoint(const Bytes &state) = 0;
};

} // namespace engine
