#include "engine/serving/traffic_appends.h"

#include "engine/serving/gateway_channel.h"
#include "engine/serving/gateway_wire.h"

namespace engine {
namespace {

constexpr Micros kTimeout{1'000'000}, kPause{500'000};
constexpr std::size_t kMostWaiting = 20'000;

struct Call
{
    grpc::ClientContext context;
    drillroom::v1::AppendRequest request;
    drillroom::v1::AppendReply reply;
};

} // namespace

TrafficAppends::TrafficAppends(const std::string &store, const Clock &clock, Ended ended)
    : m_clock(clock), m_ended(std::move(ended)),
      m_stub(drillroom::v1::Store::NewStub(resilientChannel(store)))
{
}

TrafficAppends::~TrafficAppends()
{
    std::unique_lock lock(m_mutex);
    m_quiet.wait(lock, [this] { return m_inFlight == 0; });
}

void TrafficAppends::append(const TraceRow &row)
{
    send({row, 0, MonoTime{0}});
}

void TrafficAppends::send(Entry entry)
{
    {
        const std::lock_guard lock(m_mutex);
        ++m_inFlight;
    }
    ++entry.tries;
    auto call = std::make_shared<Call>();
    call->context.set_deadline(grpcTime(m_clock.now() + kTimeout));
    call->request.set_shopper(entry.row.shopper);
    call->request.set_h(entry.row.h);
    call->request.set_item(entry.row.label);
    m_stub->async()->Append(&call->context, &call->request, &call->reply,
                            [this, call, entry](const grpc::Status &status) {
                                done(entry, status.ok(), call->reply.seq());
                            });
}

void TrafficAppends::done(Entry entry, bool good, std::uint64_t seq)
{
    std::unique_lock lock(m_mutex);
    const bool again = !good && entry.tries < kMostTries && m_waiting.size() < kMostWaiting;
    if (again) {
        entry.next = m_clock.now() + kPause;
        m_waiting.push_back(entry);
    } else {
        lock.unlock();
        m_ended(good, seq);
        lock.lock();
    }
    // Notified under the lock: the destructor must not go on before this is over.
    --m_inFlight;
    m_quiet.notify_all();
}

void TrafficAppends::retryDue()
{
    std::vector<Entry> due;
    {
        const std::lock_guard lock(m_mutex);
        const auto now = m_clock.now();
        while (!m_waiting.empty() && m_waiting.front().next <= now) {
            due.push_back(m_waiting.front());
            m_waiting.pop_front();
        }
    }
    for (const auto &entry : due)
        send(entry);
}

bool TrafficAppends::idle() const
{
    const std::lock_guard lock(m_mutex);
    return m_inFlight == 0 && m_waiting.empty();
}

} // namespace engine
