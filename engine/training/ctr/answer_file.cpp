#include "engine/training/ctr/answer_file.h"

#include <unistd.h>

namespace engine {

Result<AnswerFile> AnswerFile::create(std::filesystem::path path)
{
    std::filesystem::path part = path.string() + ".part" + std::to_string(::getpid());
    std::FILE *file = std::fopen(part.c_str(), "wb");
    if (file == nullptr)
        return failErrno("Cannot write " + part.string());
    return AnswerFile(std::move(path), std::move(part), file);
}

AnswerFile::~AnswerFile()
{
    if (m_file) {
        m_file.reset();
        std::error_code ignored; // nothing can be done about a file that will not go
        std::filesystem::remove(m_part, ignored);
    }
}

Result<> AnswerFile::write(std::string_view text)
{
    if (std::fwrite(text.data(), 1, text.size(), m_file.get()) != text.size())
        return failErrno("Cannot write " + m_path.string());
    return {};
}

Result<> AnswerFile::finish()
{
    if (std::fflush(m_file.get()) != 0 || ::fsync(::fileno(m_file.get())) != 0)
        return failErrno("Cannot write " + m_path.string());
    std::error_code error;
    std::filesystem::rename(m_part, m_path, error);
    if (error)
        return fail(ErrorCode::Io, "Cannot put the file in its place: " + error.message(),
                    m_path.string());
    m_file.reset();
    return {};
}

} // namespace engine
