#pragma once
// Kills an agent at an exact point of its work, from outside and without a hook in it: the test
// traces (ptrace) the one thread of the agent that undoes, and kills the agent while that thread
// stands before or after the system call that makes the point. At a call's entry the call is never
// carried out.

#include "tests/support/auditor.h"

#include <QElapsedTimer>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace test {

enum class CrashAt { BeforeIntent, AfterIntent, AfterApply, AfterAck, MidUndo, AfterUndo };

/// Traces from construction to destruction; one thread (ptrace wants the same one throughout).
class CrashPoint
{
public:
    CrashPoint(int agent, const QString &ledger) : m_agent(agent)
    {
        for (const auto &task : QDir(QStringLiteral("/proc/%1/task").arg(agent))
                                    .entryList(QDir::Dirs | QDir::NoDotAndDotDot)) {
            QFile name(QStringLiteral("/proc/%1/task/%2/comm").arg(agent).arg(task));
            if (name.open(QIODevice::ReadOnly) && name.readAll().trimmed() == "warden")
                m_thread = task.toInt();
        }
        const QDir files(QStringLiteral("/proc/%1/fd").arg(agent));
        for (const auto &entry : files.entryList(QDir::AllEntries | QDir::NoDotAndDotDot))
            if (QFile::symLinkTarget(files.filePath(entry)) == ledger)
                m_ledger = entry.toInt();
        if (m_thread == 0 || m_ledger < 0) {
            m_problem = QStringLiteral("the agent has no thread `warden` or no open ledger");
            return;
        }
        if (::ptrace(PTRACE_SEIZE, m_thread, nullptr, PTRACE_O_TRACESYSGOOD) != 0) {
            m_problem = QStringLiteral("ptrace: ") + QString::fromLocal8Bit(std::strerror(errno));
            return;
        }
        ::ptrace(PTRACE_INTERRUPT, m_thread, nullptr, nullptr);
    }
    ~CrashPoint()
    {
        if (m_problem.isEmpty() && !m_hit)
            ::kill(m_agent, SIGKILL); // never leave a traced thread standing
    }
    CrashPoint(const CrashPoint &) = delete;
    CrashPoint &operator=(const CrashPoint &) = delete;

    /// Why nothing can be traced here; empty when all is well.
    [[nodiscard]] QString problem() const { return m_problem; }

    /// Lets the thread go on until it is at the point; there `look` may look at the standing
    /// world, then the agent is killed. False when the point was not reached in time.
    bool killAt(CrashAt point, const std::function<void()> &look, int millis = 30'000)
    {
        QElapsedTimer timer;
        timer.start();
        while (timer.elapsed() < millis) {
            int status = 0;
            const auto waited = ::waitpid(m_thread, &status, __WALL | WNOHANG);
            if (waited == 0) {
                ::usleep(200);
                continue;
            }
            if (waited < 0 || !WIFSTOPPED(status))
                return false;
            int signal = 0;
            if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
                if (isAt(point)) {
                    look();
                    m_hit = true;
                    ::kill(m_agent, SIGKILL);
                    ::waitpid(m_thread, &status, __WALL);
                    return true;
                }
            } else if (status >> 16 == 0) {
                signal = WSTOPSIG(status);
            }
            ::ptrace(PTRACE_SYSCALL, m_thread, nullptr, signal);
        }
        return false;
    }

private:
    [[nodiscard]] bool isAt(CrashAt point)
    {
        __ptrace_syscall_info info{};
        if (::ptrace(PTRACE_GET_SYSCALL_INFO, m_thread, sizeof info, &info) <= 0)
            return false;
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
            return isAtEntry(point, info);
        if (info.op != PTRACE_SYSCALL_INFO_EXIT)
            return false;
        const bool synced = m_syncs;
        m_syncs = false;
        return synced
               && ((point == CrashAt::AfterIntent && m_last == Record::Intent)
                   || (point == CrashAt::AfterUndo && m_last == Record::Done));
    }

    [[nodiscard]] bool isAtEntry(CrashAt point, const __ptrace_syscall_info &info)
    {
        const auto number = static_cast<long>(info.entry.nr);
        const bool onLedger = static_cast<int>(info.entry.args[0]) == m_ledger;
        if (number == SYS_write && onLedger) {
            m_last = textAt(info.entry.args[1], info.entry.args[2]).contains("\"intent\"")
                         ? Record::Intent
                         : Record::Done;
            return (point == CrashAt::BeforeIntent && m_last == Record::Intent)
                   || (point == CrashAt::MidUndo && m_last == Record::Done);
        }
        m_syncs = number == SYS_fdatasync && onLedger;
        // The thread that looks at the effect is made right after apply() came back.
        return point == CrashAt::AfterApply && m_last == Record::Intent
               && (number == SYS_clone3 || number == SYS_clone);
    }

    [[nodiscard]] QByteArray textAt(std::uint64_t address, std::uint64_t size) const
    {
        QByteArray text(static_cast<int>(std::min<std::uint64_t>(size, 4096)), '\0');
        iovec here{text.data(), static_cast<std::size_t>(text.size())};
        iovec there{reinterpret_cast<void *>(address), here.iov_len};
        return ::process_vm_readv(m_agent, &here, 1, &there, 1, 0) > 0 ? text : QByteArray();
    }

    enum class Record { None, Intent, Done };
    const int m_agent;
    int m_thread = 0, m_ledger = -1;
    QString m_problem;
    bool m_hit = false, m_syncs = false;
    Record m_last = Record::None;
};

} // namespace test
