#pragma once
// Controllers in processes of their own, so that they can be killed: the flow_controller program,
// drillctl, or the console itself.

#include "engine/fault/fault.h"
#include "tests/support/program.h"

#include <csignal>

namespace test {

class Controller
{
public:
    /// tests/flow/controller.cpp with these words.
    Controller(const support::Workplace &place, const QStringList &words)
        : Controller(place, "../tests/flow_controller", words)
    {
    }
    /// A program of ours.
    Controller(const support::Workplace &place, const char *program, const QStringList &words)
    {
        m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        place.prepare(m_process, program, words);
        m_process.start();
        m_process.waitForStarted();
    }
    ~Controller() { kill(); }

    /// Waits for a line that starts like this; the line, or nothing.
    QByteArray waitFor(const QByteArray &start, int millis = 60'000)
    {
        QElapsedTimer timer;
        timer.start();
        while (timer.elapsed() < millis) {
            while (m_process.canReadLine()) {
                const auto line = m_process.readLine().trimmed();
                if (line.startsWith("error") && !line.startsWith(start))
                    qWarning("controller: %s", line.constData());
                if (line.startsWith(start))
                    return line;
            }
            if (m_process.state() == QProcess::NotRunning && !m_process.canReadLine())
                return {};
            m_process.waitForReadyRead(50);
        }
        return {};
    }
    void say(const QByteArray &line)
    {
        m_process.write(line + "\n");
        m_process.waitForBytesWritten();
    }
    [[nodiscard]] int pid() const { return static_cast<int>(m_process.processId()); }
    void signal(int number) const { ::kill(pid(), number); }
    void kill()
    {
        m_process.kill();
        m_process.waitForFinished();
    }
    bool waitForEnd() { return m_process.waitForFinished(20'000); }
    [[nodiscard]] bool isRunning() const { return m_process.state() != QProcess::NotRunning; }

private:
    QProcess m_process;
};

/// The faults that these tests apply to the small shop. A bad deploy needs a trained shop with a
/// golden set: tst_bad_deploy proves its undo, drill 08-retrain shows it.
inline std::vector<QString> faultsOfSmallShop()
{
    std::vector<QString> names;
    for (const auto &kind : engine::faultKinds())
        names.push_back(QString::fromStdString(kind.name));
    return names;
}

/// What a fault of this name is aimed at in these tests.
inline QString targetFor(const QString &fault)
{
    if (fault.startsWith(QStringLiteral("network.")))
        return QStringLiteral("gateway->replica/2");
    if (fault == QStringLiteral("model.bad-deploy"))
        return QStringLiteral("shop");
    return fault.startsWith(QStringLiteral("data.")) ? QStringLiteral("store")
                                                     : QStringLiteral("replica/2");
}

/// What else such a fault needs, as it stands in a drill's provider.
inline QString settingsFor(const QString &fault)
{
    return fault == QStringLiteral("model.slow") ? QStringLiteral(", delay: 500ms") : QString();
}

} // namespace test
