#include "engine/serving/node_stop.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace engine {

NodeStop::NodeStop()
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    m_signals = ::signalfd(-1, &set, SFD_CLOEXEC);
    m_asked = ::eventfd(0, EFD_CLOEXEC);
}

NodeStop::~NodeStop()
{
    ::close(m_signals);
    ::close(m_asked);
}

void NodeStop::ask(Why why)
{
    int none = -1;
    m_why.compare_exchange_strong(none, static_cast<int>(why));
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(m_asked, &one, sizeof one);
}

NodeStop::Why NodeStop::wait()
{
    pollfd watched[2] = {{m_signals, POLLIN, 0}, {m_asked, POLLIN, 0}};
    while (::poll(watched, 2, -1) < 0 && errno == EINTR) {
    }
    const int why = m_why.load();
    return why < 0 ? Why::Drain : static_cast<Why>(why);
}

bool dieWithParent()
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return ::getppid() != 1;
}

void setUpLog(const std::string &file, std::string_view target)
{
    std::shared_ptr<spdlog::logger> logger;
    try {
        if (!file.empty())
            logger = std::make_shared<spdlog::logger>(
                std::string(target), std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
    } catch (const spdlog::spdlog_ex &) {
        // A node without its log file still serves; what it has to say goes to standard error.
    }
    if (!logger)
        logger = std::make_shared<spdlog::logger>(
            std::string(target), std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("time=%Y-%m-%dT%H:%M:%S.%eZ level=%l target=%n %v",
                        spdlog::pattern_time_type::utc);
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

} // namespace engine
