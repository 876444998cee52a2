#pragma once
// Runs our programs as an operator would: own home, own runtime folder, no privileges even when the
// tests run as root (a read-only folder or a limit proves nothing to a process that may override
// it).

#include <QByteArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>
#include <csignal>

namespace support {

struct Outcome
{
    int exit = -1;
    QByteArray out, err;
    [[nodiscard]] QJsonObject json() const { return QJsonDocument::fromJson(out).object(); }
};

/// A home of its own, gone with the object.
class Workplace
{
public:
    Workplace()
        : m_home(QStringLiteral("/tmp/drt-XXXXXX")), m_runtime(QStringLiteral("/tmp/drr-XXXXXX"))
    {
        QFile::setPermissions(m_runtime.path(),
                              QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
    }
    ~Workplace() // what a failed test leaves running
    {
        for (const int pid : processes())
            ::kill(pid, SIGKILL);
    }
    [[nodiscard]] QString home() const { return m_home.path(); }
    [[nodiscard]] QString runtime() const { return m_runtime.path(); }
    [[nodiscard]] QString file(const char *name) const
    {
        return m_home.filePath(QString::fromLatin1(name));
    }
    [[nodiscard]] QProcessEnvironment environment() const
    {
        auto variables = QProcessEnvironment::systemEnvironment();
        variables.insert(QStringLiteral("DRILLROOM_HOME"), m_home.path());
        variables.insert(QStringLiteral("XDG_RUNTIME_DIR"), m_runtime.path());
        return variables;
    }

    /// Prepares (does not start) a program of ours.
    void prepare(QProcess &process, const char *program, const QStringList &arguments) const
    {
        process.setProcessEnvironment(environment());
        const auto path = QStringLiteral(DRILLROOM_BIN_DIR "/") + QString::fromLatin1(program);
        if (::geteuid() == 0) {
            process.setProgram(QStringLiteral("setpriv"));
            process.setArguments(QStringList{QStringLiteral("--bounding-set=-all"),
                                             QStringLiteral("--inh-caps=-all"), path}
                                 + arguments);
        } else {
            process.setProgram(path);
            process.setArguments(arguments);
        }
    }

    [[nodiscard]] Outcome run(const char *program, const QStringList &arguments,
                              int timeoutMillis = 120'000) const
    {
        QProcess process;
        prepare(process, program, arguments);
        process.start();
        Outcome outcome;
        if (!process.waitForFinished(timeoutMillis)) {
            process.kill();
            process.waitForFinished();
            outcome.err = "(timed out) ";
        } else {
            outcome.exit = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1;
        }
        outcome.out = process.readAllStandardOutput();
        outcome.err += process.readAllStandardError();
        return outcome;
    }
    [[nodiscard]] Outcome ctl(const QStringList &arguments, int timeoutMillis = 120'000) const
    {
        return run("drillctl", arguments, timeoutMillis);
    }

    /// Pids of processes that carry this home in their environment: what was left behind.
    [[nodiscard]] QList<int> processes() const
    {
        QList<int> found;
        const auto mark = QByteArray("DRILLROOM_HOME=") + m_home.path().toLocal8Bit();
        for (const auto &entry : QDir(QStringLiteral("/proc")).entryList(QDir::Dirs)) {
            bool number = false;
            const int pid = entry.toInt(&number);
            QFile variables(QStringLiteral("/proc/") + entry + QStringLiteral("/environ"));
            if (number && variables.open(QIODevice::ReadOnly)
                && variables.readAll().split('\0').contains(mark))
                found.append(pid);
        }
        return found;
    }

private:
    QTemporaryDir m_home, m_runtime;
};

} // namespace support
