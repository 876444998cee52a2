// model.bad-deploy: a truly worse model, trained on shuffled labels or hardly trained, is promoted
// past its gate and loaded by every replica, as a deploy would that trusts the signature alone. Its
// signature is sound and it answers as fast as the good one: only what it answers is bad. Undone by
// the promotion taken back, in the registry at once and on the replicas as they load; when another
// model was promoted meanwhile, that one stays.

#include "engine/fault/fault.h"

#include "engine/drill/fault_settings.h"
#include "engine/fault/bad_model.h"
#include "engine/model/registry.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {
namespace {

namespace fs = std::filesystem;

constexpr Micros kLook{300'000};

class ModelBadDeploy final : public Fault
{
public:
    ModelBadDeploy(FaultWorld &world, FaultRequest request, std::string kind)
        : m_world(world), m_request(std::move(request)), m_kind(std::move(kind))
    {
    }

    Result<> prepare() override
    {
        m_replicas = m_world.replicas();
        m_folder = m_world.shopFolder();
        if (m_request.target != "shop" || m_replicas.empty())
            return fail(ErrorCode::NotFound, "A model is deployed to every replica of a running "
                                             "shop: the target is `shop`");
        const auto bad = badModelOf(m_folder, m_kind);
        if (!bad)
            return fail(ErrorCode::Unavailable, "There is no " + m_kind
                                                    + " model of this shop yet; a drill trains it "
                                                      "before its load starts");
        m_bad = *bad;
        const auto registry = Registry::open(m_folder);
        DR_RETURN_IF_ERROR(registry);
        m_serving = registry->serving();
        m_previous = registry->previous();
        const auto *entry = registry->find(m_bad.version);
        m_hadServed = entry && entry->served;
        if (m_serving == m_bad.version)
            return fail(ErrorCode::Unavailable,
                        "Version " + m_serving + " serves already; roll back first");
        for (const auto &replica : m_replicas)
            if (const auto look = m_world.golden(replica); !look || look->isWorse)
                return fail(ErrorCode::Unavailable,
                            look ? replica + " serves a worse model already"
                                 : replica
                                       + " has no reading on the golden set yet, so the effect "
                                         "could not be confirmed; shops of an older version have "
                                         "no golden set: create it again");
        return {};
    }

    LedgerIntent intent() const override
    {
        LedgerIntent intent;
        intent.undo = {{"shop", m_folder.string()},
                       {"bad", m_bad.version},
                       {"serving", m_serving},
                       {"previous", m_previous},
                       {"had served", m_hadServed ? "1" : ""}};
        return intent;
    }

    Result<> apply() override
    {
        auto registry = Registry::open(m_folder);
        DR_RETURN_IF_ERROR(registry);
        DR_RETURN_IF_ERROR(registry->promote(m_bad.version));
        m_world.deploy(m_replicas, m_bad.version);
        return {};
    }

    /// Every replica names the bad model, and one was found worse by it.
    bool isConfirmed() override
    {
        bool isWorse = false;
        for (const auto &replica : m_replicas) {
            const auto loaded = m_world.loaded(replica);
            if (!loaded || !*loaded)
                return false;
            const auto look = m_world.golden(replica);
            isWorse = isWorse || (look && look->digest == m_bad.digest && look->isWorse);
        }
        if (!isWorse)
            return false;
        return std::all_of(m_replicas.begin(), m_replicas.end(), [this](const auto &replica) {
            const auto answer = m_world.ask(replica, kLook);
            return answer && answer->digest == m_bad.digest;
        });
    }

    void undo() override
    {
        auto registry = Registry::open(m_folder);
        if (!registry)
            return; // isCleared() will say so
        const auto undone =
            registry->undoPromotion(m_bad.version, m_serving, m_previous, m_hadServed);
        if (undone && *undone)
            m_world.deploy(m_replicas, m_serving);
    }

    bool isCleared() override
    {
        const auto registry = Registry::open(m_folder);
        if (!registry || registry->serving() == m_bad.version)
            return false;
        return std::all_of(m_replicas.begin(), m_replicas.end(), [this](const auto &replica) {
            const auto answer = m_world.ask(replica, kLook);
            return answer && answer->correct && !answer->digest.empty()
                   && answer->digest != m_bad.digest;
        });
    }

    std::string byHand() const override
    {
        return fmt::format("drillctl model rollback {} {}", m_folder.filename().string(),
                           m_serving);
    }

private:
    FaultWorld &m_world;
    FaultRequest m_request;
    const std::string m_kind;
    std::vector<std::string> m_replicas;
    fs::path m_folder;
    BadModel m_bad;
    std::string m_serving, m_previous;
    bool m_hadServed = false;
};

/// The replicas ended with their agent; what is left is the registry.
std::string repair(const LedgerIntent &intent, const Clock &)
{
    const auto value = [&](const char *name) {
        const auto found = intent.undo.find(name);
        return found == intent.undo.end() ? std::string() : found->second;
    };
    const auto shop = value("shop"), bad = value("bad"), serving = value("serving");
    std::error_code error;
    if (!fs::exists(shop, error))
        return "gone: there is no shop at " + shop + " any more";
    auto registry = Registry::open(shop);
    const auto undone = registry ? registry->undoPromotion(bad, serving, value("previous"),
                                                           !value("had served").empty())
                                 : Result<bool>(tl::unexpected(registry.error()));
    if (!undone)
        return "failed: " + undone.error().text() + "; run: drillctl model rollback "
               + fs::path(shop).filename().string() + " " + serving;
    return *undone ? "version " + serving + " serves again"
                   : "version " + registry->serving() + " serves, not the bad one";
}

} // namespace

FaultKind modelBadDeploy()
{
    FaultKind kind;
    kind.name = "model.bad-deploy";
    kind.summary = "Promotes a truly worse model past its gate and has every replica load it";
    kind.settings = {{"model", "shuffled (trained on shuffled labels, unless given) or "
                               "under-trained"}};
    kind.make = [](FaultWorld &world, FaultRequest request) -> Result<std::unique_ptr<Fault>> {
        auto read = readBadModel(request.settings);
        if (!read)
            return tl::unexpected(read.error());
        return std::make_unique<ModelBadDeploy>(world, std::move(request), std::move(*read));
    };
    kind.repair = repair;
    return kind;
}

} // namespace engine
