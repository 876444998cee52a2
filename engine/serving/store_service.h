#pragma once
// The store node's gRPC service over any EventStore. Appends are answered when the store calls
// them durable.

#include "engine/base/clock.h"
#include "engine/data/event_store.h"
#include "engine/metrics/window.h"
#include "engine/serving/node_config.h"

#include <grpcpp/impl/service_type.h>
#include <memory>

namespace engine {

/// Thread-safe; `store` outlives it.
class StoreService
{
public:
    StoreService(EventStore &store, const Clock &clock);
    ~StoreService();
    [[nodiscard]] grpc::Service &service();
    /// store.requests, store.failed, store.acked (appends), store.age.p95 (ms between arrival and
    /// durable), store.seq, store.shipped and store.backup (sequence numbers: what a restore brings
    /// back), store.disk (bytes), store.append.age (s
    /// since the last acknowledged append) and the sketches store.latency (reads) and store.age
    /// since the last call.
    [[nodiscard]] Window takeWindow(MonoTime end);

private:
    class Service;
    std::unique_ptr<Service> m_service;
};

/// What the store process opened; `restored`: what a restore before that brought, for the
/// operator, or "".
struct OpenedStore
{
    std::unique_ptr<EventStore> store;
    std::string restored;
};

/// The store process from its config to its exit code; `open` makes the store and may take a
/// second. Call it first in main: it blocks the signals it waits for.
using StoreSource = std::function<Result<OpenedStore>()>;
[[nodiscard]] int serveStore(const NodeConfig &config, const StoreSource &open);

} // namespace engine
