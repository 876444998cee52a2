#pragma once
// Lines of words parted by spaces or tabs, one line at a time: the formats pairs and lists. Memory
// is bounded by the longest line. One thread.

#include "engine/data/text_source.h"

#include <string>
#include <vector>

namespace engine {

class WordLines
{
public:
    /// A line longer than `longest` bytes is an error that names it.
    [[nodiscard]] static Result<WordLines> open(const std::filesystem::path &path,
                                                std::uint64_t longest);

    /// The next line's words, none for an empty line; false at the end of the file.
    [[nodiscard]] Result<bool> next(std::vector<std::string> &words);
    /// The number of the line that next() gave last, from 1.
    [[nodiscard]] std::uint64_t line() const { return m_line; }
    [[nodiscard]] const TextSource &source() const { return m_source; }

private:
    WordLines(TextSource source, std::uint64_t longest)
        : m_source(std::move(source)), m_longest(longest)
    {
    }
    TextSource m_source;
    std::uint64_t m_longest, m_line = 0;
};

} // namespace engine
