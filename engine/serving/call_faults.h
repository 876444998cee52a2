#pragma once
// Holds or fails the calls of a model server before the server's own code sees them, when the agent
// says so: the boundary at which model.slow and model.error are made. The service behind it knows
// nothing of it. Only ModelInfer is touched: health, metadata and the repository answer as ever.

#include "engine/fault/call_fault.h"

#include <grpcpp/support/server_interceptor.h>
#include <memory>
#include <string>

namespace engine {

/// Thread-safe; one thread that lets held calls go. Outlives the server that its interceptor is in.
class CallFaults
{
public:
    explicit CallFaults(const Clock &clock);
    ~CallFaults();
    CallFaults(const CallFaults &) = delete;
    CallFaults &operator=(const CallFaults &) = delete;

    /// Begins, changes or (until 0) ends the fault of this id; ending lets go of what is held. It
    /// ends by itself at `until`.
    void set(const CallFault &fault);
    [[nodiscard]] std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
    interceptor();

    /// What the request of this id suffers now: the same for the same seed, fault and id, whatever
    /// else happens. Requests without an id are numbered as they come.
    struct Suffered
    {
        Micros delay{0};
        int status = 0;
    };
    [[nodiscard]] Suffered suffers(const std::string &requestId);

private:
    class State;
    std::shared_ptr<State> m_state;
};

} // namespace engine
