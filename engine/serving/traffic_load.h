#pragma once
// One load from its start to its last answer.

#include "engine/proto/kserve.grpc.pb.h"
#include "engine/serving/traffic.h"
#include "engine/serving/traffic_appends.h"
#include "engine/serving/traffic_mix.h"
#include "engine/serving/traffic_schedule.h"

#include <atomic>
#include <optional>

namespace engine {

/// One thread sends what is due and hands out windows; answers come on gRPC's threads. Calls and
/// their messages are used again, so that a steady load allocates little.
class Traffic::Load
{
public:
    Load(const LoadSpec &spec, const TrafficOptions &options, const TrafficTrace &trace,
         const Clock &clock, const SendWindow &window);
    ~Load();
    void stop();
    void setRate(double rate) { m_rate = rate; }
    void wait();
    [[nodiscard]] bool isOver() const { return m_over; }

private:
    struct Call
    {
        std::optional<grpc::ClientContext> context;
        inference::ModelInferRequest request;
        inference::ModelInferResponse reply;
        std::size_t row = 0;
        std::size_t application = 0; ///< 0: recommend; else of m_trace.others, from 1
        bool isSession = false;      ///< asked for three pages
        MonoTime scheduled{0};
    };
    void run(std::stop_token stop);
    void send(MonoTime scheduled, std::size_t row);
    void sendOther(MonoTime scheduled, const TrafficMix::Pick &pick);
    void start(Call &call);
    void answered(Call &call, const grpc::Status &status);
    void score(const Call &call, TrafficAnswer &answer) const;
    void scoreOther(const Call &call, TrafficAnswer &answer) const;
    void handOut(MonoTime now);
    [[nodiscard]] Call &freeCall(bool other);
    void prepare(inference::ModelInferRequest &request) const;

    const LoadSpec m_spec;
    const TrafficOptions &m_options;
    const TrafficTrace &m_trace;
    const Clock &m_clock;
    const SendWindow &m_window;
    TrafficLedger m_ledger;
    TrafficSchedule m_schedule;
    TrafficMix m_mix;
    std::unique_ptr<inference::GRPCInferenceService::Stub> m_stub;
    std::optional<TrafficAppends> m_appends;
    std::mutex m_callMutex; ///< guards the three
    std::vector<std::unique_ptr<Call>> m_calls;
    std::vector<Call *> m_free, m_freeOthers; ///< those of recommend keep their tensors
    std::atomic<bool> m_over{false};
    std::atomic<double> m_rate{0}; ///< asked for; 0: unchanged
    std::uint64_t m_sent = 0;      ///< m_thread's
    std::jthread m_thread;         ///< last: it uses the others
};

} // namespace engine
