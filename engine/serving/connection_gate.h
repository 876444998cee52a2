#pragma once
// Accepts connections for a gRPC server, so that a process whose descriptors run out turns new
// callers away and goes on serving those it has. gRPC 1.51 accepting by itself gives up its
// listener for good at the first EMFILE.

#include "engine/base/error.h"
#include "engine/fault/fd.h"

#include <atomic>
#include <grpcpp/server_builder.h>
#include <memory>
#include <string>
#include <thread>

namespace engine {

/// One thread. Raises the process's soft limit of descriptors to the hard one; a limit that changes
/// later is heeded from the next connection on. The last descriptors below the limit are kept for
/// the process's own files: a caller who would take one is told GOAWAY with ENHANCE_YOUR_CALM,
/// which clients see as RESOURCE_EXHAUSTED or UNAVAILABLE, and closed.
class ConnectionGate
{
public:
    /// `listen`: an IPv4 address and a port (0: the system chooses).
    [[nodiscard]] static Result<std::unique_ptr<ConnectionGate>> open(const std::string &listen);
    /// Before the builder builds.
    void serve(grpc::ServerBuilder &builder);
    /// After the server was started. The server must be ended after this object, or by
    /// its destructor's order: the gate first.
    void start();
    [[nodiscard]] int port() const { return m_port; }
    /// Callers turned away so far.
    [[nodiscard]] std::uint64_t turnedAway() const { return m_turnedAway; }
    ~ConnectionGate();

private:
    ConnectionGate() = default;
    void run(const std::stop_token &stop);
    void take(Fd connection);
    void turnAway(Fd connection);
    /// No descriptor is free at all: the spare one lets a caller in for as long as it takes to say
    /// so.
    void acceptOnSpare();

    Fd m_listener, m_wake, m_spare;
    int m_port = 0;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> m_acceptor;
    std::atomic<std::uint64_t> m_turnedAway{0};
    std::jthread m_thread;
};

} // namespace engine
