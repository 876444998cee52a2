#include "engine/agent/trainer.h"

#include <csignal>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kLook{100'000}, kLongest{300'000'000};
constexpr int kSeconds = 120; ///< then the best so far is taken

} // namespace

Result<TrainedVersion> Trainer::train(const std::filesystem::path &folder, const std::string &as,
                                      std::uint64_t seed, const Progress &progress)
{
    {
        const std::lock_guard lock(m_mutex);
        if (m_busy)
            return fail(ErrorCode::Busy, "A training is under way; wait for its end");
        m_busy = true;
        m_cancelled = false;
        m_id = {};
        m_how.reset();
    }
    const auto log = m_paths.logs() / "training.log";
    std::error_code error;
    const auto before = std::filesystem::file_size(log, error);
    const auto sent = m_launcher.start(
        kTarget,
        {(m_paths.binaries / "drillroom-train").string(), "--shop", folder.string(), "--key",
         m_paths.signingKey().string(), "--as", as, "--seed", std::to_string(seed), "--threads",
         "1", "--time-limit", std::to_string(kSeconds), "--low-priority"},
        log.string());
    auto result = sent ? watch(progress, error ? 0 : before)
                       : Result<TrainedVersion>(tl::unexpected(sent.error()));
    spdlog::info("training as={} outcome=\"{}\"", as,
                 result ? "version " + result->version : result.error().text());
    const std::lock_guard lock(m_mutex);
    m_busy = false;
    return result;
}

// The launcher gives its children's output to their logs alone, so what it says is read there.
Result<TrainedVersion> Trainer::watch(const Progress &progress, std::uintmax_t from)
{
    const auto log = m_paths.logs() / "training.log";
    TrainedVersion trained;
    std::string failure, rest;
    auto at = static_cast<std::streamoff>(from);
    const auto read = [&] {
        std::ifstream file(log, std::ios::binary);
        file.seekg(at);
        std::string more((std::istreambuf_iterator<char>(file)), {});
        at += static_cast<std::streamoff>(more.size());
        rest += more;
        for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
            const auto json = nlohmann::json::parse(rest.substr(0, end), nullptr, false);
            rest.erase(0, end + 1);
            if (!json.is_object())
                continue;
            if (json.contains("error"))
                failure = json.value("error", "");
            else if (json.contains("step"))
                trained = {json.value("version", ""), json.value("digest", ""),
                           json.value("gate_passed", false),
                           json.value("metrics", std::map<std::string, double>{})};
            else if (progress)
                progress(json.value("what", ""), json.value("part", -1.0));
        }
    };
    const auto limit = m_clock.now() + kLongest;
    for (;;) {
        std::optional<std::string> how;
        {
            std::unique_lock lock(m_mutex);
            m_changed.wait_for(lock, std::chrono::microseconds(kLook.count()),
                               [this] { return m_how.has_value(); });
            how = m_how;
        }
        read();
        if (!how && m_clock.now() > limit) {
            cancel();
            continue;
        }
        if (!how)
            continue;
        const std::lock_guard lock(m_mutex);
        if (m_cancelled)
            return fail(ErrorCode::Halted, "The training was stopped");
        if (*how == "exit code 0" && !trained.version.empty())
            return trained;
        return fail(ErrorCode::Unavailable,
                    failure.empty()
                        ? fmt::format("The training ended with {}; see {}", *how, log.string())
                        : failure);
    }
}

void Trainer::cancel()
{
    const std::lock_guard lock(m_mutex);
    if (!m_busy || m_how)
        return;
    m_cancelled = true;
    if (m_id.pid != 0)
        signalGroup(m_id, SIGKILL);
}

void Trainer::started(const ProcessStarted &report)
{
    const std::lock_guard lock(m_mutex);
    m_id = report.id;
    if (m_cancelled) // before it was there
        signalGroup(m_id, SIGKILL);
}

void Trainer::ended(const ProcessEnded &report)
{
    const std::lock_guard lock(m_mutex);
    m_how = report.how;
    m_changed.notify_all();
}

} // namespace engine
