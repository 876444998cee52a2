#pragma once
// The model a replica serves: loads and warms a package off the serving path, then swaps it in.

#include "engine/base/clock.h"
#include "engine/model/scorer.h"

#include <functional>
#include <mutex>

namespace engine {

/// Opens a package by the version that was asked for, "" for the one the replica was started with.
/// Untrusted or InvalidInput when it must not be served.
using ScorerSource = std::function<Result<std::unique_ptr<Scorer>>(const std::string &version)>;

/// Thread-safe. load() and unload() are serialised; current() never waits for them.
class ReplicaModel
{
public:
    explicit ReplicaModel(ScorerSource source) : m_source(std::move(source)) {}

    /// Opens, warms up, swaps. On failure the model in service stays. Blocks (0.1 to seconds).
    [[nodiscard]] Result<> load(const std::string &version);
    void unload();
    [[nodiscard]] std::shared_ptr<const Scorer> current() const;
    /// Why the last load failed, or "".
    [[nodiscard]] std::string reason() const;

private:
    ScorerSource m_source;
    std::mutex m_loading;       // one load or unload at a time
    mutable std::mutex m_mutex; // everything below
    std::shared_ptr<const Scorer> m_current;
    std::string m_reason;
};

} // namespace engine
