#pragma once
// Where a run's news goes: the recorder implements it, tests can too.

#include "engine/event/event.h"
#include "engine/metrics/window.h"

#include <string>

namespace engine {

/// Thread-safe; calls only enqueue and never block on a disk. Order of calls from one thread is
/// kept.
class RunSink
{
public:
    virtual ~RunSink() = default;
    virtual void append(Payload payload) = 0;
    virtual void append(Window window) = 0;
    /// Stored once by content: the drill file, configuration, model manifests.
    virtual void attach(std::string name, Bytes data) = 0;
};

} // namespace engine
