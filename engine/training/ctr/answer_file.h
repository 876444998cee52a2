#pragma once
// The file of a long answer, written piece by piece: beside its place until finish(), then renamed.
// Without finish() nothing stays. One thread.

#include "engine/base/error.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>

namespace engine {

class AnswerFile
{
public:
    [[nodiscard]] static Result<AnswerFile> create(std::filesystem::path path);
    AnswerFile(AnswerFile &&) = default;
    AnswerFile &operator=(AnswerFile &&) = delete;
    ~AnswerFile();

    [[nodiscard]] Result<> write(std::string_view text);
    /// Flushes to the disk and puts the file in its place.
    [[nodiscard]] Result<> finish();

private:
    struct Closer
    {
        void operator()(std::FILE *file) const { std::fclose(file); }
    };
    AnswerFile(std::filesystem::path path, std::filesystem::path part, std::FILE *file)
        : m_path(std::move(path)), m_part(std::move(part)), m_file(file)
    {
    }
    std::filesystem::path m_path, m_part;
    std::unique_ptr<std::FILE, Closer> m_file; ///< null once finished
};

} // namespace engine
