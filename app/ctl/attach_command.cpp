#include "app/composition/attach.h"
#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "app/ctl/shop_status.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

using nlohmann::json;

struct AttachOptions
{
    app::AttachOrder order;
    bool release = false, json = false;
};

void attach(Context &context, const AttachOptions &options)
{
    if (options.release) {
        const auto done = app::releaseShop(context.paths, options.order.shop);
        if (!done) {
            context.exit = report(done.error(), options.json);
            return;
        }
        if (options.json)
            printJson(json{{"name", options.order.shop}, {"attached", false}});
        else
            print(options.order.shop + " is served by its own replicas from its next start\n");
        return;
    }
    if (options.order.replicas.empty()) {
        context.exit = report({engine::ErrorCode::Usage,
                               "Say which servers: --replica HOST:PORT ..., or --release",
                               {}},
                              options.json);
        return;
    }
    Progress progress;
    progress.line("asking the servers");
    const auto status = app::attachShop(context.paths, options.order);
    progress.clear();
    if (!status) {
        context.exit = report(status.error(), options.json);
        return;
    }
    printStatus(*status, options.json);
    if (!options.json)
        print(std::string(
            "\nThe replicas are not ours: faults on them go by the wire alone (network.cut of\n"
            "gateway->replica/1 ...); the gateway and the store can be broken as always.\n"));
}

} // namespace

void addAttachCommand(CLI::App &shop, Context &context)
{
    auto options = std::make_shared<AttachOptions>();
    auto *sub = shop.add_subcommand(
        "attach", "Put a shop's gateway in front of KServe v2 servers that are not ours");
    sub->footer(
        "NAME is a shop that is there: its histories and its trace are what the servers are "
        "asked,\n"
        "its own model is what their quality is measured against. The servers take item numbers "
        "as\n"
        "in the shop's items.tsv. The names of their tensors come from their ModelMetadata: of "
        "the\n"
        "inputs one of INT64 or INT32 with two dimensions is the history (padded with -1), "
        "another\n"
        "one k; of the outputs the first of whole numbers is the items, the first of FP32 or FP64\n"
        "the scores. The shop must be down; it comes up and stays.");
    sub->add_option("name", options->order.shop, "The shop")->required();
    sub->add_option("--replica", options->order.replicas, "HOST:PORT, one or more");
    sub->add_option("--standby", options->order.standby,
                    "HOST:PORT of servers that are asked when no replica answers");
    sub->add_option("--model", options->order.model,
                    "Its name; the only one that the servers have unless given");
    sub->add_flag("--release", options->release, "Back to the shop's own replicas");
    sub->add_flag("--json", options->json, "The result as JSON");
    sub->callback([&context, options] { attach(context, *options); });
}

} // namespace ctl
