#pragma once
// The wire between two processes of the shop: a user-space TCP relay on loopback that can be cut,
// established connections included. A cut holds the bytes, as a real one does (TCP keeps sending
// again until the wire is back); nothing is lost or reset by the proxy itself.

#include "engine/base/error.h"
#include "engine/fault/fd.h"
#include "engine/fault/host_port.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace engine {

/// What one direction of an edge does.
enum class Flow : std::uint32_t {
    Pass,
    Hold ///< nothing passes; the kernel's buffers keep what was sent
};

/// One relayed connection path, "gateway->replica/2". Its listening port is fixed for life; where
/// it leads may change. Every member may be called from any thread and takes no lock: flows are
/// atomics, so that an undo never waits for the proxy.
class ProxyEdge
{
public:
    ProxyEdge(std::string name, Fd listener, std::uint16_t port, int wakeFd)
        : m_name(std::move(name)), m_listener(std::move(listener)), m_port(port), m_wakeFd(wakeFd)
    {
    }
    [[nodiscard]] const std::string &name() const { return m_name; }
    [[nodiscard]] std::uint16_t port() const { return m_port; }
    [[nodiscard]] HostPort upstream() const { return m_upstream; }
    /// Where new connections lead (port 0 = nowhere: they are closed at once).
    void setUpstream(HostPort to) { m_upstream = to; }
    void setUpstream(std::uint16_t port) { setUpstream(HostPort{port}); }
    void setFlow(Flow toServer, Flow toClient);
    [[nodiscard]] Flow toServer() const { return m_toServer; }
    [[nodiscard]] Flow toClient() const { return m_toClient; }

private:
    friend class Proxy;
    const std::string m_name;
    const Fd m_listener;
    const std::uint16_t m_port;
    const int m_wakeFd;
    std::atomic<HostPort> m_upstream{HostPort{}};
    std::atomic<Flow> m_toServer{Flow::Pass}, m_toClient{Flow::Pass};
    std::atomic<bool> m_changed{false};
};

/// All edges of one agent on one thread. Edges live as long as the proxy.
class Proxy
{
public:
    Proxy();
    ~Proxy();
    Proxy(const Proxy &) = delete;
    Proxy &operator=(const Proxy &) = delete;

    /// Opens a loopback port for the edge; the reference stays valid until the proxy ends.
    [[nodiscard]] Result<std::shared_ptr<ProxyEdge>> addEdge(const std::string &name);
    /// Null when there is no such edge.
    [[nodiscard]] std::shared_ptr<ProxyEdge> edge(const std::string &name) const;
    [[nodiscard]] std::vector<std::string> edgeNames() const;
    /// Closes the ports and every connection of all edges; names may be added anew.
    void clear();

private:
    struct Link;
    struct End;
    void run(const std::stop_token &stop);
    void adoptEdges();
    void accept(ProxyEdge &edge);
    bool openUpstream(Link &link);
    void pump(Link &link);
    void drop(Link *link);

    mutable std::mutex
        m_mutex; // guards m_edges, m_newEdges, m_clearing; never held while moving bytes
    std::map<std::string, std::shared_ptr<ProxyEdge>> m_edges;
    std::vector<std::shared_ptr<ProxyEdge>> m_newEdges;
    bool m_clearing = false;

    Fd m_epoll, m_wake;
    std::vector<std::shared_ptr<ProxyEdge>> m_served; // the thread's own from here on
    std::map<Link *, std::unique_ptr<Link>> m_links;
    std::vector<std::unique_ptr<Link>> m_dropped; // kept until the batch of epoll events is done
    std::jthread m_thread;
};

} // namespace engine
