#pragma once
// Scores every replica on the golden set: when its model changes, and once a minute. It asks the
// replica itself what shoppers ask, in small requests beside theirs, and compares row by row with
// what the last good model earns on the same rows. An alarm rings when a model is worse, an event.

#include "engine/agent/news.h"
#include "engine/base/clock.h"
#include "engine/data/earned.h"
#include "engine/data/golden.h"
#include "engine/fault/fault.h"

#include <functional>
#include <map>
#include <thread>

namespace engine {

/// Thread-safe; one thread of its own asks.
class GoldenWatch
{
public:
    struct Replica
    {
        std::string target, digest;
        std::uint16_t port = 0;
    };
    /// The replicas that serve the shop's model now. Called on the own thread.
    using Replicas = std::function<std::vector<Replica>()>;
    GoldenWatch(const Clock &clock, NewsHub &hub, Replicas replicas);
    ~GoldenWatch();

    /// From now on of the shop in `folder`, against the package `reference`. Its files are read on
    /// the own thread; a shop without a golden set is not watched.
    void begin(const std::filesystem::path &folder, const std::string &reference);
    void end();
    /// Of the model that the replica named in its newest complete round; nothing before the first,
    /// and when it serves another one by now.
    [[nodiscard]] std::optional<GoldenLook> look(const std::string &target) const;
    /// "T.golden.quality|low|high" of every replica, "golden.quality|high" of the worst.
    [[nodiscard]] std::vector<Sample> samples() const;
    /// Replicas whose model is worse than the reference.
    [[nodiscard]] std::vector<std::string> worse() const;

private:
    struct Set
    {
        std::vector<TraceRow> rows;
        std::vector<std::vector<std::int64_t>> histories;
        std::vector<float> expected;
        std::unique_ptr<Earned> earned;
        std::uint32_t items = 0;
    };
    struct Reading
    {
        GoldenLook look;
        MonoTime at{0};
    };
    void run(const std::stop_token &stop);
    [[nodiscard]] Result<std::shared_ptr<const Set>> open(const std::filesystem::path &folder,
                                                          const std::string &reference) const;
    [[nodiscard]] std::optional<Reading> round(const Set &set, const Replica &replica,
                                               bool isUrgent, const std::stop_token &stop) const;
    void ring();

    const Clock &m_clock;
    NewsHub &m_hub;
    const Replicas m_replicas;
    mutable std::mutex m_mutex; // guards all below but the thread
    std::filesystem::path m_folder;
    std::string m_reference;
    std::uint64_t m_serial = 0; ///< of begin() and end()
    std::map<std::string, Reading> m_readings;
    std::map<std::string, std::string> m_digests; ///< as the replicas were last seen
    bool m_alarmed = false;
    std::jthread m_thread;
};

} // namespace engine
