#pragma once
// An output that is written line by line and may be larger than memory: it goes to a file beside
// the target and takes its name at commit(), so the target is the old file or the whole new one.
// One thread.

#include "engine/base/error.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>

namespace engine {

class OutputFile
{
public:
    /// InvalidInput when the target is a folder, Io when nothing can be written there.
    [[nodiscard]] static Result<OutputFile> open(const std::filesystem::path &target);
    OutputFile(OutputFile &&) = default;
    OutputFile &operator=(OutputFile &&) = delete;
    /// Without commit() the part that was written is removed.
    ~OutputFile();

    [[nodiscard]] Result<> write(std::string_view text);
    /// Flushes to the disk and renames.
    [[nodiscard]] Result<> commit();

private:
    struct Closer
    {
        void operator()(std::FILE *file) const { std::fclose(file); }
    };
    OutputFile() = default;
    std::unique_ptr<std::FILE, Closer> m_file;
    std::filesystem::path m_target, m_part;
};

} // namespace engine
