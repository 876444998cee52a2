#include "engine/agent/shop_plan.h"

#include "engine/base/files.h"
#include "engine/data/application_files.h"
#include "engine/data/shop_files.h"
#include "engine/model/registry.h"
#include "engine/serving/gateway_settings.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

using nlohmann::json;

std::string fileName(const std::string &target)
{
    auto name = target;
    std::replace(name.begin(), name.end(), '/', '-');
    return name;
}

std::string address(const ProxyEdge &edge)
{
    return fmt::format("127.0.0.1:{}", edge.port());
}

Result<> checkName(const std::string &name)
{
    const auto good = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || c == '-' || c == '_' || c == '.';
    };
    if (name.empty() || name.size() > 64 || name[0] == '.'
        || !std::all_of(name.begin(), name.end(), good))
        return fail(ErrorCode::InvalidInput,
                    "'" + name + "' is not a shop's name; use letters, digits, '-', '_' and '.'");
    return {};
}

/// Writes configurations with what all processes of the shop share.
class Planner
{
public:
    Planner(const Paths &paths, const std::filesystem::path &folder, Proxy &proxy)
        : m_paths(paths), m_folder(folder), m_proxy(proxy)
    {
    }

    Result<std::shared_ptr<ProxyEdge>> edge(const std::string &from, const std::string &to)
    {
        auto made = m_proxy.addEdge(from + "->" + to);
        if (made)
            m_edges[to].push_back(*made);
        return made;
    }

    Result<PlannedProcess> process(const std::string &target, const std::string &role,
                                   const json &options)
    {
        const auto nodes = m_paths.home / "nodes";
        DR_RETURN_IF_ERROR(makePrivateFolder(nodes));
        DR_RETURN_IF_ERROR(makePrivateFolder(m_paths.logs()));
        PlannedProcess process;
        process.target = target;
        process.role = role;
        process.log = (m_paths.logs() / (fileName(target) + ".log")).string();
        process.edges = m_edges[target];
        const auto config = nodes / (fileName(target) + ".json");
        const json text{{"target", target},
                        {"role", role},
                        {"agent_socket", m_paths.agentSocket().string()},
                        {"shop", m_folder.string()},
                        {"log", process.log},
                        {"options", options}};
        DR_RETURN_IF_ERROR(writeTextAtomically(config, text.dump(1), 0600));
        const bool isReplica = role == "replica" || role == "standby";
        const auto program =
            m_paths.binaries / (isReplica ? "drillroom-replica" : "drillroom-node");
        std::error_code error;
        if (!std::filesystem::exists(program, error))
            return fail(ErrorCode::NotFound,
                        "The program " + program.string() + " is missing; build or install it");
        process.argv = {program.string()};
        if (!isReplica)
            process.argv.push_back(role);
        process.argv.insert(process.argv.end(), {"--config", config.string()});
        process.config = config;
        if (options.contains("package"))
            process.package = options.at("package").get<std::string>();
        return process;
    }

    /// A server that is not ours, behind an edge of ours.
    Result<PlannedProcess> attached(const std::string &target, const std::string &role,
                                    const std::string &at)
    {
        const auto to = resolve(at);
        DR_RETURN_IF_ERROR(to);
        PlannedProcess process;
        process.target = target;
        process.role = role;
        process.edges = m_edges[target];
        process.attachedAt = *to;
        process.attachedAddress = at;
        return process;
    }

private:
    const Paths &m_paths;
    std::filesystem::path m_folder;
    Proxy &m_proxy;
    std::map<std::string, std::vector<std::shared_ptr<ProxyEdge>>> m_edges;
};

/// The model that served before, so that one bad model does not take both; the serving one where
/// there is no such or it may not serve any more.
std::string standbyVersion(const Registry &registry)
{
    const auto *previous = registry.find(registry.previous());
    const bool servable =
        previous && !previous->revoked && std::atoi(previous->version.c_str()) >= registry.floor();
    return servable ? previous->version : registry.serving();
}

/// What else than recommend the shop serves: per application the package of the replicas, that of
/// the standby, and the model that its expected scores are of.
struct PlannedApplications
{
    json names = json::array(), primary = json::array(), standby = json::array(),
         traffic = json::array();
};

Result<PlannedApplications> planApplications(const std::filesystem::path &shop)
{
    PlannedApplications out;
    const auto applications = readApplications(shop);
    DR_RETURN_IF_ERROR(applications);
    for (const auto &application : *applications) {
        const auto folder = applicationFolder(shop, application.name);
        const auto registry = Registry::open(folder);
        DR_RETURN_IF_ERROR(registry);
        const auto *serving = registry->find(registry->serving());
        if (!serving)
            return fail(ErrorCode::NotFound,
                        fmt::format("The application {} has no model that serves; make the shop "
                                    "anew with `drillctl shop create`",
                                    application.name),
                        folder.string());
        const auto *reference = registry->find(registry->reference());
        const auto model = [&](const std::string &version) {
            return json{{"name", application.name},
                        {"package", registry->packageFolder(version).string()}};
        };
        out.names.push_back(application.name);
        out.primary.push_back(model(serving->version));
        out.standby.push_back(model(standbyVersion(*registry)));
        out.traffic.push_back(
            {{"name", application.name}, {"reference", (reference ? reference : serving)->digest}});
    }
    return out;
}

} // namespace

namespace {

template <class Change>
Result<> changeJson(const std::filesystem::path &file, const Change &change)
{
    const auto text = readText(file, 1 << 20);
    DR_RETURN_IF_ERROR(text);
    auto config = json::parse(*text, nullptr, false);
    if (!config.is_object())
        return fail(ErrorCode::Internal, file.string() + " cannot be read any more");
    change(config);
    return writeTextAtomically(file, config.dump(1), 0600);
}

} // namespace

Result<> setNodeOption(const PlannedProcess &process, const std::string &option, bool on)
{
    return changeJson(process.config, [&](json &config) { config["options"][option] = on; });
}

Result<> setNodePackage(PlannedProcess &process, const std::filesystem::path &package)
{
    process.package = package;
    return changeJson(process.config,
                      [&](json &config) { config["options"]["package"] = package.string(); });
}

std::filesystem::path endpointsFile(const Paths &paths)
{
    return paths.home / "nodes" / "endpoints.json";
}

Result<> setCanary(const Paths &paths, const std::vector<std::string> &targets, double share)
{
    return changeJson(endpointsFile(paths), [&](json &endpoints) {
        endpoints["canary"] = {{"targets", targets}, {"share", share}};
    });
}

Result<ShopPlan> planShop(const Paths &paths, const ShopSpec &spec, Proxy &proxy)
{
    DR_RETURN_IF_ERROR(checkName(spec.name));
    if (spec.replicas < 1 || spec.replicas > 64)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("A shop has 1 to 64 replicas, not {}", spec.replicas));
    const auto folder = paths.shops() / spec.name;
    std::error_code error;
    if (!std::filesystem::exists(folder / "shop.json", error))
        return fail(
            ErrorCode::NotFound,
            fmt::format("There is no shop {0}; make it with: drillctl shop create {0}", spec.name),
            folder.string());
    const auto info = readShopInfo(folder);
    DR_RETURN_IF_ERROR(info);
    const auto registry = Registry::open(folder);
    DR_RETURN_IF_ERROR(registry);
    const auto *serving = registry->find(registry->serving());
    if (!serving)
        return fail(
            ErrorCode::NotFound,
            fmt::format("The shop {} has no model that serves; train and promote one", spec.name),
            folder.string());
    const auto *reference = registry->find(registry->reference());

    ShopPlan plan;
    plan.name = spec.name;
    plan.folder = folder;
    plan.application = info->application;
    plan.synthetic = !info->synthetic.empty();
    plan.reference = reference ? reference->digest : serving->digest;
    plan.digest = serving->digest;
    plan.items = info->items;
    auto attached = readAttached(folder);
    DR_RETURN_IF_ERROR(attached);
    if (*attached) {
        const auto differs = [&](const char *what, std::size_t has) {
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The shop {} is attached to {} {}; what is asked for differs. "
                                    "Attach others with drillctl shop attach, or go back to its "
                                    "own with --release",
                                    spec.name, has, what));
        };
        if ((*attached)->replicas.size() != static_cast<std::size_t>(spec.replicas))
            return differs("replicas", (*attached)->replicas.size());
        if ((*attached)->standby.empty() == spec.standby)
            return differs("standbys", (*attached)->standby.size());
        plan.dialect = (*attached)->dialect;
    }

    // Servers that are not ours know recommendations only.
    const auto others =
        *attached ? Result<PlannedApplications>(PlannedApplications{}) : planApplications(folder);
    DR_RETURN_IF_ERROR(others);
    plan.applications = {plan.application};
    plan.applications.insert(plan.applications.end(), others->names.begin(), others->names.end());

    Planner planner(paths, folder, proxy);
    std::vector<std::string> replicas, standbys;
    for (int i = 1; i <= spec.replicas; ++i)
        replicas.push_back(fmt::format("replica/{}", i));
    const auto spares = *attached ? (*attached)->standby.size() : std::size_t{spec.standby};
    for (std::size_t i = 1; i <= spares; ++i)
        standbys.push_back(fmt::format("standby/{}", i));

    const auto storeEdge = planner.edge("gateway", "store");
    DR_RETURN_IF_ERROR(storeEdge);
    const auto writeEdge = planner.edge("traffic", "store");
    DR_RETURN_IF_ERROR(writeEdge);
    const auto door = planner.edge("traffic", "gateway");
    DR_RETURN_IF_ERROR(door);
    plan.door = *door;
    const auto add = [&](const std::string &target, const std::string &role,
                         const json &options) -> Result<> {
        auto process = planner.process(target, role, options);
        DR_RETURN_IF_ERROR(process);
        plan.processes.push_back(std::move(*process));
        return {};
    };
    const auto addModels = [&](const std::vector<std::string> &targets, const std::string &role,
                               const std::string &version) -> Result<json> {
        auto list = json::array();
        std::size_t at = 0;
        for (const auto &target : targets) {
            const auto edge = planner.edge("gateway", target);
            DR_RETURN_IF_ERROR(edge);
            list.push_back({{"target", target}, {"address", address(**edge)}});
            if (*attached) {
                const auto &from = role == "standby" ? (*attached)->standby : (*attached)->replicas;
                auto process = planner.attached(target, role, from[at++]);
                DR_RETURN_IF_ERROR(process);
                plan.processes.push_back(std::move(*process));
                continue;
            }
            json options{{"package", registry->packageFolder(version).string()},
                         {"threads", 1},
                         {"unsafe", false}};
            if (!others->names.empty())
                options["applications"] = role == "standby" ? others->standby : others->primary;
            DR_RETURN_IF_ERROR(add(target, role, options));
        }
        return list;
    };
    const auto primaryList = addModels(replicas, "replica", serving->version);
    DR_RETURN_IF_ERROR(primaryList);
    const auto standbyList = addModels(standbys, "standby", standbyVersion(*registry));
    DR_RETURN_IF_ERROR(standbyList);
    DR_RETURN_IF_ERROR(add("store", "store", json::object()));
    // The operator's copy; what is in it already stays.
    const auto settings = folder / "gateway.yaml";
    if (!std::filesystem::exists(settings, error))
        DR_RETURN_IF_ERROR(writeTextAtomically(settings, defaultGatewaySettings()));
    const auto endpoints = endpointsFile(paths);
    const json where{{"replicas", *primaryList}, {"standby", *standbyList}};
    DR_RETURN_IF_ERROR(writeTextAtomically(endpoints, where.dump(1), 0600));
    json gateway{{"replicas", *primaryList},
                 {"standby", *standbyList},
                 {"store", address(**storeEdge)},
                 {"settings", settings.string()},
                 {"endpoints", endpoints.string()}};
    if (!others->names.empty())
        gateway["applications"] = others->names;
    if (plan.dialect)
        gateway["dialect"] = toJson(*plan.dialect);
    DR_RETURN_IF_ERROR(add("gateway", "gateway", gateway));
    json traffic{{"gateway", address(**door)},
                 {"store", address(**writeEdge)},
                 {"reference", plan.reference}};
    if (!others->names.empty())
        traffic["applications"] = others->traffic;
    DR_RETURN_IF_ERROR(add("traffic", "traffic", traffic));
    return plan;
}

} // namespace engine
