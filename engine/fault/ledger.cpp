#include "engine/fault/ledger.h"

#include "engine/base/digest.h"
#include "engine/base/files.h"

#include <cerrno>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace engine {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLargest = 64u << 20, kTidyAbove = 1u << 20;
constexpr std::size_t kCheck = 8;

std::string checkOf(std::string_view text)
{
    const auto digest = sha256(std::string(text));
    return hex({digest.data(), kCheck / 2});
}

json toJson(const LedgerIntent &intent)
{
    return {{"type", "intent"},          {"serial", intent.serial},
            {"fault", intent.fault},     {"target", intent.target},
            {"pid", intent.process.pid}, {"start_time", intent.process.startTime},
            {"undo", intent.undo},       {"deadline_us", intent.deadline.count()},
            {"holder", intent.holder},   {"wall_us", intent.wall}};
}

LedgerIntent fromJson(const json &record)
{
    LedgerIntent intent;
    intent.serial = record.at("serial").get<std::uint64_t>();
    intent.fault = record.at("fault").get<std::string>();
    intent.target = record.at("target").get<std::string>();
    intent.process.pid = record.at("pid").get<pid_t>();
    intent.process.startTime = record.at("start_time").get<std::uint64_t>();
    intent.undo = record.at("undo").get<std::map<std::string, std::string>>();
    intent.deadline = MonoTime{record.at("deadline_us").get<std::int64_t>()};
    intent.holder = record.at("holder").get<std::string>();
    intent.wall = record.at("wall_us").get<std::int64_t>();
    return intent;
}

} // namespace

Result<Ledger> Ledger::open(const std::filesystem::path &file)
{
    Ledger ledger;
    ledger.m_path = file;
    std::error_code error;
    if (std::filesystem::exists(file, error)) {
        auto text = readText(file, kLargest);
        DR_RETURN_IF_ERROR(text);
        ledger.read(*text);
    }
    ledger.m_file = Fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!ledger.m_file.isOpen())
        return failErrno("Cannot open the fault ledger " + file.string());
    if (::ftruncate(ledger.m_file.get(), static_cast<off_t>(ledger.m_size)) != 0)
        return failErrno("Cannot cut the torn end of the fault ledger " + file.string());
    const Fd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (::fsync(ledger.m_file.get()) != 0 || !folder.isOpen() || ::fsync(folder.get()) != 0)
        return failErrno("Cannot sync the fault ledger " + file.string());
    return ledger;
}

void Ledger::read(const std::string &text)
{
    std::size_t at = 0;
    while (at < text.size()) {
        const auto end = text.find('\n', at);
        if (end == std::string::npos)
            break; // torn: it was never acknowledged, so nothing was applied for it
        const auto line = std::string_view(text).substr(at, end - at);
        at = end + 1;
        m_size = at;
        try {
            if (line.size() <= kCheck || line.substr(0, kCheck) != checkOf(line.substr(kCheck + 1)))
                throw std::invalid_argument("check");
            const auto record = json::parse(line.substr(kCheck + 1));
            const auto serial = record.at("serial").get<std::uint64_t>();
            m_next = std::max(m_next, serial + 1);
            if (record.at("type") == "intent")
                m_pending[serial] = fromJson(record);
            else
                m_pending.erase(serial);
        } catch (const std::exception &) {
            ++m_damaged;
        }
    }
}

Result<std::uint64_t> Ledger::intend(LedgerIntent intent)
{
    intent.serial = m_next++;
    DR_RETURN_IF_ERROR(append(toJson(intent).dump(-1, ' ', true, json::error_handler_t::replace)));
    const auto serial = intent.serial;
    m_pending[serial] = std::move(intent);
    return serial;
}

Result<> Ledger::done(std::uint64_t serial, const std::string &how)
{
    if (!m_pending.contains(serial))
        return {};
    DR_RETURN_IF_ERROR(append(json{{"type", "done"}, {"serial", serial}, {"how", how}}.dump()));
    m_pending.erase(serial);
    return {};
}

Result<> Ledger::tidy()
{
    if (!m_pending.empty() || m_size < kTidyAbove)
        return {};
    if (::ftruncate(m_file.get(), 0) != 0 || ::fsync(m_file.get()) != 0)
        return failErrno("Cannot empty the fault ledger " + m_path.string());
    m_size = 0;
    return {};
}

Result<> Ledger::append(const std::string &json)
{
    const auto line = checkOf(json) + " " + json + "\n";
    std::size_t written = 0;
    while (written < line.size()) {
        const auto n = ::write(m_file.get(), line.data() + written, line.size() - written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            auto error = failErrno("Cannot write the fault ledger " + m_path.string());
            // A part of a line must not swallow the next record.
            if (::ftruncate(m_file.get(), static_cast<off_t>(m_size)) != 0)
                ++m_damaged;
            return error;
        }
        written += static_cast<std::size_t>(n);
    }
    if (::fdatasync(m_file.get()) != 0)
        return failErrno("Cannot sync the fault ledger " + m_path.string());
    m_size += line.size();
    return {};
}

} // namespace engine
