#include "engine/data/output_file.h"

#include <cerrno>
#include <unistd.h>

namespace engine {

Result<OutputFile> OutputFile::open(const std::filesystem::path &target)
{
    std::error_code error;
    if (target.empty())
        return fail(ErrorCode::Usage, "Name the file to write: --out FILE");
    if (std::filesystem::is_directory(target, error))
        return fail(ErrorCode::InvalidInput, "This is a folder; name a file to write",
                    target.string());
    OutputFile output;
    output.m_target = target;
    output.m_part = target.string() + ".part" + std::to_string(::getpid());
    output.m_file.reset(std::fopen(output.m_part.c_str(), "wbe"));
    if (!output.m_file)
        return failErrno("Cannot write " + target.string());
    std::setvbuf(output.m_file.get(), nullptr, _IOFBF, 1 << 18);
    return output;
}

OutputFile::~OutputFile()
{
    if (!m_file)
        return;
    m_file.reset();
    std::error_code error;
    std::filesystem::remove(m_part, error);
}

Result<> OutputFile::write(std::string_view text)
{
    if (std::fwrite(text.data(), 1, text.size(), m_file.get()) != text.size())
        return failErrno("Cannot write " + m_target.string());
    return {};
}

Result<> OutputFile::commit()
{
    if (std::fflush(m_file.get()) != 0 || ::fsync(::fileno(m_file.get())) != 0)
        return failErrno("Cannot write " + m_target.string());
    if (std::rename(m_part.c_str(), m_target.c_str()) != 0)
        return failErrno("Cannot put " + m_target.string() + " in its place");
    m_file.reset();
    return {};
}

} // namespace engine
