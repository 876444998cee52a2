#pragma once
// A replica's face to the world: KServe v2 with the model repository extension, on gRPC's callback
// threads, which only hand work on.

#include "engine/base/clock.h"
#include "engine/metrics/window.h"
#include "engine/serving/replica_model.h"

#include <functional>
#include <grpcpp/impl/service_type.h>
#include <memory>
#include <vector>

namespace engine {

/// One more application that a replica serves, under its own name.
struct ServedApplication
{
    std::string name;
    ModelSource source;
};

struct ReplicaSettings
{
    std::string target;              ///< names the series: replica/2
    std::string model = "recommend"; ///< the model name it answers to
    int threads = 1;                 ///< batches scored at the same time
    std::string beside = "standby";  ///< a second one, served once it is loaded
};

/// Thread-safe. The models must be loaded by load() before a server is started on service().
/// `source` is that of `settings.model`, an application recommend.
class ReplicaService
{
public:
    /// Called after every load or unload, on the loading thread.
    using Changed = std::function<void(const std::shared_ptr<const ServedModel> &now)>;

    ReplicaService(ReplicaSettings settings, const ScorerSource &source, const Clock &clock,
                   const std::vector<ServedApplication> &others = {});
    ~ReplicaService();
    ReplicaService(const ReplicaService &) = delete;
    ReplicaService &operator=(const ReplicaService &) = delete;

    [[nodiscard]] Result<> load(const std::string &version);
    /// The models of the other applications; before the server starts.
    [[nodiscard]] Result<> loadOthers();
    /// Before the server starts.
    void onChanged(Changed changed);
    [[nodiscard]] std::shared_ptr<const ServedModel> current() const;
    [[nodiscard]] grpc::Service &service();
    /// T.requests, T.failed, T.queue, T.latency.p99 and the sketch T.latency since the last call.
    [[nodiscard]] Window takeWindow(MonoTime end);

private:
    class Service;
    std::unique_ptr<Service> m_service;
};

} // namespace engine
