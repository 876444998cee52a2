#include "engine/serving/node_link.h"

#include "engine/proto/agent.grpc.pb.h"
#include "engine/serving/load_wire.h"

#include <deque>
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <mutex>
#include <spdlog/spdlog.h>
#include <thread>
#include <unistd.h>

namespace engine {
namespace {

namespace proto = drillroom::v1;

constexpr std::size_t kWindowsKept = 600; // one minute
constexpr Micros kConnectTime{5'000'000};
constexpr Micros kFlushTime{500'000};

std::string asText(const Bytes &bytes)
{
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

void fill(proto::Outcome &outcome, const Result<> &result)
{
    outcome.set_ok(result.has_value());
    if (!result) {
        outcome.set_code(static_cast<std::uint32_t>(result.error().code));
        outcome.set_message(result.error().text());
    }
}

} // namespace

/// gRPC's callbacks only move messages; commands run on m_thread.
class NodeLink::Stream final : public grpc::ClientBidiReactor<proto::NodeReport, proto::NodeCommand>
{
public:
    Stream(std::shared_ptr<grpc::Channel> channel, std::string role, NodeCommands commands)
        : m_channel(std::move(channel)), m_stub(proto::Nodes::NewStub(m_channel)),
          m_role(std::move(role)), m_commands(std::move(commands))
    {
    }

    void start(proto::NodeReport hello)
    {
        m_stub->async()->Connect(&m_context, this);
        // The hold keeps the call alive while writes come from threads that gRPC does not know.
        AddHold();
        StartRead(&m_command);
        StartCall();
        send(std::move(hello), false);
        m_thread = std::jthread([this](std::stop_token stop) { work(stop); });
    }

    void send(proto::NodeReport report, bool isWindow)
    {
        const std::scoped_lock lock(m_mutex);
        if (m_closing || m_broken)
            return;
        if (isWindow && ++m_windows > kWindowsKept)
            dropOldestWindow();
        m_queue.push_back(std::move(report));
        writeNext();
    }

    void finish()
    {
        {
            std::unique_lock lock(m_mutex);
            m_closing = true;
            // Real time on purpose: this bounds how long a process may take to end.
            m_changed.wait_for(lock, kFlushTime,
                               [this] { return m_broken || (m_queue.empty() && !m_writing); });
        }
        m_thread.request_stop();
        m_wake.notify_all();
        if (m_thread.joinable())
            m_thread.join();
        // A written report may still lie unread at the agent, and a cancelled stream would drop it:
        // say that nothing more comes, and let the agent end the stream after the last one.
        bool isFlushed = false;
        {
            const std::scoped_lock lock(m_mutex);
            isFlushed = !m_broken && m_queue.empty() && !m_writing;
        }
        if (isFlushed)
            StartWritesDone();
        else
            m_context.TryCancel();
        releaseHold();
        std::unique_lock lock(m_mutex);
        if (!m_changed.wait_for(lock, kFlushTime, [this] { return m_done; })) {
            lock.unlock();
            m_context.TryCancel();
            lock.lock();
            m_changed.wait(lock, [this] { return m_done; });
        }
    }

    [[nodiscard]] bool isDue(MonoTime end) const
    {
        return end.count() % m_windowLength.load(std::memory_order_relaxed) == 0;
    }

    [[nodiscard]] std::uint64_t dropped() const
    {
        const std::scoped_lock lock(m_mutex);
        return m_dropped;
    }

private:
    void OnWriteDone(bool ok) override
    {
        const std::scoped_lock lock(m_mutex);
        m_writing = false;
        if (!ok) {
            m_broken = true;
            m_queue.clear();
        } else {
            writeNext();
        }
        m_changed.notify_all();
    }

    void OnReadDone(bool ok) override
    {
        if (ok) {
            {
                const std::scoped_lock lock(m_mutex);
                m_received.push_back(std::move(m_command));
                m_command.Clear();
            }
            m_wake.notify_all();
            StartRead(&m_command);
            return;
        }
        // The agent ended the stream: its half is over, so ours has no reader.
        {
            const std::scoped_lock lock(m_mutex);
            m_broken = true;
            m_queue.clear();
        }
        m_changed.notify_all();
        m_wake.notify_all();
        releaseHold();
    }

    void OnDone(const grpc::Status &status) override
    {
        {
            const std::scoped_lock lock(m_mutex);
            m_done = true;
            m_broken = true;
            m_why = status.ok() ? "The agent closed the line" : status.error_message();
            // Under the lock: after it is released the waiting destructor may free this object.
            m_changed.notify_all();
            m_wake.notify_all();
        }
    }

    void work(std::stop_token stop)
    {
        while (true) {
            proto::NodeCommand command;
            {
                std::unique_lock lock(m_mutex);
                m_wake.wait(lock, stop, [this] { return !m_received.empty() || m_done; });
                if (stop.stop_requested())
                    return;
                if (m_received.empty()) {
                    const auto why = m_why;
                    lock.unlock();
                    spdlog::info("event=agent_gone why=\"{}\"", why);
                    if (m_commands.onGone)
                        m_commands.onGone(why);
                    return;
                }
                command = std::move(m_received.front());
                m_received.pop_front();
            }
            proto::NodeReport report;
            report.mutable_reply()->set_id(command.id());
            fill(*report.mutable_reply()->mutable_outcome(), run(command));
            send(std::move(report), false);
        }
    }

    Result<> run(const proto::NodeCommand &command)
    {
        const auto unknown = [this](std::string_view what) {
            return fail(ErrorCode::Usage, fmt::format("A {} node does not {}", m_role, what));
        };
        switch (command.command_case()) {
        case proto::NodeCommand::kStartLoad:
            return m_commands.startLoad
                       ? m_commands.startLoad(wire::fromProto(command.start_load()))
                       : unknown("make load");
        case proto::NodeCommand::kStopLoad:
            return m_commands.stopLoad ? m_commands.stopLoad() : unknown("make load");
        case proto::NodeCommand::kSwitches: {
            const auto &fields = command.switches().fields();
            const auto switches = decode<Switches>(
                {reinterpret_cast<const std::uint8_t *>(fields.data()), fields.size()});
            if (!switches)
                return fail(ErrorCode::InvalidInput, "The switches cannot be read");
            return m_commands.setSwitches ? m_commands.setSwitches(*switches)
                                          : unknown("have responses to switch");
        }
        case proto::NodeCommand::kSetRate:
            return m_commands.setRate ? m_commands.setRate(command.set_rate())
                                      : unknown("make load");
        case proto::NodeCommand::kCallFault: {
            const auto &from = command.call_fault();
            const CallFault fault{from.id(),     Micros{from.delay_us()},
                                  from.status(), from.share(),
                                  from.seed(),   MonoTime{from.until_us()}};
            return m_commands.callFault ? m_commands.callFault(fault) : unknown("serve a model");
        }
        case proto::NodeCommand::kWindowUs:
            if (command.window_us() < kWindow.count() || command.window_us() % kWindow.count() != 0)
                return fail(ErrorCode::InvalidInput, "A window is a multiple of 100 ms");
            m_windowLength = command.window_us();
            return {};
        case proto::NodeCommand::kDrain:
            return m_commands.drain ? m_commands.drain() : unknown("drain");
        default:
            return unknown("know this command");
        }
    }

    /// Callers hold m_mutex. gRPC never calls back inside StartWrite, so holding it is safe.
    void writeNext()
    {
        if (m_writing || m_broken || m_queue.empty())
            return;
        m_written = std::move(m_queue.front());
        m_queue.pop_front();
        if (m_written.report_case() == proto::NodeReport::kWindow)
            --m_windows;
        m_writing = true;
        StartWrite(&m_written);
    }

    void dropOldestWindow()
    {
        for (auto at = m_queue.begin(); at != m_queue.end(); ++at) {
            if (at->report_case() == proto::NodeReport::kWindow) {
                m_queue.erase(at);
                --m_windows;
                ++m_dropped;
                return;
            }
        }
    }

    void releaseHold()
    {
        if (!m_released.exchange(true))
            RemoveHold();
    }

    std::shared_ptr<grpc::Channel> m_channel;
    std::unique_ptr<proto::Nodes::Stub> m_stub;
    std::string m_role;
    NodeCommands m_commands;
    grpc::ClientContext m_context;
    proto::NodeCommand m_command; // of the read under way
    proto::NodeReport m_written;  // of the write under way
    std::atomic<bool> m_released{false};
    std::atomic<std::int64_t> m_windowLength{kWindow.count()}; // microseconds

    mutable std::mutex m_mutex; // everything below
    std::condition_variable m_changed;
    std::condition_variable_any m_wake;
    std::deque<proto::NodeReport> m_queue;
    std::deque<proto::NodeCommand> m_received;
    std::size_t m_windows = 0;
    std::uint64_t m_dropped = 0;
    bool m_writing = false, m_broken = false, m_closing = false, m_done = false;
    std::string m_why;

    std::jthread m_thread;
};

Result<std::unique_ptr<NodeLink>>
NodeLink::open(const NodeConfig &config, const NodeIdentity &identity, NodeCommands commands)
{
    if (config.agentSocket.empty())
        return std::unique_ptr<NodeLink>(new NodeLink(nullptr));
    auto channel =
        grpc::CreateChannel("unix:" + config.agentSocket, grpc::InsecureChannelCredentials());
    const auto deadline = std::chrono::duration_cast<std::chrono::milliseconds>(kConnectTime);
    if (!channel->WaitForConnected(gpr_time_add(
            gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(deadline.count(), GPR_TIMESPAN))))
        return fail(ErrorCode::Unavailable,
                    fmt::format("The agent does not answer on '{}' within 5 s; is it running?",
                                config.agentSocket));

    proto::NodeReport report;
    auto &hello = *report.mutable_hello();
    hello.set_target(config.target);
    hello.set_role(config.role);
    hello.set_pid(::getpid());
    hello.set_port(identity.port);
    hello.set_model(identity.model);
    hello.set_version(identity.version);
    hello.set_digest(identity.digest);
    auto stream = std::make_unique<Stream>(std::move(channel), config.role, std::move(commands));
    stream->start(std::move(report));
    return std::unique_ptr<NodeLink>(new NodeLink(std::move(stream)));
}

NodeLink::NodeLink(std::unique_ptr<Stream> stream) : m_stream(std::move(stream)) {}

NodeLink::~NodeLink()
{
    if (m_stream)
        m_stream->finish();
}

bool NodeLink::isDue(MonoTime end) const
{
    return !m_stream || m_stream->isDue(end);
}

void NodeLink::sendWindow(const Window &window)
{
    if (!m_stream)
        return;
    proto::NodeReport report;
    report.set_window(asText(encode(window)));
    m_stream->send(std::move(report), true);
}

void NodeLink::sendEvent(const Payload &payload)
{
    if (!m_stream)
        return;
    proto::NodeReport report;
    report.mutable_event()->set_kind(static_cast<std::uint32_t>(payload.index()));
    report.mutable_event()->set_payload(
        asText(std::visit([](const auto &value) { return encode(value); }, payload)));
    m_stream->send(std::move(report), false);
}

void NodeLink::sendState(bool serving, const std::string &detail, const NodeIdentity &identity)
{
    if (!m_stream)
        return;
    proto::NodeReport report;
    auto &state = *report.mutable_state();
    state.set_serving(serving);
    state.set_detail(detail);
    state.set_model(identity.model);
    state.set_version(identity.version);
    state.set_digest(identity.digest);
    m_stream->send(std::move(report), false);
}

std::uint64_t NodeLink::windowsDropped() const
{
    return m_stream ? m_stream->dropped() : 0;
}

} // namespace engine
