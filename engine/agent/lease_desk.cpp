// The part of Warden that serves the plain socket: lease, emergency stop, and what happens when a
// controller is gone.

#include "engine/agent/warden.h"

#include "engine/base/files.h"

#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/socket.h>

namespace engine {
namespace {

constexpr std::size_t kLongestLine = 8 * 1024;

std::string freshToken()
{
    std::array<std::uint8_t, 16> bytes{};
    while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        ;
    return hex(bytes);
}

} // namespace

void Warden::acceptPeers()
{
    for (;;) {
        Fd socket(::accept4(m_listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!socket.isOpen())
            return;
        ucred who{};
        socklen_t size = sizeof who;
        if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0
            || who.uid != ::getuid())
            continue;
        auto &peer = m_peers.emplace_back();
        peer.socket = std::move(socket);
        peer.pid = who.pid;
    }
}

void Warden::readPeer(Peer &peer)
{
    for (;;) {
        std::array<char, 1024> buffer{};
        const auto n = ::recv(peer.socket.get(), buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 || peer.received.size() > kLongestLine) {
            dropPeer(peer);
            return;
        }
        peer.received.append(buffer.data(), static_cast<std::size_t>(n));
        for (auto end = peer.received.find('\n'); end != std::string::npos;
             end = peer.received.find('\n')) {
            const auto line = peer.received.substr(0, end);
            peer.received.erase(0, end + 1);
            const auto space = line.find(' ');
            const auto word = line.substr(0, space);
            const auto rest = space == std::string::npos ? std::string{} : line.substr(space + 1);
            if (word == "lease") {
                answer(peer, giveLease(peer, rest));
            } else if (word == "recording" && peer.holdsLease) {
                peer.recording = rest;
                answer(peer, "ok");
            } else if (word == "halt" || word == "release") {
                haltNow(word == "halt", fmt::format("pid {}", peer.pid));
                answer(peer, "ok");
            } else {
                answer(peer, "unknown");
            }
        }
    }
}

void Warden::answer(Peer &peer, const std::string &line)
{
    const auto text = line + "\n";
    // A peer that does not read its one line is no reason to wait.
    [[maybe_unused]] const auto n =
        ::send(peer.socket.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::string Warden::giveLease(Peer &peer, const std::string &name)
{
    const std::lock_guard lock(m_mutex);
    if (!m_holder.empty() && !peer.holdsLease)
        return "held " + m_holder;
    peer.name = fmt::format("{} (pid {})", name.empty() ? "somebody" : name, peer.pid);
    peer.holdsLease = true;
    m_holder = peer.name;
    m_token = freshToken();
    return "ok " + m_token;
}

void Warden::dropPeer(Peer &peer)
{
    if (peer.holdsLease)
        controllerIsGone(peer);
    peer.holdsLease = false;
    peer.socket.reset();
}

void Warden::controllerIsGone(const Peer &peer)
{
    std::vector<std::shared_ptr<FaultRun>> active;
    for (const auto &run : m_runs)
        if (run->isActive())
            active.push_back(run);
    for (const auto &run : active)
        run->undo("controller gone");
    if (m_ownsShop.exchange(false))
        m_shop.abandon();
    m_shop.forgetController();
    for (const auto &run : m_runs)
        run->stopWatchingKill();
    {
        const std::lock_guard lock(m_mutex);
        m_holder.clear();
        m_token.clear();
    }
    undoNow(active, "controller gone");
    if (active.empty() || peer.recording.empty())
        return;
    auto faults = nlohmann::json::array();
    for (const auto &run : active)
        faults.push_back({{"id", run->spec().id},
                          {"fault", run->spec().fault},
                          {"target", run->spec().target},
                          {"outcome", "undone: controller gone"}});
    auto file = std::filesystem::path(peer.recording);
    file.replace_extension(".undo.json");
    const nlohmann::json outcome{{"holder", peer.name},
                                 {"wall_us", m_clock.wallMicros()},
                                 {"mono_us", m_clock.now().count()},
                                 {"faults", faults}};
    if (const auto written = writeTextAtomically(file, outcome.dump(1) + "\n"); !written)
        spdlog::error("undo outcome file={} error=\"{}\"", file.string(), written.error().text());
}

} // namespace engine
