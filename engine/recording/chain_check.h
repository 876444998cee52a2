#pragma once
// Walks the hash chain of an open recording and compares every row, seal and attachment with it.

#include "engine/recording/reader.h"

namespace engine {

struct ChainReport
{
    std::uint64_t batches = 0; ///< whose rows are here and match
    std::uint64_t cut = 0;     ///< whose rows were left out by a trim; their hashes link the rest
    std::uint64_t sealed = 0;  ///< batches up to the newest seal
    std::uint64_t events = 0, rows = 0, keyframes = 0;
    std::string signer;               ///< public key in hex that sealed it, or ""
    std::int64_t soundTo = INT64_MIN; ///< us since t = 0: proven up to here
    std::uint64_t soundSeq = 0;       ///< newest event that is
    std::int64_t keptFrom = INT64_MIN, keptTo = INT64_MIN; ///< of a trimmed recording
    bool isTrimmed = false, isWholeTail = true;            ///< no batch behind the newest seal
};

/// One thread. `report` is filled as far as the check came, also when it fails: Untrusted where
/// something does not match, otherwise what the file or the disk said. `goOn` is asked with the
/// share that is done.
[[nodiscard]] Result<> checkChain(RecordingReader &reader, ChainReport &report,
                                  const std::function<bool(double)> &goOn);

/// Calls `use` for each batch with the rows of it fed to a hasher; for checkChain and trim.
class BatchReader
{
public:
    explicit BatchReader(RecordingReader &reader) : m_reader(reader) {}
    struct Stored
    {
        BatchEnd end;
        bool isCut = false; ///< its rows are not here: `end.rows` and `end.hash` are as stored
        Digest hash{};      ///< as stored
    };
    /// The batch with the least id above `after`; empty at the end.
    [[nodiscard]] Result<std::optional<Stored>> next(std::int64_t after);
    /// Fills chains, rows and hash of `end` from the rows that are there. `report` may be null.
    [[nodiscard]] Result<> hash(const BatchEnd &before, BatchEnd &end, ChainReport *report);
    /// As hash(), for a batch whose rows were cut out: `end.rows` is given.
    [[nodiscard]] Result<> link(const BatchEnd &before, BatchEnd &end);

private:
    using Row = std::function<Result<>(Statement &)>;
    [[nodiscard]] Result<> feed(const std::string &sql, std::int64_t from, std::int64_t to,
                                bool isFirst, const Row &row);
    [[nodiscard]] Result<> names(ChainHasher &chain, const BatchEnd &before, const BatchEnd &end,
                                 bool isFirst);
    RecordingReader &m_reader;
    std::map<std::string, std::optional<Statement>> m_statements;
    std::int64_t m_eventT = INT64_MIN, m_seq = -1;
};

} // namespace engine
