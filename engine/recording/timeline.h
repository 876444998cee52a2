#pragma once
// A recording behind the one interface that pages read: folds on its own thread, publishes
// snapshots.

#include "engine/base/clock.h"
#include "engine/event/timeline.h"

#include <filesystem>

namespace engine {

/// Living: the file is being written (by this process or another) and is read beside its writer
/// until that closes it. The file need not exist yet: it is waited for.
/// A file that is there already is shown at its end at once, from its newest keyframe; the fold
/// from its first event follows in the background (verifiedTo) and gives way to every request.
/// `clock` outlives it. The destructor stops the thread (at most one statement later).
class SqliteTimeline final : public Timeline
{
public:
    SqliteTimeline(std::filesystem::path path, bool isLiving, const Clock &clock);
    ~SqliteTimeline() override;

    [[nodiscard]] std::shared_ptr<const TimelineSnapshot> snapshot() const override;
    void pinToEnd() override;
    void seek(std::int64_t t) override;
    void show(std::int64_t from, std::int64_t to, int bins,
              std::vector<std::string> series) override;
    [[nodiscard]] std::string path() const override;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace engine
