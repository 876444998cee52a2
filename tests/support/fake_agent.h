#pragma once
// The agent's side of Nodes.Connect, in the test's process: notes what nodes report, sends them
// commands, and can stop reading or leave.

#include "engine/proto/agent.grpc.pb.h"

#include <condition_variable>
#include <grpcpp/server_builder.h>
#include <mutex>
#include <vector>

namespace test {

/// Serves on a unix socket until destroyed. Any thread.
class FakeAgent final : public drillroom::v1::Nodes::Service
{
public:
    using Report = drillroom::v1::NodeReport;
    using Command = drillroom::v1::NodeCommand;

    explicit FakeAgent(const std::string &socket)
    {
        grpc::ServerBuilder builder;
        builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
        builder.RegisterService(this);
        m_server = builder.BuildAndStart();
    }
    ~FakeAgent() override { leave(); }

    /// Ends every stream and the server, as a killed agent would.
    void leave()
    {
        if (!m_server)
            return;
        readOn();
        m_server->Shutdown(std::chrono::system_clock::now());
        m_server->Wait();
        m_server.reset();
    }

    void stopReading()
    {
        const std::scoped_lock lock(m_mutex);
        m_paused = true;
    }
    void readOn()
    {
        const std::scoped_lock lock(m_mutex);
        m_paused = false;
        m_changed.notify_all();
    }

    /// False when no node is connected.
    bool command(const Command &command)
    {
        const std::scoped_lock lock(m_mutex);
        return m_stream != nullptr && m_stream->Write(command);
    }

    /// Waits up to two minutes until `wanted` holds of the reports so far.
    template <class Wanted>
    bool waitFor(Wanted wanted)
    {
        std::unique_lock lock(m_mutex);
        return m_changed.wait_for(lock, std::chrono::seconds(120),
                                  [&] { return wanted(m_reports); });
    }
    [[nodiscard]] std::vector<Report> reports()
    {
        const std::scoped_lock lock(m_mutex);
        return m_reports;
    }

private:
    using Stream = grpc::ServerReaderWriter<Command, Report>;
    grpc::Status Connect(grpc::ServerContext *, Stream *stream) override
    {
        {
            const std::scoped_lock lock(m_mutex);
            m_stream = stream;
        }
        Report report;
        while (stream->Read(&report)) {
            std::unique_lock lock(m_mutex);
            m_reports.push_back(report);
            m_changed.notify_all();
            m_changed.wait(lock, [this] { return !m_paused; });
        }
        const std::scoped_lock lock(m_mutex);
        m_stream = nullptr;
        return grpc::Status::OK;
    }

    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<Report> m_reports;
    Stream *m_stream = nullptr;
    bool m_paused = false;
    std::unique_ptr<grpc::Server> m_server;
};

} // namespace test
