#include "engine/model/registry.h"

#include "engine/base/files.h"
#include "engine/model/manifest_json.h"
#include "engine/model/strict_json.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace engine {
namespace {

/// Keeps other processes from changing the registry; gone when the object goes.
class Lock
{
public:
    explicit Lock(const std::filesystem::path &path)
        : m_fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644))
    {
        while (m_fd >= 0 && ::flock(m_fd, LOCK_EX) != 0 && errno == EINTR) {
        }
    }
    ~Lock()
    {
        if (m_fd >= 0)
            ::close(m_fd);
    }
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;
    [[nodiscard]] bool isHeld() const { return m_fd >= 0; }

private:
    int m_fd;
};

Result<bool> flag(const nlohmann::json &json, const char *key, const std::string &file)
{
    const auto at = json.find(key);
    if (at == json.end() || !at->is_boolean())
        return fail(ErrorCode::InvalidInput, "\"" + std::string(key) + "\" must be true or false",
                    file);
    return at->get<bool>();
}

Result<RegistryEntry> readEntry(const nlohmann::json &json, const std::string &file)
{
    if (!json.is_object())
        return fail(ErrorCode::InvalidInput, "A version must be an object", file);
    RegistryEntry entry;
    const std::pair<const char *, std::string *> texts[] = {
        {"version", &entry.version}, {"digest", &entry.digest}, {"family", &entry.family}};
    for (const auto &[key, target] : texts) {
        auto value = jsonText(json, key, file);
        if (!value)
            return tl::unexpected(std::move(value.error()));
        *target = std::move(*value);
    }
    if (!versionNumber(entry.version))
        return fail(ErrorCode::InvalidInput, "\"" + entry.version + "\" is no version number",
                    file);
    auto gate = flag(json, "gate_passed", file);
    if (!gate)
        return tl::unexpected(std::move(gate.error()));
    auto revoked = flag(json, "revoked", file);
    if (!revoked)
        return tl::unexpected(std::move(revoked.error()));
    auto metrics = jsonNumbers(json, "metrics", file);
    if (!metrics)
        return tl::unexpected(std::move(metrics.error()));
    entry.gatePassed = *gate;
    entry.revoked = *revoked;
    entry.metrics = std::move(*metrics);
    if (json.contains("served")) { // not in registries of before 2026-11-28
        auto served = flag(json, "served", file);
        if (!served)
            return tl::unexpected(std::move(served.error()));
        entry.served = *served;
    }
    return entry;
}

} // namespace

Result<Registry> Registry::open(const std::filesystem::path &shopFolder)
{
    Registry registry(shopFolder);
    if (auto read = registry.read(); !read)
        return tl::unexpected(std::move(read.error()));
    return registry;
}

Result<> Registry::read()
{
    auto text = readFile(file(), 16 << 20);
    if (!text && text.error().code == ErrorCode::NotFound) {
        *this = Registry(m_folder);
        return {};
    }
    if (!text)
        return tl::unexpected(std::move(text.error()));
    auto json = parseStrictJson(*text, file().string());
    if (!json)
        return tl::unexpected(std::move(json.error()));
    Registry fresh(m_folder);
    const std::pair<const char *, std::string *> texts[] = {{"serving", &fresh.m_serving},
                                                            {"previous", &fresh.m_previous},
                                                            {"reference", &fresh.m_reference}};
    for (const auto &[key, target] : texts) {
        auto value = jsonText(*json, key, file().string());
        if (!value)
            return tl::unexpected(std::move(value.error()));
        *target = std::move(*value);
    }
    auto floor = jsonCount(*json, "floor", file().string());
    if (!floor)
        return tl::unexpected(std::move(floor.error()));
    if (*floor > 1'000'000'000)
        return fail(ErrorCode::InvalidInput, "\"floor\" is no version number", file().string());
    fresh.m_floor = static_cast<int>(*floor);
    const auto versions = json->find("versions");
    if (versions == json->end() || !versions->is_array())
        return fail(ErrorCode::InvalidInput, "\"versions\" must be a list", file().string());
    for (const auto &value : *versions) {
        auto entry = readEntry(value, file().string());
        if (!entry)
            return tl::unexpected(std::move(entry.error()));
        fresh.m_versions.push_back(std::move(*entry));
    }
    for (const auto *name : {&fresh.m_serving, &fresh.m_previous, &fresh.m_reference}) {
        if (!name->empty() && fresh.find(*name) == nullptr)
            return fail(ErrorCode::InvalidInput,
                        "Version " + *name + " is named, but \"versions\" does not list it",
                        file().string());
    }
    for (auto &entry : fresh.m_versions)
        entry.served = entry.served || entry.version == fresh.m_serving
                       || entry.version == fresh.m_previous || entry.version == fresh.m_reference;
    *this = std::move(fresh);
    return {};
}

Result<> Registry::write() const
{
    auto versions = nlohmann::json::array();
    for (const auto &entry : m_versions)
        versions.push_back({{"version", entry.version},
                            {"digest", entry.digest},
                            {"family", entry.family},
                            {"gate_passed", entry.gatePassed},
                            {"revoked", entry.revoked},
                            {"served", entry.served},
                            {"metrics", entry.metrics}});
    const nlohmann::json json = {{"serving", m_serving},
                                 {"previous", m_previous},
                                 {"reference", m_reference},
                                 {"floor", m_floor},
                                 {"versions", versions}};
    return writeTextAtomically(
        file(), json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

template <class Change>
Result<> Registry::change(Change change)
{
    const Lock lock(m_folder / ".registry.lock");
    if (!lock.isHeld())
        return failErrno("Cannot lock " + file().string());
    DR_RETURN_IF_ERROR(read());
    DR_RETURN_IF_ERROR(change());
    return write();
}

const RegistryEntry *Registry::find(std::string_view version) const
{
    const auto at =
        std::find_if(m_versions.begin(), m_versions.end(),
                     [&](const RegistryEntry &entry) { return entry.version == version; });
    return at == m_versions.end() ? nullptr : &*at;
}

std::string Registry::nextVersion() const
{
    int highest = std::max(0, m_floor - 1);
    for (const auto &entry : m_versions)
        highest = std::max(highest, versionNumber(entry.version).value_or(0));
    return std::to_string(highest + 1);
}

std::filesystem::path Registry::packageFolder(std::string_view version) const
{
    return m_folder / "packages" / version;
}

Result<const RegistryEntry *> Registry::servable(const std::string &version) const
{
    const auto *entry = find(version);
    if (entry == nullptr)
        return fail(ErrorCode::NotFound,
                    "There is no version " + version + "; drillctl model list shows them",
                    file().string());
    if (*versionNumber(version) < m_floor)
        return fail(ErrorCode::Untrusted,
                    "Version " + version + " is below the floor " + std::to_string(m_floor)
                        + ": it was revoked",
                    file().string());
    return entry;
}

Result<> Registry::add(const RegistryEntry &entry)
{
    return change([&]() -> Result<> {
        const auto number = versionNumber(entry.version);
        if (!number)
            return fail(ErrorCode::InvalidInput, "\"" + entry.version + "\" is no version number",
                        file().string());
        if (find(entry.version) != nullptr)
            return fail(ErrorCode::InvalidInput, "Version " + entry.version + " is there already",
                        file().string());
        if (*number < m_floor)
            return fail(ErrorCode::Untrusted,
                        "Version " + entry.version + " is below the floor "
                            + std::to_string(m_floor),
                        file().string());
        m_versions.push_back(entry);
        return {};
    });
}

void Registry::serve(const RegistryEntry &entry)
{
    for (auto &known : m_versions)
        known.served = known.served || known.version == entry.version;
    const auto *old = find(m_serving);
    const auto *before = find(m_previous);
    const bool better = before && before->gatePassed && old && !old->gatePassed;
    if (m_serving != entry.version && !better)
        m_previous = m_serving;
    if (m_previous == entry.version)
        m_previous.clear();
    m_serving = entry.version;
    if (entry.gatePassed)
        m_reference = entry.version;
}

Result<bool> Registry::undoPromotion(const std::string &promoted, const std::string &serving,
                                     const std::string &previous, bool hadServed)
{
    bool undone = false;
    const auto changed = change([&]() -> Result<> {
        if (m_serving != promoted)
            return {};
        DR_RETURN_IF_ERROR(servable(serving));
        m_serving = serving;
        m_previous = find(previous) ? previous : "";
        for (auto &entry : m_versions)
            if (entry.version == promoted)
                entry.served = hadServed;
        undone = true;
        return {};
    });
    if (!changed)
        return tl::unexpected(changed.error());
    return undone;
}

Result<> Registry::promote(const std::string &version)
{
    return change([&]() -> Result<> {
        auto entry = servable(version);
        if (!entry)
            return tl::unexpected(std::move(entry.error()));
        serve(**entry);
        return {};
    });
}

Result<> Registry::rollback(const std::string &version)
{
    return change([&]() -> Result<> {
        const auto goal = version.empty() ? m_previous : version;
        if (goal.empty())
            return fail(ErrorCode::InvalidInput,
                        "There is no previous version to go back to; name one", file().string());
        auto entry = servable(goal);
        if (!entry)
            return tl::unexpected(std::move(entry.error()));
        serve(**entry);
        return {};
    });
}

Result<> Registry::revoke(const std::string &version)
{
    return change([&]() -> Result<> {
        const auto number = versionNumber(version);
        if (!number || find(version) == nullptr)
            return fail(ErrorCode::NotFound,
                        "There is no version " + version + "; drillctl model list shows them",
                        file().string());
        if (!m_serving.empty() && *versionNumber(m_serving) <= *number)
            return fail(ErrorCode::InvalidInput,
                        "Version " + m_serving
                            + " serves and would be revoked too; promote a newer "
                              "one first",
                        file().string());
        m_floor = std::max(m_floor, *number + 1);
        for (auto &entry : m_versions)
            entry.revoked = *versionNumber(entry.version) < m_floor;
        if (!m_previous.empty() && *versionNumber(m_previous) < m_floor)
            m_previous.clear();
        return {};
    });
}

} // namespace engine
