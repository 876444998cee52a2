#pragma once
// Writes what the shoppers did next to the store, until it is acknowledged.

#include "engine/base/clock.h"
#include "engine/data/dataset.h"
#include "engine/proto/store.grpc.pb.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace engine {

/// Appends are idempotent by (shopper, h), so one that failed is simply sent again, up to
/// kMostTries times. `ended` is called once per event, from any thread. Thread-safe; the destructor
/// waits for the calls in flight (their time-out bounds it).
class TrafficAppends
{
public:
    /// `seq`: the sequence number that a good one was acknowledged with.
    using Ended = std::function<void(bool good, std::uint64_t seq)>;

    TrafficAppends(const std::string &store, const Clock &clock, Ended ended);
    ~TrafficAppends();
    TrafficAppends(const TrafficAppends &) = delete;
    TrafficAppends &operator=(const TrafficAppends &) = delete;

    void append(const TraceRow &row);
    /// Sends what failed a while ago once more; to be called now and then.
    void retryDue();
    [[nodiscard]] bool idle() const;

private:
    static constexpr int kMostTries = 20;
    struct Entry
    {
        TraceRow row;
        int tries = 0;
        MonoTime next{0};
    };
    void send(Entry entry);
    void done(Entry entry, bool good, std::uint64_t seq);

    const Clock &m_clock;
    const Ended m_ended;
    std::unique_ptr<drillroom::v1::Store::Stub> m_stub;
    mutable std::mutex m_mutex; ///< guards what follows
    std::condition_variable m_quiet;
    std::deque<Entry> m_waiting; ///< by `next`
    int m_inFlight = 0;
};

} // namespace engine
