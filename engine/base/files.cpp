#include "engine/base/files.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engine {
namespace {

class File
{
public:
    explicit File(int fd) : m_fd(fd) {}
    ~File()
    {
        if (m_fd >= 0)
            ::close(m_fd);
    }
    File(const File &) = delete;
    File &operator=(const File &) = delete;
    [[nodiscard]] int fd() const { return m_fd; }

private:
    int m_fd;
};

} // namespace

Result<Bytes> readFile(const std::filesystem::path &path, std::uint64_t limit)
{
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.fd() < 0)
        return errno == ENOENT ? fail(ErrorCode::NotFound, "There is no such file", path.string())
                               : failErrno("Cannot read " + path.string());
    struct stat info
    {
    };
    if (::fstat(file.fd(), &info) != 0)
        return failErrno("Cannot read " + path.string());
    if (!S_ISREG(info.st_mode))
        return fail(ErrorCode::InvalidInput, "This is not a regular file", path.string());
    if (static_cast<std::uint64_t>(info.st_size) > limit)
        return fail(ErrorCode::InvalidInput,
                    "The file has " + std::to_string(info.st_size) + " bytes; at most "
                        + std::to_string(limit) + " are read",
                    path.string());
    Bytes data(static_cast<std::size_t>(info.st_size));
    std::size_t at = 0;
    while (at < data.size()) {
        const auto got = ::read(file.fd(), data.data() + at, data.size() - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failErrno("Cannot read " + path.string());
        if (got == 0)
            break;
        at += static_cast<std::size_t>(got);
    }
    data.resize(at);
    return data;
}

Result<std::string> readText(const std::filesystem::path &path, std::uint64_t limit)
{
    auto data = readFile(path, limit);
    if (!data)
        return tl::unexpected(data.error());
    return std::string(data->begin(), data->end());
}

Result<> writeFileAtomically(const std::filesystem::path &path, std::span<const std::uint8_t> data,
                             unsigned mode)
{
    const auto temporary = path.string() + ".part" + std::to_string(::getpid());
    {
        const File file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
        if (file.fd() < 0)
            return failErrno("Cannot write " + temporary);
        std::size_t at = 0;
        while (at < data.size()) {
            const auto put = ::write(file.fd(), data.data() + at, data.size() - at);
            if (put < 0 && errno == EINTR)
                continue;
            if (put < 0) {
                auto error = failErrno("Cannot write " + path.string());
                ::unlink(temporary.c_str());
                return error;
            }
            at += static_cast<std::size_t>(put);
        }
        if (::fsync(file.fd()) != 0) {
            auto error = failErrno("Cannot write " + path.string());
            ::unlink(temporary.c_str());
            return error;
        }
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        auto error = failErrno("Cannot write " + path.string());
        ::unlink(temporary.c_str());
        return error;
    }
    const auto folderPath =
        path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const File folder(::open(folderPath.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.fd() >= 0)
        ::fsync(folder.fd());
    return {};
}

Result<> writeTextAtomically(const std::filesystem::path &path, std::string_view text,
                             unsigned mode)
{
    return writeFileAtomically(
        path, {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()}, mode);
}

Result<> makePrivateFolder(const std::filesystem::path &path)
{
    std::error_code error;
    const bool wasThere = std::filesystem::exists(path, error);
    std::filesystem::create_directories(path, error);
    if (error)
        return fail(ErrorCode::Io, "Cannot make the folder: " + error.message(), path.string());
    struct stat info
    {
    };
    if (::stat(path.c_str(), &info) != 0)
        return failErrno("Cannot use " + path.string());
    if (info.st_uid != ::geteuid())
        return fail(ErrorCode::Untrusted, "The folder belongs to another user", path.string());
    if (!wasThere && ::chmod(path.c_str(), 0700) != 0)
        return failErrno("Cannot protect " + path.string());
    return {};
}

} // namespace engine
