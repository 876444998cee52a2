#include "engine/agent/node_service.h"

#include "engine/agent/wire.h"

#include <fmt/format.h>

namespace engine {

namespace proto = drillroom::v1;

/// Queues commands for a thread that writes them, so that a process that does not read holds up
/// nobody but that thread.
class NodeService::Line final : public NodeLine
{
public:
    explicit Line(std::string target) : m_target(std::move(target)) {}

    Result<> startLoad(const LoadSpec &spec) override
    {
        proto::NodeCommand command;
        *command.mutable_start_load() = wire::toProto(spec);
        return ask(std::move(command));
    }
    Result<> stopLoad() override
    {
        proto::NodeCommand command;
        command.mutable_stop_load();
        return ask(std::move(command));
    }
    Result<> setRate(double rate) override
    {
        proto::NodeCommand command;
        command.set_set_rate(rate);
        return ask(std::move(command));
    }
    Result<> setSwitches(const Switches &switches) override
    {
        proto::NodeCommand command;
        *command.mutable_switches() = wire::toProto(switches);
        return ask(std::move(command));
    }
    void tellSwitches(const Switches &switches) override
    {
        proto::NodeCommand command;
        *command.mutable_switches() = wire::toProto(switches);
        const std::lock_guard lock(m_mutex);
        push(std::move(command));
    }

    void tellStopLoad() override
    {
        proto::NodeCommand command;
        command.mutable_stop_load();
        const std::lock_guard lock(m_mutex);
        push(std::move(command));
    }

    void tellWindow(Micros length) override
    {
        proto::NodeCommand command;
        command.set_window_us(length.count());
        const std::lock_guard lock(m_mutex);
        push(std::move(command));
    }

    void tellCallFault(const CallFault &fault) override
    {
        proto::NodeCommand command;
        auto &to = *command.mutable_call_fault();
        to.set_id(fault.id);
        to.set_delay_us(fault.delay.count());
        to.set_status(fault.status);
        to.set_share(fault.share);
        to.set_seed(fault.seed);
        to.set_until_us(fault.until.count());
        const std::lock_guard lock(m_mutex);
        push(std::move(command));
    }

    void write(Stream &stream, const std::stop_token &stop)
    {
        std::unique_lock lock(m_mutex);
        while (m_wake.wait(lock, stop, [this] { return !m_queue.empty(); })) {
            auto command = std::move(m_queue.front());
            m_queue.pop_front();
            lock.unlock();
            const bool written = stream.Write(command);
            lock.lock();
            if (!written)
                return;
        }
    }

    void answered(const proto::NodeReply &reply)
    {
        const std::lock_guard lock(m_mutex);
        if (m_asked.contains(reply.id()))
            m_replies[reply.id()] = reply.outcome();
        m_wake.notify_all();
    }

    void close()
    {
        const std::lock_guard lock(m_mutex);
        m_closed = true;
        m_wake.notify_all();
    }

private:
    std::uint64_t push(proto::NodeCommand command) // with m_mutex held
    {
        command.set_id(++m_lastId);
        m_queue.push_back(std::move(command));
        m_wake.notify_all();
        return m_lastId;
    }

    Result<> ask(proto::NodeCommand command)
    {
        std::unique_lock lock(m_mutex);
        const auto id = push(std::move(command));
        m_asked.insert(id);
        m_wake.wait_for(lock, std::chrono::seconds(5),
                        [&] { return m_closed || m_replies.contains(id); });
        m_asked.erase(id);
        const auto found = m_replies.find(id);
        if (found == m_replies.end())
            return fail(m_closed ? ErrorCode::Unavailable : ErrorCode::Timeout,
                        m_target
                            + (m_closed ? " ended before it answered" : " did not answer in 5 s"));
        const auto outcome = wire::fromProto(found->second);
        m_replies.erase(found);
        return outcome;
    }

    const std::string m_target;
    std::mutex m_mutex; // guards all below; not held while writing to the stream
    std::condition_variable_any m_wake;
    std::deque<proto::NodeCommand> m_queue;
    std::set<std::uint64_t> m_asked; // and still waited for
    std::map<std::uint64_t, proto::Outcome> m_replies;
    std::uint64_t m_lastId = 0;
    bool m_closed = false;
};

grpc::Status NodeService::Connect(grpc::ServerContext *, Stream *stream)
{
    proto::NodeReport report;
    if (!stream->Read(&report) || !report.has_hello())
        return {grpc::StatusCode::INVALID_ARGUMENT, "The first report must be the hello"};
    const auto &hello = report.hello();
    if (hello.port() < 0 || hello.port() > 65'535)
        return {grpc::StatusCode::INVALID_ARGUMENT, "The hello names no port"};
    NodeFacts facts{hello.target(), hello.pid(),     static_cast<std::uint16_t>(hello.port()),
                    hello.model(),  hello.version(), hello.digest()};
    const auto line = std::make_shared<Line>(facts.target);
    if (const auto known = m_shop.connected(facts, line); !known)
        return {grpc::StatusCode::PERMISSION_DENIED, known.error().text()};
    std::jthread writer([&](const std::stop_token &stop) { line->write(*stream, stop); });
    while (stream->Read(&report))
        take(line, facts, report);
    line->close();
    m_shop.disconnected(facts.target, line);
    return grpc::Status::OK;
}

void NodeService::take(const std::shared_ptr<Line> &line, NodeFacts &facts,
                       const proto::NodeReport &report)
{
    switch (report.report_case()) {
    case proto::NodeReport::kWindow:
        // A node speaks for itself only.
        if (auto window = wire::windowFrom(report.window());
            window && window->source == facts.target)
            m_hub.publish(std::move(*window));
        break;
    case proto::NodeReport::kEvent:
        if (auto payload = wire::fromProto(report.event()))
            m_hub.publish(std::move(*payload));
        break;
    case proto::NodeReport::kState:
        facts.model = report.state().model();
        facts.version = report.state().version();
        facts.digest = report.state().digest();
        m_shop.reported(facts, report.state().serving(), report.state().detail());
        break;
    case proto::NodeReport::kReply:
        line->answered(report.reply());
        break;
    default:
        break;
    }
}

} // namespace engine
