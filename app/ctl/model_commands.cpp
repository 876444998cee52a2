#include "app/composition/shop_models.h"
#include "app/composition/shops.h"
#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "engine/agent/local_cluster.h"
#include "engine/model/registry.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

using engine::Result;
using nlohmann::json;

struct Options
{
    std::string shop, version, application = "recommend";
    bool json = false, ends = false;
};

Result<engine::Registry> openRegistry(const Context &context, const Options &options)
{
    const auto folder = app::modelFolder(context.paths, options.shop, options.application);
    if (!folder)
        return tl::unexpected(folder.error());
    return engine::Registry::open(*folder);
}

/// What else is to be known of a version besides its state.
std::string remarkOf(const engine::ShopModel &model)
{
    if (model.entry.revoked)
        return "revoked";
    if (model.isPrevious)
        return "previous";
    if (!model.entry.gatePassed)
        return "did not pass its gate";
    return model.isSigned ? "" : "signature missing or not ours";
}

Result<> list(Context &context, const Options &options)
{
    const auto running = app::runningShop(context.paths);
    const auto shop = app::shopModels(context.paths, options.shop, running ? &*running : nullptr,
                                      options.application);
    if (!shop)
        return tl::unexpected(shop.error());
    auto all = json::array();
    const char *figure = options.application == "recommend" ? "ndcg@10" : "earned";
    Table table({"Version", "State", "Family", figure, "Digest", ""}, {true, false, false, true});
    for (auto at = shop->models.rbegin(); at != shop->models.rend(); ++at) {
        const auto &entry = at->entry;
        const std::string state(engine::name(at->state));
        all.push_back({{"version", entry.version},
                       {"state", state},
                       {"family", entry.family},
                       {"digest", entry.digest},
                       {"gate_passed", entry.gatePassed},
                       {"signed", at->isSigned},
                       {"revoked", entry.revoked},
                       {"previous", at->isPrevious},
                       {"reference", at->isReference},
                       {"metrics", entry.metrics}});
        const auto value = entry.metrics.find(figure);
        table.row({entry.version, state, entry.family,
                   value == entry.metrics.end() ? "" : fmt::format("{:.4f}", value->second),
                   entry.digest.substr(0, 16), remarkOf(*at)});
    }
    if (options.json)
        printJson(json{{"shop", options.shop},
                       {"application", options.application},
                       {"floor", shop->floor},
                       {"models", all}});
    else
        print(table.text());
    return {};
}

/// A package by its own folder, or a version of a shop's registry (default: the serving one).
Result<std::filesystem::path> packageFolder(Context &context, const Options &options,
                                            engine::PackagePolicy &policy)
{
    std::error_code error;
    const std::filesystem::path path(options.shop);
    if (options.shop.find('/') != std::string::npos
        || std::filesystem::exists(path / "manifest.json", error)) {
        if (!options.version.empty())
            return engine::fail(engine::ErrorCode::Usage,
                                "The folder of a package needs no version");
        return path;
    }
    const auto registry = openRegistry(context, options);
    if (!registry)
        return tl::unexpected(registry.error());
    policy.versionFloor = registry->floor();
    const auto version = options.version.empty() ? registry->serving() : options.version;
    return registry->packageFolder(version);
}

std::string manifestText(const engine::Package &package)
{
    const auto &manifest = package.manifest;
    std::string text = fmt::format(
        "Family {}, version {}, recipe {}, seed {}\nTrained on {}\n", manifest.family,
        manifest.version, manifest.recipe.empty() ? "none" : manifest.recipe, manifest.seed,
        manifest.trainingData.empty() ? "data that it does not name" : manifest.trainingData);
    if (!manifest.lineage.empty())
        text += "Trained further from " + manifest.lineage + "\n";
    Table table({"Setting or metric", "Value"}, {false, true});
    for (const auto &[name, value] : manifest.settings)
        table.row({name, fmt::format("{:g}", value)});
    for (const auto &[name, value] : manifest.metrics)
        table.row({name, fmt::format("{:.4f}", value)});
    for (const auto &[name, value] : manifest.provenance)
        table.row({name, value});
    return text + table.text();
}

Result<> verify(Context &context, const Options &options, bool shows)
{
    const auto key = engine::SigningKey::loadOrCreate(context.paths.signingKey());
    if (!key)
        return tl::unexpected(key.error());
    engine::PackagePolicy policy;
    policy.trusted = key->publicKey();
    const auto folder = packageFolder(context, options, policy);
    if (!folder)
        return tl::unexpected(folder.error());
    const auto package = engine::readPackage(*folder, policy);
    if (!package)
        return tl::unexpected(package.error());
    const auto &manifest = package->manifest;
    const json result = {{"version", manifest.version},
                         {"digest", package->digest},
                         {"sound", true},
                         {"family", manifest.family},
                         {"settings", manifest.settings},
                         {"metrics", manifest.metrics},
                         {"recipe", manifest.recipe},
                         {"lineage", manifest.lineage},
                         {"training_data", manifest.trainingData},
                         {"seed", manifest.seed},
                         {"provenance", manifest.provenance}};
    if (options.json) {
        printJson(result);
        return {};
    }
    print(fmt::format(
        "Version {} is sound: signed by this workstation's key, every byte accounted for.\n"
        "Digest {}\n",
        manifest.version, package->digest));
    if (shows)
        print(manifestText(*package));
    return {};
}

Result<> move(Context &context, const Options &options, const std::string &how)
{
    auto registry = openRegistry(context, options);
    if (!registry)
        return tl::unexpected(registry.error());
    DR_RETURN_IF_ERROR(how == "promote"    ? registry->promote(options.version)
                       : how == "rollback" ? registry->rollback(options.version)
                                           : registry->revoke(options.version));
    if (options.json)
        printJson(json{{"shop", options.shop},
                       {"serving", registry->serving()},
                       {"floor", registry->floor()}});
    else
        print(
            fmt::format("{} serves version {}; it takes effect at the next start of its replicas\n",
                        options.shop, registry->serving()));
    return {};
}

Result<> canary(Context &context, const Options &options)
{
    if (options.ends != options.version.empty())
        return engine::fail(engine::ErrorCode::Usage,
                            "Name the version to show, or --end to take it back");
    const auto cluster = engine::LocalCluster::open(
        context.paths, engine::systemClock(), {.name = "drillctl model canary", .spawn = false});
    const auto status = cluster ? (*cluster)->shopStatus() : engine::Result<engine::ShopStatus>();
    if (!cluster && cluster.error().code == engine::ErrorCode::Busy)
        return tl::unexpected(cluster.error());
    if (!cluster || !status || status->name != options.shop || status->state != "up")
        return engine::fail(engine::ErrorCode::Unavailable,
                            "The shop " + options.shop
                                + " does not run; a canary needs shoppers: drillctl shop up "
                                + options.shop);
    DR_RETURN_IF_ERROR((*cluster)->act("canary", options.version, "operator"));
    if (options.json)
        printJson(json{{"shop", options.shop}, {"canary", options.version}});
    else
        print(options.ends
                  ? fmt::format("{}: the canary ends\n", options.shop)
                  : fmt::format("{}: version {} goes to a quarter of the shoppers; `drillctl "
                                "shop status` and `drillctl model list {}` say how it does\n",
                                options.shop, options.version, options.shop));
    return {};
}

} // namespace

void addModelCommands(CLI::App &app, Context &context)
{
    auto *model = app.add_subcommand("model", "Model packages: of a shop, or any folder");
    model->require_subcommand(1);
    const auto add = [&](const char *name, const char *help, bool version, auto run) {
        const bool takesFolder =
            std::string_view(name) == "verify" || std::string_view(name) == "show";
        auto options = std::make_shared<Options>();
        auto *sub = model->add_subcommand(name, help);
        sub->add_option("shop", options->shop,
                        takesFolder ? "The shop, or the folder of a package" : "The shop")
            ->required();
        auto *option = sub->add_option("version", options->version, "Version of the package");
        if (version)
            option->required();
        if (std::string_view(name) != "canary")
            sub->add_option("--application", options->application,
                            "Whose models: recommend, search, ads or inventory")
                ->capture_default_str();
        else
            sub->add_flag("--end", options->ends, "Back to the model that serves the others");
        sub->add_flag("--json", options->json, "The result as JSON");
        sub->callback([&context, options, run] {
            if (const auto done = run(context, *options); !done)
                context.exit = report(done.error(), options->json);
        });
    };
    add("list", "Versions, which one serves, metrics", false, list);
    add("verify", "Check signature, sizes and checksums (default: the serving one)", false,
        [](Context &c, const Options &o) { return verify(c, o, false); });
    add("show", "The same, with settings, metrics and where it comes from", false,
        [](Context &c, const Options &o) { return verify(c, o, true); });
    add("canary",
        "Show a version to a quarter of the shoppers of the running shop, on one replica, until it "
        "is promoted, ended, or taken back because it does worse",
        false, canary);
    for (const char *how : {"promote", "rollback", "revoke"})
        add(how,
            std::string_view(how) == "promote" ? "Let this version serve"
            : std::string_view(how) == "rollback"
                ? "Back to the previous version, or to the named one"
                : "Raise the floor above this version, for good",
            std::string_view(how) != "rollback",
            [how](Context &c, const Options &o) { return move(c, o, how); });
}

} // namespace ctl
