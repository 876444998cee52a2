#include "engine/recording/reader_file.h"

#include "engine/recording/schema.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace engine {
namespace {

std::uint32_t bigEndian(const std::uint8_t *at)
{
    return (std::uint32_t{at[0]} << 24) | (std::uint32_t{at[1]} << 16) | (std::uint32_t{at[2]} << 8)
           | at[3];
}

} // namespace

std::string recordingFormatName(std::uint32_t major, std::uint32_t minor)
{
    return std::to_string(major) + "." + std::to_string(minor);
}

Result<RecordingHeader> readRecordingHeader(const std::filesystem::path &path)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT
                   ? fail(ErrorCode::NotFound, "There is no such recording", path.string())
                   : failErrno("Cannot read " + path.string());
    std::array<std::uint8_t, 100> head{};
    struct stat info
    {
    };
    const bool isFile = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    const auto got = isFile ? ::pread(fd, head.data(), head.size(), 0) : 0;
    ::close(fd);
    if (!isFile)
        return fail(ErrorCode::InvalidInput, "This is not a regular file", path.string());
    static constexpr char kMagic[] = "SQLite format 3"; // with its zero: 16 bytes
    if (got != static_cast<ssize_t>(head.size())
        || std::memcmp(head.data(), kMagic, sizeof(kMagic)) != 0)
        return fail(ErrorCode::InvalidInput,
                    "This is not a Drillroom recording (or its first bytes are damaged)",
                    path.string());
    RecordingHeader header;
    header.isWal = head[18] == 2 || head[19] == 2;
    // A killed writer may have everything in the WAL, but these two are in the file from its start.
    if (bigEndian(&head[68]) != schema::kApplicationId)
        return fail(ErrorCode::InvalidInput,
                    "This is an SQLite file, but not a Drillroom recording", path.string() + ":68");
    const auto version = bigEndian(&head[60]);
    const auto major = version & 0xFFFF;
    header.minor = version >> 16;
    if (major != schema::kMajor)
        return fail(ErrorCode::InvalidInput,
                    "The recording has format " + recordingFormatName(major, header.minor)
                        + "; this program reads format "
                        + recordingFormatName(schema::kMajor, schema::kMinor) + " and other "
                        + std::to_string(schema::kMajor) + ".x; "
                        + (major > schema::kMajor ? "open it with a newer Drillroom"
                                                  : "open it with the Drillroom that made it"),
                    path.string() + ":60");
    return header;
}

namespace {

struct Stamp
{
    std::uintmax_t size = 0;
    std::int64_t seconds = 0, nanos = 0;
    bool operator==(const Stamp &) const = default;
};

Stamp stampOf(const std::filesystem::path &path)
{
    struct stat info
    {
    };
    if (::stat(path.c_str(), &info) != 0)
        return {};
    return {static_cast<std::uintmax_t>(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

} // namespace

Result<std::filesystem::path> copyRecordingPrivately(const std::filesystem::path &path)
{
    std::error_code error;
    auto pattern = (std::filesystem::temp_directory_path(error) / "drillroom-copy-XXXXXX").string();
    if (error || !::mkdtemp(pattern.data()))
        return failErrno("Cannot make a folder for a copy of " + path.string());
    const std::filesystem::path folder(pattern);
    const std::filesystem::path wal(path.string() + "-wal");
    const auto overwrite = std::filesystem::copy_options::overwrite_existing;
    for (int attempt = 0; attempt < 10; ++attempt) {
        const auto before = std::pair(stampOf(path), stampOf(wal));
        std::filesystem::copy_file(path, folder / "copy.drl", overwrite, error);
        std::error_code walError;
        if (before.second.size > 0)
            std::filesystem::copy_file(wal, folder / "copy.drl-wal", overwrite, walError);
        const std::filesystem::path journal(path.string() + "-journal");
        if (std::filesystem::exists(journal, error) && !walError)
            std::filesystem::copy_file(journal, folder / "copy.drl-journal", overwrite, walError);
        if (error || walError) {
            std::filesystem::remove_all(folder, walError);
            return fail(ErrorCode::Io, "Cannot copy the recording to read it: " + error.message(),
                        path.string());
        }
        if (before == std::pair(stampOf(path), stampOf(wal)))
            return folder;
    }
    std::filesystem::remove_all(folder, error);
    return fail(ErrorCode::Busy, "The recording is being written; try again when the run is over",
                path.string());
}

Error damagedRecording(const std::filesystem::path &path, const std::string &what)
{
    return Error{ErrorCode::InvalidInput, "The recording is damaged: " + what, path.string()};
}

} // namespace engine
