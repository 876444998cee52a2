#pragma once
// Ranking data as `grade [qid:N] index:value ... [# comment]`, one document a line, the documents
// of a query together; which belong together is told by qid or by a file FILE.query beside it (one
// number of documents per line). Values that are not named are 0. One thread.

#include "engine/data/text_source.h"
#include "engine/training/search/ranking_rows.h"

#include <map>

namespace engine {

struct LibsvmLine
{
    double grade = 0;
    std::int64_t query = -1; ///< qid; -1: none
    std::map<std::uint32_t, float> values;
};

/// Reads line by line; never more than one of them in memory.
class LibsvmReader
{
public:
    [[nodiscard]] static Result<LibsvmReader> open(const std::filesystem::path &path);
    /// False at the end. InvalidInput with file:line for a grade that is NaN, negative or above 30,
    /// a value that is no finite number, an index twice or above 1,000,000.
    [[nodiscard]] Result<bool> next(LibsvmLine &line);
    [[nodiscard]] std::uint64_t line() const { return m_line; }

private:
    explicit LibsvmReader(TextSource source) : m_source(std::move(source)) {}
    TextSource m_source;
    std::string m_text;
    std::uint64_t m_line = 0;
};

/// The whole file; column i of the rows is feature number i. `features` > 0: rows of that many
/// columns, numbers above are left out and counted in `unknown`.
[[nodiscard]] Result<RankingRows> readLibsvm(const std::filesystem::path &path,
                                             std::size_t features, std::uint64_t &unknown);

} // namespace engine
