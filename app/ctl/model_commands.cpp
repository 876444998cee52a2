#include "app/composition/shops.h"
#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "engine/model/registry.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

using engine::Result;
using nlohmann::json;

struct Options
{
    std::string shop, version;
    bool json = false;
};

Result<engine::Registry> openRegistry(const Context &context, const std::string &shop)
{
    const auto folder = app::shopFolder(context.paths, shop);
    if (!folder)
        return tl::unexpected(folder.error());
    return engine::Registry::open(*folder);
}

std::string roleOf(const engine::Registry &registry, const engine::RegistryEntry &entry)
{
    if (entry.version == registry.serving())
        return "serving";
    if (entry.revoked)
        return "revoked";
    return entry.version == registry.previous() ? "previous" : "kept";
}

Result<> list(Context &context, const Options &options)
{
    const auto registry = openRegistry(context, options.shop);
    if (!registry)
        return tl::unexpected(registry.error());
    auto all = json::array();
    Table table({"Version", "State", "Family", "NDCG@10", "Digest"}, {true, false, false, true});
    for (const auto &entry : registry->versions()) {
        const auto role = roleOf(*registry, entry);
        all.push_back({{"version", entry.version},
                       {"state", role},
                       {"family", entry.family},
                       {"digest", entry.digest},
                       {"gate_passed", entry.gatePassed},
                       {"metrics", entry.metrics}});
        const auto ndcg = entry.metrics.find("ndcg@10");
        table.row({entry.version, role, entry.family,
                   ndcg == entry.metrics.end() ? "" : fmt::format("{:.4f}", ndcg->second),
                   entry.digest.substr(0, 16)});
    }
    if (options.json)
        printJson(json{{"shop", options.shop}, {"floor", registry->floor()}, {"models", all}});
    else
        print(table.text());
    return {};
}

Result<> verify(Context &context, const Options &options)
{
    const auto registry = openRegistry(context, options.shop);
    if (!registry)
        return tl::unexpected(registry.error());
    const auto key = engine::SigningKey::loadOrCreate(context.paths.signingKey());
    if (!key)
        return tl::unexpected(key.error());
    engine::PackagePolicy policy;
    policy.trusted = key->publicKey();
    policy.versionFloor = registry->floor();
    const auto version = options.version.empty() ? registry->serving() : options.version;
    const auto package = engine::readPackage(registry->packageFolder(version), policy);
    if (!package)
        return tl::unexpected(package.error());
    const json result = {{"version", version},
                         {"digest", package->digest},
                         {"sound", true},
                         {"family", package->manifest.family},
                         {"settings", package->manifest.settings},
                         {"metrics", package->manifest.metrics},
                         {"recipe", package->manifest.recipe}};
    if (options.json)
        printJson(result);
    else
        print(fmt::format(
            "Version {} is sound: signed by this workstation's key, every byte accounted for.\n"
            "Digest {}\n",
            version, package->digest));
    return {};
}

Result<> move(Context &context, const Options &options, const std::string &how)
{
    auto registry = openRegistry(context, options.shop);
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

} // namespace

void addModelCommands(CLI::App &app, Context &context)
{
    auto *model = app.add_subcommand("model", "The model packages of a shop");
    model->require_subcommand(1);
    const auto add = [&](const char *name, const char *help, bool version, auto run) {
        auto options = std::make_shared<Options>();
        auto *sub = model->add_subcommand(name, help);
        sub->add_option("shop", options->shop, "The shop")->required();
        auto *option = sub->add_option("version", options->version, "Version of the package");
        if (version)
            option->required();
        sub->add_flag("--json", options->json, "The result as JSON");
        sub->callback([&context, options, run] {
            if (const auto done = run(context, *options); !done)
                context.exit = report(done.error(), options->json);
        });
    };
    add("list", "Versions, which one serves, metrics", false, list);
    add("verify", "Check signature, sizes and checksums (default: the serving one)", false, verify);
    add("show", "The same, with settings and metrics (use --json)", false, verify);
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
