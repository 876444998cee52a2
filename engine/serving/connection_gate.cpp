#include "engine/serving/connection_gate.h"

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <fmt/format.h>
#include <grpcpp/security/server_credentials.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace engine {
namespace {

constexpr int kBacklog = 1024;
constexpr std::uint64_t kMostReserved = 64; ///< descriptors; a quarter of a small limit
constexpr int kPauseMillis = 50;            ///< when not even the spare descriptor helps

std::uint64_t descriptorLimit()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

void raiseDescriptorLimit()
{
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/// An empty SETTINGS frame, then GOAWAY (RFC 9113, 6.8) with ENHANCE_YOUR_CALM and a reason.
std::string goAway()
{
    const std::string why = "connections used up: close some, or raise the limit of open files";
    const auto length = static_cast<char>(8 + why.size());
    std::string bytes("\0\0\0\4\0\0\0\0\0", 9);
    bytes += std::string("\0\0", 2) + length + std::string("\7\0\0\0\0\0", 6);
    bytes += std::string("\0\0\0\0\0\0\0\xb", 8) + why;
    return bytes;
}

Fd spare()
{
    return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

} // namespace

Result<std::unique_ptr<ConnectionGate>> ConnectionGate::open(const std::string &listen)
{
    const auto colon = listen.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    int port = -1;
    const auto *end = listen.data() + listen.size();
    if (colon != std::string::npos)
        std::from_chars(listen.data() + colon + 1, end, port);
    if (port < 0 || port > 65'535
        || ::inet_pton(AF_INET, listen.substr(0, colon).c_str(), &address.sin_addr) != 1)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("'{}' cannot be listened on; write an IPv4 address and a port, as "
                                "in 127.0.0.1:0",
                                listen));
    raiseDescriptorLimit();
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    std::unique_ptr<ConnectionGate> gate(new ConnectionGate);
    gate->m_listener = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    gate->m_wake = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    gate->m_spare = spare();
    const int on = 1;
    socklen_t size = sizeof address;
    ::setsockopt(gate->m_listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!gate->m_listener.isOpen() || !gate->m_wake.isOpen()
        || ::bind(gate->m_listener.get(), reinterpret_cast<sockaddr *>(&address), size) != 0
        || ::listen(gate->m_listener.get(), kBacklog) != 0
        || ::getsockname(gate->m_listener.get(), reinterpret_cast<sockaddr *>(&address), &size)
               != 0)
        return failErrno("Cannot listen on " + listen);
    gate->m_port = ntohs(address.sin_port);
    return gate;
}

void ConnectionGate::serve(grpc::ServerBuilder &builder)
{
    using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
    m_acceptor = builder.experimental().AddExternalConnectionAcceptor(
        Type::FROM_FD, grpc::InsecureServerCredentials());
}

void ConnectionGate::start()
{
    m_thread = std::jthread([this](const std::stop_token &stop) { run(stop); });
}

ConnectionGate::~ConnectionGate()
{
    m_thread.request_stop();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(m_wake.get(), &one, sizeof one);
}

void ConnectionGate::run(const std::stop_token &stop)
{
    while (!stop.stop_requested()) {
        pollfd events[] = {{m_listener.get(), POLLIN, 0}, {m_wake.get(), POLLIN, 0}};
        if (::poll(events, 2, -1) < 0 && errno != EINTR)
            return;
        while (!stop.stop_requested()) {
            Fd connection(
                ::accept4(m_listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (connection.isOpen()) {
                take(std::move(connection));
            } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                acceptOnSpare();
            } else {
                break; // nobody waits, or who waited is gone
            }
        }
    }
}

void ConnectionGate::take(Fd connection)
{
    // The kernel gives the lowest free number: one near the limit says that all below are taken.
    const auto limit = descriptorLimit();
    const auto reserved = std::min(kMostReserved, limit / 4);
    if (static_cast<std::uint64_t>(connection.get()) + reserved >= limit)
        return turnAway(std::move(connection));
    const int on = 1;
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters to;
    to.listener_fd = m_listener.get();
    to.fd = connection.release();
    m_acceptor->HandleNewConnection(&to);
}

void ConnectionGate::turnAway(Fd connection)
{
    static const auto bytes = goAway();
    (void)!::send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    // What was sent and not read would make the kernel reset the connection, and lose the reason.
    ::shutdown(connection.get(), SHUT_WR);
    char greeting[1024];
    (void)!::recv(connection.get(), greeting, sizeof greeting, MSG_DONTWAIT);
    ++m_turnedAway;
}

void ConnectionGate::acceptOnSpare()
{
    m_spare.reset();
    Fd connection(::accept4(m_listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.isOpen()) {
        turnAway(std::move(connection));
    } else if (errno != EAGAIN) {
        pollfd wait{m_wake.get(), POLLIN, 0};
        ::poll(&wait, 1, kPauseMillis);
    }
    connection.reset();
    m_spare = spare();
}

} // namespace engine
