#include "engine/fault/proxy.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace engine {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;

sockaddr_in socketAddress(HostPort at)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(at.port);
    address.sin_addr.s_addr = htonl(at.host);
    return address;
}

void wake(int fd)
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(fd, &one, sizeof one);
}

// The one who waits at the other end sees a broken connection at once instead of a clean end.
void closeWithReset(Fd &fd)
{
    const linger now{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd.reset();
}

} // namespace

/// One side of a link. Edge-triggered: `readable` and `writable` are what epoll said last.
struct Proxy::End
{
    Link *link = nullptr;
    ProxyEdge *edge = nullptr; // set for a listener's entry only
    Fd fd;
    bool readable = false, writable = false, broken = false;
    bool ended = false;        // read its last byte
    bool shut = false;         // told it that there are no more bytes
    std::vector<char> pending; // read from the other side, not yet written here
    std::size_t sent = 0;      // of pending
};

struct Proxy::Link
{
    std::shared_ptr<ProxyEdge> edge;
    End client, server;
};

void ProxyEdge::setFlow(Flow toServer, Flow toClient)
{
    m_toServer = toServer;
    m_toClient = toClient;
    m_changed = true;
    wake(m_wakeFd);
}

Proxy::Proxy()
    : m_epoll(::epoll_create1(EPOLL_CLOEXEC)), m_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
{
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    ::epoll_ctl(m_epoll.get(), EPOLL_CTL_ADD, m_wake.get(), &event);
    m_thread = std::jthread([this](const std::stop_token &stop) { run(stop); });
}

Proxy::~Proxy()
{
    m_thread.request_stop();
    wake(m_wake.get());
}

Result<std::shared_ptr<ProxyEdge>> Proxy::addEdge(const std::string &name)
{
    Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    auto address = socketAddress({});
    socklen_t size = sizeof address;
    if (!listener.isOpen()
        || ::bind(listener.get(), reinterpret_cast<sockaddr *>(&address), size) != 0
        || ::listen(listener.get(), 128) != 0
        || ::getsockname(listener.get(), reinterpret_cast<sockaddr *>(&address), &size) != 0)
        return failErrno("Cannot open a loopback port for the edge " + name);
    auto edge = std::make_shared<ProxyEdge>(name, std::move(listener), ntohs(address.sin_port),
                                            m_wake.get());
    const std::lock_guard lock(m_mutex);
    m_edges[name] = edge;
    m_newEdges.push_back(edge);
    wake(m_wake.get());
    return edge;
}

std::shared_ptr<ProxyEdge> Proxy::edge(const std::string &name) const
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_edges.find(name);
    return found == m_edges.end() ? nullptr : found->second;
}

std::vector<std::string> Proxy::edgeNames() const
{
    const std::lock_guard lock(m_mutex);
    std::vector<std::string> names;
    for (const auto &[name, edge] : m_edges)
        names.push_back(name);
    return names;
}

void Proxy::clear()
{
    const std::lock_guard lock(m_mutex);
    m_edges.clear();
    m_newEdges.clear();
    m_clearing = true;
    wake(m_wake.get());
}

void Proxy::adoptEdges()
{
    const std::lock_guard lock(m_mutex);
    if (std::exchange(m_clearing, false)) {
        for (const auto &edge : m_served) {
            ::epoll_ctl(m_epoll.get(), EPOLL_CTL_DEL, edge->m_listener.get(), nullptr);
            // A fault may still hold the edge; its port must not answer any more.
            ::shutdown(edge->m_listener.get(), SHUT_RDWR);
        }
        m_served.clear();
        while (!m_links.empty())
            drop(m_links.begin()->first);
    }
    for (auto &edge : m_newEdges) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = reinterpret_cast<std::uintptr_t>(edge.get()) | 1; // bit 0: a listener
        ::epoll_ctl(m_epoll.get(), EPOLL_CTL_ADD, edge->m_listener.get(), &event);
        m_served.push_back(std::move(edge));
    }
    m_newEdges.clear();
}

void Proxy::run(const std::stop_token &stop)
{
    std::array<epoll_event, 64> events{};
    while (!stop.stop_requested()) {
        const int n =
            ::epoll_wait(m_epoll.get(), events.data(), static_cast<int>(events.size()), -1);
        bool woken = false;
        for (int i = 0; i < n; ++i) {
            const auto &event = events[static_cast<std::size_t>(i)];
            if (event.data.ptr == nullptr) {
                woken = true;
                continue;
            }
            if (event.data.u64 & 1) {
                accept(*reinterpret_cast<ProxyEdge *>(event.data.u64 & ~std::uint64_t{1}));
                continue;
            }
            auto &end = *static_cast<End *>(event.data.ptr);
            end.readable |= (event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
            end.writable |= (event.events & EPOLLOUT) != 0;
            end.broken |= (event.events & EPOLLERR) != 0;
            if (end.link && m_links.contains(end.link))
                pump(*end.link);
        }
        if (woken) {
            std::uint64_t count = 0;
            [[maybe_unused]] const auto r = ::read(m_wake.get(), &count, sizeof count);
            adoptEdges();
            std::vector<Link *> touched;
            for (const auto &edge : m_served)
                if (edge->m_changed.exchange(false))
                    for (const auto &[link, owned] : m_links)
                        if (link->edge == edge)
                            touched.push_back(link);
            for (auto *link : touched)
                pump(*link);
        }
        m_dropped.clear();
    }
    m_links.clear();
}

void Proxy::accept(ProxyEdge &edge)
{
    for (;;) {
        Fd client(::accept4(edge.m_listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!client.isOpen())
            return;
        auto owned = std::make_unique<Link>();
        Link &link = *owned;
        for (const auto &served : m_served)
            if (served.get() == &edge)
                link.edge = served;
        if (!link.edge)
            return;
        const int on = 1;
        ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        link.client.link = &link;
        link.client.fd = std::move(client);
        m_links.emplace(&link, std::move(owned));
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.ptr = &link.client;
        ::epoll_ctl(m_epoll.get(), EPOLL_CTL_ADD, link.client.fd.get(), &event);
        pump(link);
    }
}

bool Proxy::openUpstream(Link &link)
{
    const auto upstream = link.edge->upstream();
    Fd server(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const auto to = socketAddress(upstream);
    if (upstream.port == 0 || !server.isOpen()
        || (::connect(server.get(), reinterpret_cast<const sockaddr *>(&to), sizeof to) != 0
            && errno != EINPROGRESS))
        return false;
    const int on = 1;
    ::setsockopt(server.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    link.server.link = &link;
    link.server.fd = std::move(server);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &link.server;
    ::epoll_ctl(m_epoll.get(), EPOLL_CTL_ADD, link.server.fd.get(), &event);
    return true;
}

// Moves what can be moved in both directions. While a direction holds, its bytes stay in the
// kernel, and the end or break of a connection is not passed on either: a cut wire carries no FIN.
void Proxy::pump(Link &link)
{
    static thread_local std::array<char, kBuffer> buffer;
    const bool toServer = link.edge->toServer() == Flow::Pass;
    const bool toClient = link.edge->toClient() == Flow::Pass;
    if (!link.server.fd.isOpen()) {
        if (!toServer || !toClient)
            return; // a new connection during a cut: accepted by the kernel, led nowhere
        if (!openUpstream(link)) {
            drop(&link);
            return;
        }
    }
    const auto put = [](End &to, const char *data, std::size_t size) -> ssize_t {
        const auto n = ::send(to.fd.get(), data, size, MSG_NOSIGNAL);
        if (n >= 0)
            return n;
        to.writable = false;
        return errno == EAGAIN ? 0 : -1;
    };
    // The flow is asked for again before every read: nothing may pass after setFlow returned.
    const auto move = [&](End &from, End &to, auto flows) {
        for (;;) {
            if (!to.writable || !flows())
                return true;
            if (to.sent < to.pending.size()) {
                const auto n = put(to, to.pending.data() + to.sent, to.pending.size() - to.sent);
                if (n < 0)
                    return false;
                to.sent += static_cast<std::size_t>(n);
                continue;
            }
            to.pending.clear();
            to.sent = 0;
            if (!from.readable || from.ended)
                return true;
            const auto got = ::recv(from.fd.get(), buffer.data(), buffer.size(), 0);
            if (got < 0 && errno != EAGAIN)
                return false;
            from.readable = got > 0;
            from.ended = got == 0;
            if (got <= 0)
                continue;
            const auto n = put(to, buffer.data(), static_cast<std::size_t>(got));
            if (n < 0)
                return false;
            to.pending.assign(buffer.data() + n, buffer.data() + got);
        }
    };
    bool good = true;
    if (toServer)
        good = good && move(link.client, link.server, [&] {
                   return link.edge->toServer() == Flow::Pass;
               });
    if (toClient)
        good = good && move(link.server, link.client, [&] {
                   return link.edge->toClient() == Flow::Pass;
               });
    if (toServer && toClient && (link.client.broken || link.server.broken))
        good = false;
    if (!good) {
        drop(&link);
        return;
    }
    const auto passEnd = [](End &from, End &to, bool flows) {
        if (flows && from.ended && !to.shut && to.sent == to.pending.size()) {
            ::shutdown(to.fd.get(), SHUT_WR);
            to.shut = true;
        }
    };
    passEnd(link.client, link.server, toServer);
    passEnd(link.server, link.client, toClient);
    if (link.client.shut && link.server.shut)
        drop(&link);
}

void Proxy::drop(Link *link)
{
    const auto found = m_links.find(link);
    if (found == m_links.end())
        return;
    if (link->client.shut && link->server.shut) {
        link->client.fd.reset();
        link->server.fd.reset();
    }
    if (link->client.fd.isOpen())
        closeWithReset(link->client.fd);
    if (link->server.fd.isOpen())
        closeWithReset(link->server.fd);
    m_dropped.push_back(std::move(found->second));
    m_links.erase(found);
}

} // namespace engine
