#pragma once
// What must be undone, on disk before it is done: an append-only file, synced at every record. A
// crash at any point leaves either no intent (nothing was applied) or an intent that the next start
// undoes. One thread; the agent's flock keeps other processes away.
//
// A line is 8 hex digits (start of the SHA-256 of the rest), a space, one JSON object, a newline. A
// line that does not match its digits is skipped and counted, a torn last line is cut off.

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/fault/fd.h"
#include "engine/fault/proc.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace engine {

struct LedgerIntent
{
    std::uint64_t serial = 0; ///< unique in the file; given by Ledger::intend
    std::string fault, target;
    ProcessId process; ///< pid 0: the fault is not on a process
    std::map<std::string, std::string> undo;
    MonoTime deadline{0};
    std::string holder;    ///< whose run it is
    std::int64_t wall = 0; ///< us since 1970, for the operator
};

class Ledger
{
public:
    /// Opens or makes the file and reads what is in it.
    [[nodiscard]] static Result<Ledger> open(const std::filesystem::path &file);

    /// Intents without a done record, oldest first.
    [[nodiscard]] const std::map<std::uint64_t, LedgerIntent> &pending() const { return m_pending; }
    [[nodiscard]] int damagedLines() const { return m_damaged; }

    /// Durable when it returns; gives the serial.
    [[nodiscard]] Result<std::uint64_t> intend(LedgerIntent intent);
    /// Durable when it returns. `how`: deadline, asked, halt, controller gone, repaired, gone.
    /// A serial that is not pending is fine: the second undo is a no-op.
    [[nodiscard]] Result<> done(std::uint64_t serial, const std::string &how);
    /// Starts an empty file when nothing is pending and the old one grew large.
    [[nodiscard]] Result<> tidy();

private:
    [[nodiscard]] Result<> append(const std::string &json);
    void read(const std::string &text);

    std::filesystem::path m_path;
    Fd m_file;
    std::uint64_t m_next = 1;
    std::uint64_t m_size = 0; // bytes of whole, good records
    int m_damaged = 0;
    std::map<std::uint64_t, LedgerIntent> m_pending;
};

} // namespace engine
