// data.lose: the store is killed in the middle of its writes and its file is gone. Taken away by a
// rename, never deleted. Undone by putting it back; what was restored in its place meanwhile stays,
// and the lost file then stays beside it.

#include "engine/fault/fault.h"

#include "engine/fault/moved_file.h"

#include <csignal>
#include <fmt/format.h>

namespace engine {
namespace {

namespace fs = std::filesystem;

/// What SQLite keeps beside its file belongs to it: a log without its file, or beside another one,
/// is corruption.
constexpr const char *kBeside[] = {"-wal", "-shm"};

bool isThere(const fs::path &file)
{
    std::error_code error;
    return fs::exists(file, error);
}

fs::path beside(const fs::path &file, const char *tail)
{
    return file.string() + tail;
}

/// The file itself goes first and comes back last, so that it never lies there without its log.
Result<> takeAway(const fs::path &file, const fs::path &lost)
{
    DR_RETURN_IF_ERROR(moveAside(file, lost));
    for (const auto *tail : kBeside)
        if (const auto moved = moveAside(beside(file, tail), beside(lost, tail));
            !moved && moved.error().code != ErrorCode::NotFound)
            return moved;
    return {};
}

enum class PutBack { Back, Kept, WasNotGone, Failed };

PutBack putBack(const fs::path &file, const fs::path &lost)
{
    if (!isThere(lost))
        return PutBack::WasNotGone;
    if (isThere(file))
        return PutBack::Kept;
    for (const auto *tail : kBeside)
        (void)moveAside(beside(lost, tail), beside(file, tail));
    return moveAside(lost, file) ? PutBack::Back : PutBack::Failed;
}

class DataLose final : public Fault
{
public:
    DataLose(FaultWorld &world, FaultRequest request)
        : m_world(world), m_target(std::move(request.target))
    {
    }

    Result<> prepare() override
    {
        const auto process = m_world.process(m_target);
        if (!process)
            return fail(ErrorCode::NotFound, m_target + " is not a running process of this shop");
        m_file = m_world.dataFile(m_target);
        if (m_file.empty())
            return fail(ErrorCode::InvalidInput, m_target + " keeps no data; the store does");
        if (!isThere(m_file))
            return fail(ErrorCode::NotFound,
                        "The data of " + m_target + " are gone already: " + m_file.string());
        m_id = process->id;
        m_lost = freeName(m_file, "lost");
        return {};
    }

    LedgerIntent intent() const override
    {
        LedgerIntent intent;
        intent.undo = {{"file", m_file.string()}, {"lost", m_lost.string()}};
        return intent;
    }

    Result<> apply() override
    {
        if (!signalGroup(m_id, SIGKILL))
            return fail(ErrorCode::Unavailable, m_target + " ended before its data were lost");
        return takeAway(m_file, m_lost);
    }

    bool isConfirmed() override { return !isAlive(m_id) && isThere(m_lost); }

    void undo() override
    {
        if (!m_undone)
            (void)putBack(m_file, m_lost);
        m_undone = true;
    }

    bool isCleared() override
    {
        const auto process = m_world.process(m_target);
        return process && process->id != m_id && isThere(m_file)
               && m_world.answersCorrectly(m_target);
    }

    std::string byHand() const override
    {
        return fmt::format("mv -n {} {}", m_lost.string(), m_file.string());
    }

private:
    FaultWorld &m_world;
    std::string m_target;
    ProcessId m_id;
    fs::path m_file, m_lost;
    bool m_undone = false;
};

std::string repair(const LedgerIntent &intent, const Clock &)
{
    const auto file = intent.undo.find("file"), lost = intent.undo.find("lost");
    if (file == intent.undo.end() || lost == intent.undo.end())
        return "failed: the ledger does not say which file was lost";
    switch (putBack(file->second, lost->second)) {
    case PutBack::Back:
        return "put back " + file->second;
    case PutBack::Kept:
        return fmt::format("kept {}, which was restored; the lost file is {}", file->second,
                           lost->second);
    case PutBack::WasNotGone:
        return file->second + " was not taken away";
    case PutBack::Failed:
        break;
    }
    return fmt::format("failed: run: mv -n {} {}", lost->second, file->second);
}

} // namespace

FaultKind dataLose()
{
    FaultKind kind;
    kind.name = "data.lose";
    kind.summary = "Kills the store in the middle of its writes and takes its file away";
    kind.make = [](FaultWorld &world, FaultRequest request) {
        return std::make_unique<DataLose>(world, std::move(request));
    };
    kind.repair = repair;
    return kind;
}

} // namespace engine
