#pragma once
// A scorer whose answers can be checked by hand, and which can be held while it works.

#include "engine/model/scorer.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <mutex>

namespace test {

/// Recommends the items after the newest one of the history, wrapping around; score = -rank.
class NextItems final : public engine::Scorer
{
public:
    /// Shared by all scorers of a test: how often score() ran, with how many rows, and a door that
    /// can be shut.
    struct Door
    {
        std::mutex mutex;
        std::condition_variable changed;
        bool shut = false;
        int inside = 0;
        std::vector<std::size_t> batches;

        void close()
        {
            const std::scoped_lock lock(mutex);
            shut = true;
        }
        void open()
        {
            const std::scoped_lock lock(mutex);
            shut = false;
            changed.notify_all();
        }
        bool waitInside()
        {
            std::unique_lock lock(mutex);
            return changed.wait_for(lock, std::chrono::seconds(10), [this] { return inside > 0; });
        }
        std::vector<std::size_t> takeBatches()
        {
            const std::scoped_lock lock(mutex);
            return std::exchange(batches, {});
        }
    };

    NextItems(Door &door, std::string version, std::uint32_t items = 100)
        : m_door(door), m_version(std::move(version)), m_items(items)
    {
    }

    engine::Result<std::vector<engine::TopItems>>
    score(std::span<const std::vector<std::int64_t>> histories, int k) const override
    {
        {
            std::unique_lock lock(m_door.mutex);
            m_door.batches.push_back(histories.size());
            ++m_door.inside;
            m_door.changed.notify_all();
            m_door.changed.wait(lock, [this] { return !m_door.shut; });
            --m_door.inside;
        }
        std::vector<engine::TopItems> out;
        for (const auto &history : histories) {
            auto &list = out.emplace_back();
            const auto newest = history.empty() ? -1 : history.back();
            for (int rank = 0; rank < std::min(k, static_cast<int>(m_items)); ++rank) {
                list.items.push_back((newest + 1 + rank) % m_items);
                list.scores.push_back(givesNan ? std::numeric_limits<float>::quiet_NaN()
                                               : static_cast<float>(-rank));
            }
        }
        return out;
    }
    std::uint32_t items() const override { return m_items; }
    std::string version() const override { return m_version; }
    std::string digest() const override { return "digest-" + m_version; }
    std::string family() const override { return "test"; }

    std::atomic<bool> givesNan{false};

private:
    Door &m_door;
    std::string m_version;
    std::uint32_t m_items;
};

} // namespace test
