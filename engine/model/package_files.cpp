#include "engine/model/package_files.h"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace engine {

namespace {

/// Other programs' models, told apart by name and first bytes, so that the refusal can say why.
std::string foreignModel(const std::filesystem::path &path)
{
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return {};
    char start[4] = {};
    if (const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); fd >= 0) {
        [[maybe_unused]] const auto got = ::read(fd, start, sizeof start);
        ::close(fd);
    }
    if (std::string_view(start, 2) == "PK")
        return "This is a PyTorch checkpoint or a TorchScript program (a zip archive). It may run "
               "code when it is opened, so it is never loaded; a model package is a folder with "
               "weights.safetensors and a signed manifest, made by drillctl train";
    if (start[0] == '\x80' && start[1] >= 2 && start[1] <= 5)
        return "This is a Python pickle. It may run code when it is opened, so it is never loaded; "
               "a model package is a folder with weights.safetensors and a signed manifest, made "
               "by drillctl train";
    return "This is a file; a model package is a folder with weights.safetensors and a signed "
           "manifest, made by drillctl train";
}

} // namespace

Result<PackageFolder> PackageFolder::open(const std::filesystem::path &folder)
{
    if (const auto foreign = foreignModel(folder); !foreign.empty())
        return fail(ErrorCode::InvalidInput, foreign, folder.string());
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? fail(ErrorCode::NotFound, "There is no such model package", folder.string())
                   : failErrno("Cannot open the model package " + folder.string());
    return PackageFolder(folder, fd);
}

PackageFolder::PackageFolder(PackageFolder &&other) noexcept
    : m_folder(std::move(other.m_folder)), m_fd(std::exchange(other.m_fd, -1))
{
}

PackageFolder::~PackageFolder()
{
    if (m_fd >= 0)
        ::close(m_fd);
}

std::string PackageFolder::place(const std::string &name) const
{
    return (m_folder / name).string();
}

Result<std::vector<std::string>> PackageFolder::names() const
{
    const int copy = ::openat(m_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? nullptr : ::fdopendir(copy);
    if (stream == nullptr) {
        auto error = failErrno("Cannot list " + m_folder.string());
        if (copy >= 0)
            ::close(copy);
        return error;
    }
    std::vector<std::string> names;
    while (const dirent *entry = ::readdir(stream)) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..")
            names.push_back(name);
    }
    ::closedir(stream);
    std::sort(names.begin(), names.end());
    return names;
}

Result<Bytes> PackageFolder::read(const std::string &name, std::uint64_t limit) const
{
    const int fd = ::openat(m_fd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ELOOP)
            return fail(ErrorCode::InvalidInput,
                        "This is a symbolic link; a package holds plain files only", place(name));
        if (errno == ENOENT)
            return fail(ErrorCode::InvalidInput, "The package lacks this file", place(name));
        return failErrno("Cannot read " + place(name));
    }
    const auto closed = [fd](auto result) {
        ::close(fd);
        return result;
    };
    struct stat info
    {
    };
    if (::fstat(fd, &info) != 0)
        return closed(Result<Bytes>(failErrno("Cannot read " + place(name))));
    if (!S_ISREG(info.st_mode))
        return closed(Result<Bytes>(fail(ErrorCode::InvalidInput,
                                         "This is not a regular file; a package holds plain files "
                                         "only",
                                         place(name))));
    if (static_cast<std::uint64_t>(info.st_size) > limit)
        return closed(
            Result<Bytes>(fail(ErrorCode::InvalidInput,
                               "The file has " + std::to_string(info.st_size) + " bytes; at most "
                                   + std::to_string(limit) + " are read",
                               place(name))));
    Bytes data(static_cast<std::size_t>(info.st_size));
    std::size_t at = 0;
    while (at < data.size()) {
        const auto got = ::read(fd, data.data() + at, data.size() - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return closed(Result<Bytes>(failErrno("Cannot read " + place(name))));
        if (got == 0)
            break;
        at += static_cast<std::size_t>(got);
    }
    data.resize(at);
    return closed(Result<Bytes>(std::move(data)));
}

} // namespace engine
