// The part of Shop that decides which model its replicas serve.

#include "engine/agent/shop.h"
#include "engine/drill/fault_settings.h"
#include "engine/fault/bad_model.h"
#include "engine/model/registry.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace engine {

Result<> Shop::rollBack(const std::string &target, const std::string &by)
{
    std::filesystem::path folder;
    {
        const std::lock_guard lock(m_mutex);
        const auto *process = find(target);
        if (!process || process->plan.package.empty())
            return fail(ErrorCode::InvalidInput, target
                                                     + " serves no model that could be rolled "
                                                       "back");
        folder = m_plan.folder;
    }
    const auto registry = Registry::open(folder);
    DR_RETURN_IF_ERROR(registry);
    const auto *previous = registry->find(registry->previous());
    if (!previous)
        return fail(ErrorCode::NotFound, "No model served before this one; there is nothing to "
                                         "roll back to");
    m_hub.publish(Payload{ResponseChanged{"rollback", target, by, "to version " + previous->version,
                                          true, m_clock.now().count()}});
    m_loads.load(target, previous->version, by);
    return {};
}

void Shop::deploy(const std::vector<std::string> &targets, const std::string &version)
{
    {
        const std::lock_guard lock(m_mutex);
        for (const auto &target : targets)
            if (auto *process = find(target))
                if (const auto set =
                        setNodePackage(process->plan, m_plan.folder / "packages" / version);
                    !set)
                    spdlog::error("deploy target={} error=\"{}\"", target, set.error().text());
    }
    for (const auto &target : targets)
        m_loads.load(target, version);
}

Result<> Shop::promote(const std::string &version, const std::string &by)
{
    const auto folder = shopFolder();
    if (folder.empty())
        return fail(ErrorCode::NotFound, "No shop runs that a model could be promoted in");
    auto registry = Registry::open(folder);
    DR_RETURN_IF_ERROR(registry);
    const auto before = registry->serving();
    DR_RETURN_IF_ERROR(registry->promote(version));
    m_canary.end(true);
    const bool isBack = std::atoi(version.c_str()) < std::atoi(before.c_str());
    const ResponseChanged event{isBack ? "rollback" : "promotion",
                                "shop",
                                by,
                                fmt::format("from version {} to {}", before, version),
                                false,
                                m_clock.now().count()};
    m_hub.publish(Payload{event});
    deploy(replicas(), version);
    return {};
}

Result<> Shop::retrain(const std::string &by)
{
    if (shopFolder().empty())
        return fail(ErrorCode::NotFound, "No shop runs that could be retrained; start one");
    if (m_canary.isOn())
        return fail(ErrorCode::Busy, "A canary is shown; end or promote it first");
    return m_retraining.start(by);
}

Result<> Shop::canary(const std::string &version, const std::string &by)
{
    if (m_retraining.isOn())
        return fail(ErrorCode::Busy, "A retraining shows its model; wait until it is over");
    if (!version.empty())
        return m_canary.start(version, by);
    if (!m_canary.isOn())
        return fail(ErrorCode::NotFound, "No version is shown to some of the shoppers");
    m_canary.end(false);
    return {};
}

Result<> Shop::prepareFault(const FaultSpec &spec)
{
    if (spec.fault != "model.bad-deploy")
        return {};
    const auto folder = shopFolder();
    if (folder.empty())
        return fail(ErrorCode::NotFound, "No shop runs that a bad model could be deployed to");
    const auto how = readBadModel(spec.settings);
    DR_RETURN_IF_ERROR(how);
    if (badModelOf(folder, *how))
        return {};
    const auto trained = m_trainer.train(folder, *how, spec.seed, {});
    DR_RETURN_IF_ERROR(trained);
    return noteBadModel(folder, *how, trained->version);
}

std::vector<GoldenWatch::Replica> Shop::goldenReplicas() const
{
    const std::lock_guard lock(m_mutex);
    std::vector<GoldenWatch::Replica> replicas;
    for (const auto &process : m_processes)
        if (process.plan.role == "replica" && process.state == ProcessState::Serving && process.line
            && process.port != 0)
            replicas.push_back({process.plan.target, process.digest, process.port});
    return replicas;
}

} // namespace engine
