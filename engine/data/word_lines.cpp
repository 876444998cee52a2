#include "engine/data/word_lines.h"

namespace engine {

Result<WordLines> WordLines::open(const std::filesystem::path &path, std::uint64_t longest)
{
    auto source = TextSource::open(path);
    if (!source)
        return tl::unexpected(std::move(source.error()));
    return WordLines(std::move(*source), longest);
}

Result<bool> WordLines::next(std::vector<std::string> &words)
{
    words.clear();
    m_line = m_source.line();
    std::uint64_t bytes = 0;
    bool inWord = false;
    for (;;) {
        const int byte = m_source.next();
        if (byte == TextSource::kFault)
            return tl::unexpected(m_source.error());
        if (byte == TextSource::kEnd)
            return bytes > 0;
        if (byte == '\n')
            return true;
        if (++bytes > m_longest) {
            return m_source.broken(
                "This line is longer than " + std::to_string(m_longest) + " bytes", m_line, 1);
        }
        const bool space = byte == ' ' || byte == '\t' || byte == '\r';
        if (!space && !inWord)
            words.emplace_back();
        if (!space)
            words.back() += static_cast<char>(byte);
        inWord = !space;
    }
}

} // namespace engine
