#include "engine/serving/call_faults.h"

#include "engine/base/random.h"
#include "engine/proto/kserve.pb.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

namespace engine {
namespace {

using Methods = grpc::experimental::InterceptorBatchMethods;
using Hook = grpc::experimental::InterceptionHookPoints;

constexpr Micros kStep{1'000};
constexpr std::uint64_t kStream = 0xCA11;

/// FNV-1a: which requests are hit must be the same on every machine.
std::uint64_t hashOf(const std::string &text)
{
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const unsigned char c : text)
        hash = (hash ^ c) * 0x100000001b3ULL;
    return hash;
}

} // namespace

class CallFaults::State
{
public:
    explicit State(const Clock &clock)
        : m_clock(clock), m_thread([this](const std::stop_token &stop) { letGo(stop); })
    {
    }

    void set(const CallFault &fault)
    {
        const std::lock_guard lock(m_mutex);
        if (fault.until.count() != 0) {
            m_faults[fault.id] = fault;
        } else {
            m_faults.erase(fault.id);
            m_releaseAll = true;
            m_wake.notify_all();
        }
        m_active = !m_faults.empty();
    }

    [[nodiscard]] bool isActive() const { return m_active.load(std::memory_order_relaxed); }

    [[nodiscard]] Suffered suffers(const std::string &requestId)
    {
        const std::lock_guard lock(m_mutex);
        const auto now = m_clock.now();
        std::erase_if(m_faults, [now](const auto &entry) { return entry.second.until <= now; });
        m_active = !m_faults.empty();
        const auto key = requestId.empty() ? m_number++ : hashOf(requestId);
        Suffered suffered;
        for (const auto &[id, fault] : m_faults) {
            suffered.delay = std::max(suffered.delay, fault.delay);
            if (fault.status != 0 && suffered.status == 0
                && Random(fault.seed, kStream + id, key).uniform() < fault.share)
                suffered.status = fault.status;
        }
        return suffered;
    }

    void hold(Methods *call, Micros delay)
    {
        const std::lock_guard lock(m_mutex);
        m_held.emplace(m_clock.now() + delay, call);
        m_wake.notify_all();
    }

    /// Everything goes on now, and what comes later is not held.
    void end()
    {
        m_thread.request_stop();
        m_thread.join();
        const std::lock_guard lock(m_mutex);
        m_faults.clear();
        m_active = false;
    }

private:
    void letGo(const std::stop_token &stop)
    {
        std::unique_lock lock(m_mutex);
        for (;;) {
            m_wake.wait(lock, stop, [this] { return !m_held.empty(); });
            const bool all = std::exchange(m_releaseAll, false) || stop.stop_requested();
            std::vector<Methods *> due;
            const auto now = m_clock.now();
            while (!m_held.empty() && (all || m_held.begin()->first <= now)) {
                due.push_back(m_held.begin()->second);
                m_held.erase(m_held.begin());
            }
            if (due.empty() && stop.stop_requested())
                return;
            lock.unlock();
            for (auto *call : due)
                call->Proceed();
            if (due.empty())
                m_clock.waitUntil(now + kStep, stop);
            lock.lock();
        }
    }

    const Clock &m_clock;
    std::atomic<bool> m_active{false};
    std::mutex m_mutex; // guards everything below
    std::condition_variable_any m_wake;
    std::map<std::uint32_t, CallFault> m_faults;
    std::multimap<MonoTime, Methods *> m_held;
    bool m_releaseAll = false;
    std::uint64_t m_number = 0;
    std::jthread m_thread;
};

namespace {

/// One call. gRPC lets no interceptor end a call by itself: a call that is to fail goes on without
/// its request, which the service refuses at its door, and leaves with the status it must have.
template <class State>
class Interceptor final : public grpc::experimental::Interceptor
{
public:
    explicit Interceptor(std::shared_ptr<State> state) : m_state(std::move(state)) {}

    void Intercept(Methods *methods) override
    {
        if (methods->QueryInterceptionHookPoint(Hook::POST_RECV_MESSAGE)) {
            auto *request = static_cast<inference::ModelInferRequest *>(methods->GetRecvMessage());
            const auto suffered = m_state->suffers(request ? request->id() : std::string());
            m_status = suffered.status;
            if (m_status != 0 && request)
                request->Clear();
            if (suffered.delay.count() != 0)
                return m_state->hold(methods, suffered.delay);
        }
        if (m_status != 0 && methods->QueryInterceptionHookPoint(Hook::PRE_SEND_STATUS))
            methods->ModifySendStatus({static_cast<grpc::StatusCode>(m_status), "Service failure"});
        methods->Proceed();
    }

private:
    std::shared_ptr<State> m_state;
    int m_status = 0;
};

template <class State>
class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface
{
public:
    explicit Factory(std::shared_ptr<State> state) : m_state(std::move(state)) {}

    grpc::experimental::Interceptor *
    CreateServerInterceptor(grpc::experimental::ServerRpcInfo *info) override
    {
        if (!m_state->isActive()
            || std::strcmp(info->method(), "/inference.GRPCInferenceService/ModelInfer") != 0)
            return nullptr;                     // costs a call nothing while there is no fault
        return new Interceptor<State>(m_state); // gRPC owns it
    }

private:
    std::shared_ptr<State> m_state;
};

} // namespace

CallFaults::CallFaults(const Clock &clock) : m_state(std::make_shared<State>(clock)) {}

CallFaults::~CallFaults()
{
    m_state->end();
}

void CallFaults::set(const CallFault &fault)
{
    m_state->set(fault);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> CallFaults::interceptor()
{
    return std::make_unique<Factory<State>>(m_state);
}

CallFaults::Suffered CallFaults::suffers(const std::string &requestId)
{
    return m_state->suffers(requestId);
}

} // namespace engine
