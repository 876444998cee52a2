#include "engine/data/text_source.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace engine {
namespace {

constexpr std::size_t kBlock = 256 * 1024;

struct Packed
{
    std::string_view magic, name, tool;
};
using namespace std::string_view_literals;
constexpr Packed kPacked[] = {{"\x1F\x8B"sv, "gzip", "gunzip"},
                              {"PK\x03\x04"sv, "zip", "unzip"},
                              {"\xFD"
                               "7zXZ"sv,
                               "xz", "unxz"},
                              {"\x28\xB5\x2F\xFD"sv, "zstd", "unzstd"},
                              {"BZh"sv, "bzip2", "bunzip2"}};

} // namespace

Result<TextSource> TextSource::open(const std::filesystem::path &path)
{
    // O_NONBLOCK: a FIFO without a writer must be refused, not waited for.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? fail(ErrorCode::NotFound, "There is no such file", path.string())
                               : failErrno("Cannot read " + path.string());
    }
    TextSource source;
    source.m_file.reset(::fdopen(fd, "rb"));
    source.m_path = path.string();
    struct stat info
    {
    };
    if (::fstat(fd, &info) != 0)
        return failErrno("Cannot read " + path.string());
    if (S_ISDIR(info.st_mode))
        return fail(ErrorCode::InvalidInput, "This is a folder; name one file in it",
                    path.string());
    if (!S_ISREG(info.st_mode))
        return fail(ErrorCode::InvalidInput, "This is not a regular file", path.string());
    source.m_bytesInAll = static_cast<std::uint64_t>(info.st_size);
    std::setvbuf(source.m_file.get(), nullptr, _IONBF, 0);
    source.fill();
    if (auto checked = source.checkStart(); !checked)
        return tl::unexpected(checked.error());
    return source;
}

Result<> TextSource::checkStart()
{
    if (m_failed)
        return tl::unexpected(m_error);
    const std::string_view start(reinterpret_cast<const char *>(m_block.data()), m_block.size());
    if (start.empty())
        return broken("The file is empty", 1, 1);
    for (const auto &packed : kPacked) {
        if (start.starts_with(packed.magic)) {
            return broken("The file is compressed (" + std::string(packed.name)
                              + "); unpack it first: " + std::string(packed.tool),
                          1, 1);
        }
    }
    if (start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF"))
        return broken("The file is UTF-16; save it as UTF-8", 1, 1);
    if (start.starts_with("\xEF\xBB\xBF")) {
        m_at = 3;
        if (m_block.size() == 3 && !fill())
            return broken("The file is empty", 1, 1);
    }
    return {};
}

bool TextSource::fill()
{
    m_block.resize(kBlock);
    m_at = 0;
    const auto got = std::fread(m_block.data(), 1, kBlock, m_file.get());
    if (got == 0 && std::ferror(m_file.get()) != 0) {
        m_error = failErrno("Cannot read " + m_path).value();
        m_failed = true;
    }
    m_block.resize(got);
    m_bytesRead += got;
    return got > 0;
}

int TextSource::raw()
{
    if (m_at == m_block.size() && (m_failed || !fill()))
        return m_failed ? kFault : kEnd;
    return m_block[m_at];
}

int TextSource::peek()
{
    const int byte = raw();
    if (byte == 0) {
        m_error =
            broken("The file holds a NUL byte; it is no text, or it is damaged", m_line, m_column)
                .value();
        m_failed = true;
        m_block.clear();
        m_at = 0;
        return kFault;
    }
    if (byte != '\r')
        return byte;
    // Looks past the carriage return; at the end of a block the rest is moved to the next one.
    if (m_at + 1 == m_block.size()) {
        const bool more = fill();
        if (m_failed)
            return kFault;
        m_block.insert(m_block.begin(), '\r');
        if (!more)
            return '\r';
    }
    if (m_at + 1 < m_block.size() && m_block[m_at + 1] == '\n') {
        ++m_at;
        return '\n';
    }
    return '\r';
}

int TextSource::next()
{
    const int byte = peek();
    if (byte < 0)
        return byte;
    ++m_at;
    if (byte == '\n') {
        ++m_line;
        m_column = 1;
    } else {
        ++m_column;
    }
    return byte;
}

tl::unexpected<Error> TextSource::broken(std::string message, std::uint64_t line,
                                         std::uint64_t column) const
{
    return fail(ErrorCode::InvalidInput, std::move(message),
                m_path + ':' + std::to_string(line) + ':' + std::to_string(column));
}

} // namespace engine
