#include "engine/agent/control_socket.h"

#include "engine/base/files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace engine {
namespace {

Result<sockaddr_un> unixAddress(const std::filesystem::path &path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto text = path.string();
    if (text.size() >= sizeof address.sun_path)
        return fail(ErrorCode::InvalidInput, "The socket path is too long: " + text
                                                 + "; set XDG_RUNTIME_DIR to a short folder");
    std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
    return address;
}

bool isOwnPeer(int socket)
{
    ucred who{};
    socklen_t size = sizeof who;
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.uid == ::getuid();
}

} // namespace

Result<Fd> lockHome(const Paths &paths)
{
    const auto file = paths.home / "agent.lock";
    Fd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock.isOpen())
        return failErrno("Cannot open " + file.string());
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        const auto who = readText(file, 4096);
        return fail(ErrorCode::Busy, "An agent runs for " + paths.home.string() + " already: pid "
                                         + (who ? *who : "unknown"));
    }
    const auto pid = std::to_string(::getpid());
    if (::ftruncate(lock.get(), 0) != 0
        || ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
        return failErrno("Cannot write " + file.string());
    return lock;
}

Result<Fd> listenUnix(const std::filesystem::path &path)
{
    const auto address = unixAddress(path);
    DR_RETURN_IF_ERROR(address);
    ::unlink(path.c_str());
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.isOpen()
        || ::bind(socket.get(), reinterpret_cast<const sockaddr *>(&*address), sizeof *address) != 0
        || ::chmod(path.c_str(), 0600) != 0 || ::listen(socket.get(), 64) != 0)
        return failErrno("Cannot listen on " + path.string());
    return socket;
}

int acceptOwn(const Fd &listener)
{
    pollfd wait{listener.get(), POLLIN, 0};
    if (::poll(&wait, 1, -1) != 1)
        return -1;
    Fd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return socket.isOpen() && isOwnPeer(socket.get()) ? socket.release() : -1;
}

Result<Fd> connectUnix(const std::filesystem::path &path)
{
    const auto address = unixAddress(path);
    DR_RETURN_IF_ERROR(address);
    Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.isOpen()
        || ::connect(socket.get(), reinterpret_cast<const sockaddr *>(&*address), sizeof *address)
               != 0)
        return fail(ErrorCode::Unavailable, "No agent answers at " + path.string());
    if (!isOwnPeer(socket.get()))
        return fail(ErrorCode::Untrusted, "The socket " + path.string() + " is another user's");
    return socket;
}

} // namespace engine
