// model.corrupt: bytes of the registry's copy of a model change on disk, and the replica is told to
// load it, as a deploy would. The whole original lies beside it meanwhile; undone by putting it
// back and loading again.

#include "engine/fault/fault.h"

#include "engine/base/digest.h"
#include "engine/base/files.h"
#include "engine/drill/fault_settings.h"
#include "engine/fault/fd.h"
#include "engine/fault/model_damage.h"
#include "engine/fault/moved_file.h"

#include <fcntl.h>
#include <fmt/format.h>

namespace engine {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargest = std::uint64_t{4} << 30;

std::string digestOf(const fs::path &file)
{
    const auto bytes = readFile(file, kLargest);
    return bytes ? hex(sha256(*bytes)) : std::string();
}

/// The sound file lies at `kept` from before the change until the undo; a crash between the two
/// renames leaves it there, and `file` missing.
std::string putBack(const fs::path &file, const fs::path &kept, const std::string &digest)
{
    std::error_code error;
    if (!fs::exists(kept, error))
        return digestOf(file) == digest
                   ? file.string() + " is as it was"
                   : fmt::format("failed: {} was changed and its sound copy {} is gone",
                                 file.string(), kept.string());
    // Over the damaged one: that holds nothing of worth.
    fs::rename(kept, file, error);
    if (error)
        return fmt::format("failed: {}; run: mv {} {}", error.message(), kept.string(),
                           file.string());
    return "put back " + file.string();
}

class ModelCorrupt final : public Fault
{
public:
    ModelCorrupt(FaultWorld &world, FaultRequest request, const CorruptSettings &settings)
        : m_world(world), m_request(std::move(request)), m_settings(settings)
    {
    }

    Result<> prepare() override
    {
        if (!m_world.process(m_request.target))
            return fail(ErrorCode::NotFound,
                        m_request.target + " is not a running process of this shop");
        m_file = m_world.modelFile(m_request.target);
        if (m_file.empty())
            return fail(ErrorCode::InvalidInput, m_request.target + " serves no model");
        auto bytes = readFile(m_file, kLargest);
        DR_RETURN_IF_ERROR(bytes);
        m_digest = hex(sha256(*bytes));
        DR_RETURN_IF_ERROR(damageModel(*bytes, m_settings, m_request.seed));
        m_damagedDigest = hex(sha256(*bytes));
        // Beside the package: a file that its list does not name would be refused for that alone.
        m_kept = freeName(m_file.parent_path(), "sound");
        return keepNameless(*bytes);
    }

    LedgerIntent intent() const override
    {
        LedgerIntent intent;
        intent.undo = {{"file", m_file.string()}, {"kept", m_kept.string()}, {"sha256", m_digest}};
        return intent;
    }

    Result<> apply() override
    {
        DR_RETURN_IF_ERROR(moveAside(m_file, m_kept));
        const auto nameless = fmt::format("/proc/self/fd/{}", m_damaged.get());
        if (::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, m_file.c_str(), AT_SYMLINK_FOLLOW)
            != 0) {
            auto error = failErrno("Cannot put the damaged model to " + m_file.string());
            (void)putBack(m_file, m_kept, m_digest);
            return error;
        }
        m_world.reload(m_request.target);
        return {};
    }

    bool isConfirmed() override
    {
        return digestOf(m_file) == m_damagedDigest && m_world.loaded(m_request.target);
    }

    void undo() override
    {
        std::error_code error;
        if (!fs::exists(m_kept, error))
            return;
        (void)putBack(m_file, m_kept, m_digest);
        m_world.reload(m_request.target);
    }

    bool isCleared() override
    {
        const auto loaded = m_world.loaded(m_request.target);
        return digestOf(m_file) == m_digest && loaded && *loaded
               && m_world.answersCorrectly(m_request.target);
    }

    std::string byHand() const override
    {
        return fmt::format("mv {} {}", m_kept.string(), m_file.string());
    }

private:
    /// The damaged copy is written before anything is noted, without a name, so that apply() only
    /// renames and a crash before it leaves nothing.
    [[nodiscard]] Result<> keepNameless(const Bytes &bytes)
    {
        m_damaged =
            Fd(::open(m_file.parent_path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
        std::size_t written = 0;
        while (m_damaged.isOpen() && written < bytes.size()) {
            const auto n = ::write(m_damaged.get(), bytes.data() + written, bytes.size() - written);
            if (n <= 0)
                break;
            written += static_cast<std::size_t>(n);
        }
        if (written < bytes.size() || bytes.empty())
            return failErrno("Cannot write the damaged copy of " + m_file.string());
        return {};
    }

    FaultWorld &m_world;
    FaultRequest m_request;
    const CorruptSettings m_settings;
    Fd m_damaged;
    fs::path m_file, m_kept;
    std::string m_digest, m_damagedDigest;
};

std::string repair(const LedgerIntent &intent, const Clock &)
{
    const auto value = [&](const char *name) {
        const auto found = intent.undo.find(name);
        return found == intent.undo.end() ? std::string() : found->second;
    };
    return putBack(value("file"), value("kept"), value("sha256"));
}

} // namespace

FaultKind modelCorrupt()
{
    FaultKind kind;
    kind.name = "model.corrupt";
    kind.summary = "Changes bytes of a model in the registry and has a replica load it";
    kind.settings = {
        {"bytes",
         "how many bytes change, at places from the seed; as many as the file has unless given"},
        {"rows", "instead: the share of the largest table's rows that change places; nothing but "
                 "the signature tells"}};
    kind.make = [](FaultWorld &world, FaultRequest request) -> Result<std::unique_ptr<Fault>> {
        const auto settings = readCorruptSettings(request.settings);
        if (!settings)
            return tl::unexpected(settings.error());
        return std::make_unique<ModelCorrupt>(world, std::move(request), *settings);
    };
    kind.repair = repair;
    return kind;
}

} // namespace engine
