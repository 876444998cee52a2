#include "engine/store/shipped_log.h"

#include "engine/base/digest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace engine {
namespace {

constexpr std::size_t kRecord = 32;
constexpr std::string_view kMagic = "DRLOG001";
using Record = std::array<std::uint8_t, kRecord>;

template <class T>
void put(Record &record, std::size_t at, T value)
{
    for (std::size_t i = 0; i < sizeof(T); ++i)
        record[at + i] =
            static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF);
}

template <class T>
T get(const Record &record, std::size_t at)
{
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value |= std::uint64_t{record[at + i]} << (8 * i);
    return static_cast<T>(value);
}

std::uint32_t checkOf(const Record &record, std::size_t length, std::uint32_t timeline)
{
    std::array<std::uint8_t, kRecord + 4> bytes{};
    std::copy_n(record.begin(), length, bytes.begin());
    for (std::size_t i = 0; i < 4; ++i)
        bytes[length + i] = static_cast<std::uint8_t>(timeline >> (8 * i) & 0xFF);
    const auto digest = sha256(std::span<const std::uint8_t>(bytes.data(), length + 4));
    std::uint32_t check = 0;
    std::memcpy(&check, digest.data(), sizeof check);
    return check;
}

Record recordOf(const StoreEvent &event, std::uint32_t timeline)
{
    Record record{};
    put(record, 0, event.seq);
    put(record, 8, event.at);
    put(record, 16, event.shopper);
    put(record, 20, event.h);
    put(record, 24, event.item);
    put(record, 28, checkOf(record, 28, timeline));
    return record;
}

Record headerOf(std::uint32_t timeline, std::uint64_t first)
{
    Record header{};
    std::copy(kMagic.begin(), kMagic.end(), header.begin());
    put(header, 8, timeline);
    put(header, 16, first);
    put(header, 24, std::uint64_t{checkOf(header, 24, timeline)});
    return header;
}

tl::unexpected<Error> failed(const std::filesystem::path &file)
{
    auto error = failErrno("The store's log of acknowledged events cannot be written");
    error.value().place = file.string();
    return error;
}

bool writeAll(int fd, const std::uint8_t *data, std::size_t size, std::uint64_t at)
{
    while (size > 0) {
        const auto written = ::pwrite(fd, data, size, static_cast<off_t>(at));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        size -= static_cast<std::size_t>(written);
        at += static_cast<std::uint64_t>(written);
    }
    return true;
}

} // namespace

Result<ShippedLog> ShippedLog::create(const std::filesystem::path &file, std::uint32_t timeline,
                                      std::uint64_t first)
{
    ShippedLog log;
    log.m_file = file;
    log.m_timeline = timeline;
    log.m_fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const auto header = headerOf(timeline, first);
    if (log.m_fd < 0 || !writeAll(log.m_fd, header.data(), header.size(), 0)
        || ::fdatasync(log.m_fd) != 0)
        return failed(file);
    log.m_size = header.size();
    // Its name must outlive a power cut too.
    const int folder = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = folder >= 0 && ::fsync(folder) == 0;
    if (folder >= 0)
        ::close(folder);
    if (!synced)
        return failed(file);
    return log;
}

ShippedLog::~ShippedLog()
{
    if (m_fd >= 0)
        ::close(m_fd);
}

ShippedLog::ShippedLog(ShippedLog &&other) noexcept
    : m_file(std::move(other.m_file)), m_fd(std::exchange(other.m_fd, -1)),
      m_timeline(other.m_timeline), m_size(other.m_size)
{
}

ShippedLog &ShippedLog::operator=(ShippedLog &&other) noexcept
{
    std::swap(m_file, other.m_file);
    std::swap(m_fd, other.m_fd);
    m_timeline = other.m_timeline;
    m_size = other.m_size;
    return *this;
}

Result<> ShippedLog::append(std::span<const StoreEvent> events)
{
    if (events.empty())
        return {};
    std::vector<std::uint8_t> bytes;
    bytes.reserve(events.size() * kRecord);
    for (const auto &event : events) {
        const auto record = recordOf(event, m_timeline);
        bytes.insert(bytes.end(), record.begin(), record.end());
    }
    if (!writeAll(m_fd, bytes.data(), bytes.size(), m_size) || ::fdatasync(m_fd) != 0) {
        const auto error = failed(m_file);
        // Half a record would hide what follows it; the next call writes over it anyhow.
        (void)!::ftruncate(m_fd, static_cast<off_t>(m_size));
        return error;
    }
    m_size += bytes.size();
    return {};
}

Result<LogEnd> readLog(const std::filesystem::path &file, std::uint32_t timeline,
                       const std::function<Result<>(const StoreEvent &)> &take)
{
    struct Closer
    {
        int fd;
        ~Closer() { ::close(fd); }
    };
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        auto error = failErrno("The store's log of acknowledged events cannot be read");
        error.value().place = file.string();
        return error;
    }
    const Closer closer{fd};
    std::vector<std::uint8_t> buffer(kRecord * 4096);
    std::uint64_t at = 0, next = 0;
    LogEnd end;
    while (true) {
        std::size_t have = 0;
        while (have < buffer.size()) {
            const auto got = ::pread(fd, buffer.data() + have, buffer.size() - have,
                                     static_cast<off_t>(at + have));
            if (got <= 0)
                break;
            have += static_cast<std::size_t>(got);
        }
        if (have == 0)
            return end;
        for (std::size_t i = 0; i < have; i += kRecord) {
            Record record{};
            const bool isWhole = i + kRecord <= have;
            std::copy_n(buffer.begin() + static_cast<std::ptrdiff_t>(i),
                        std::min(kRecord, have - i), record.begin());
            if (at + i == 0) {
                next = get<std::uint64_t>(record, 16);
                if (!isWhole || record != headerOf(timeline, next))
                    return fail(ErrorCode::InvalidInput,
                                fmt::format("This is not a log segment of timeline {}", timeline),
                                file.string());
                continue;
            }
            StoreEvent event{get<std::uint64_t>(record, 0), get<std::int64_t>(record, 8),
                             get<std::uint32_t>(record, 16), get<std::uint32_t>(record, 20),
                             get<std::uint32_t>(record, 24)};
            const bool holds = isWhole && record == recordOf(event, timeline);
            if (end.tornAt != 0) {
                end.isDamaged = end.isDamaged || holds;
                continue;
            }
            if (!holds || event.seq != next) {
                end.tornAt = at + i;
                end.isDamaged = holds;
                continue;
            }
            ++next;
            ++end.events;
            DR_RETURN_IF_ERROR(take(event));
        }
        at += have;
    }
}

} // namespace engine
