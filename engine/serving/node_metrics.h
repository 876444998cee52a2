#pragma once
// A node's /metrics for Prometheus, on a loopback port of its own, fed with the windows that the
// agent gets too.

#include "engine/base/error.h"
#include "engine/metrics/window.h"
#include "engine/serving/node_config.h"

#include <memory>

namespace engine {

/// Thread-safe. Where it answers lies in SHOP/metrics/TARGET.json, in the form of Prometheus' file
/// discovery (`file_sd_configs: [{files: [SHOP/metrics/*.json]}]`); it stays there when the process
/// is gone, so that its absence shows as `up == 0`. Names: engine/metrics/metric_names.h; besides
/// them the usual process_*.
class NodeMetrics
{
public:
    /// Option "metrics_port": 0 (default) = one that the system chooses, -1 = none. A port that
    /// cannot be had is an error of that option; a node serves without it otherwise.
    [[nodiscard]] static Result<std::unique_ptr<NodeMetrics>> start(const NodeConfig &config);
    ~NodeMetrics();
    void take(const Window &window);
    /// 0: none.
    [[nodiscard]] int port() const { return m_port; }

private:
    NodeMetrics() = default;
    class Page;
    std::shared_ptr<Page> m_page;
    struct Server;
    std::unique_ptr<Server> m_server;
    int m_port = 0;
};

} // namespace engine
