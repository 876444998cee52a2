#pragma once
// A replica or a gateway as a process of its own, without an agent, and what can be done to it from
// outside: limits, looks at its size.

#include "engine/base/files.h"
#include "tests/support/small_shop.h"

#include <QProcess>
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <unistd.h>

namespace test {

class LoneNode
{
public:
    /// `options` as the agent writes them; returns once it serves, or with port() 0.
    LoneNode(const SmallShop &shop, const std::string &role, nlohmann::json options)
    {
        const auto log = m_folder.filePath(QStringLiteral("log")).toStdString();
        const nlohmann::json config{{"target", role == "replica" ? "replica/1" : role},
                                    {"role", role},
                                    {"agent_socket", ""},
                                    {"shop", shop.path.string()},
                                    {"log", log},
                                    {"options", std::move(options)}};
        const auto file = m_folder.filePath(QStringLiteral("node.json"));
        std::ofstream(file.toStdString()) << config.dump();
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert(QStringLiteral("DRILLROOM_HOME"), m_folder.path());
        m_process.setProcessEnvironment(environment);
        const auto bin = QStringLiteral(DRILLROOM_BIN_DIR "/drillroom-");
        if (role == "replica")
            m_process.start(bin + QStringLiteral("replica"), {QStringLiteral("--config"), file});
        else
            m_process.start(bin + QStringLiteral("node"),
                            {QString::fromStdString(role), QStringLiteral("--config"), file});
        (void)QTest::qWaitFor(
            [&] {
                const auto text = engine::readText(log, 1 << 20);
                const auto at = text ? text->find("serv") : std::string::npos;
                const auto from = at == std::string::npos ? at : text->find("port=", at);
                m_port = from == std::string::npos ? 0 : std::atoi(text->c_str() + from + 5);
                return m_port > 0 || m_process.state() == QProcess::NotRunning;
            },
            60'000);
    }
    ~LoneNode()
    {
        m_process.kill();
        m_process.waitForFinished();
    }
    [[nodiscard]] int port() const { return m_port; }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(m_port); }
    [[nodiscard]] pid_t pid() const { return static_cast<pid_t>(m_process.processId()); }
    [[nodiscard]] bool isAlive()
    {
        m_process.waitForFinished(0);
        return m_process.state() == QProcess::Running;
    }
    /// Bytes of address space and of memory in use.
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> size() const
    {
        std::ifstream file("/proc/" + std::to_string(pid()) + "/statm");
        std::uint64_t space = 0, resident = 0;
        file >> space >> resident;
        const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        return {space * page, resident * page};
    }
    /// The soft limit alone, so that it can be lifted again.
    bool limit(__rlimit_resource what, rlim_t most) const
    {
        rlimit now{};
        if (::prlimit(pid(), what, nullptr, &now) != 0)
            return false;
        now.rlim_cur = most;
        return ::prlimit(pid(), what, &now, nullptr) == 0;
    }

private:
    QTemporaryDir m_folder;
    QProcess m_process;
    int m_port = 0;
};

} // namespace test
