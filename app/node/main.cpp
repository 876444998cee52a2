// drillroom-node: one program for every process of a shop that needs no LibTorch.

#include "app/node/run_store.h"
#include "engine/agent/agent.h"
#include "engine/serving/gateway_node.h"
#include "engine/serving/node_config.h"
#include "engine/serving/traffic_node.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace {

struct Role
{
    const char *name, *help;
    std::function<int(const engine::NodeConfig &)> run;
};

int runRole(const Role &role, const std::string &file)
{
    const auto config = engine::readNodeConfig(file);
    if (!config) {
        std::fprintf(stderr, "drillroom-node: %s\n", config.error().text().c_str());
        return engine::exitCode(config.error().code);
    }
    if (config->role != role.name) {
        std::fprintf(stderr, "drillroom-node: %s: the config is for the role \"%s\", not \"%s\"\n",
                     file.c_str(), config->role.c_str(), role.name);
        return engine::exitCode(engine::ErrorCode::InvalidInput);
    }
    return role.run(*config);
}

int runAgentRole(int controllerFd)
{
    engine::AgentOptions options;
    options.paths = engine::Paths::fromEnvironment();
    options.controllerFd = controllerFd;
    const auto ended = engine::runAgent(options);
    if (ended)
        return *ended;
    std::fprintf(stderr, "drillroom-node: %s\n", ended.error().text().c_str());
    return engine::exitCode(ended.error().code);
}

} // namespace

int main(int argc, char **argv)
{
    // Every role gets here with one thread and without gRPC: the agent forks its launcher first.
    std::string restoreTo;
    const Role roles[] = {
        {"gateway", "Answer shoppers from the replicas, and from fallbacks when they fail",
         engine::runGateway},
        {"store", "Keep shopper events and acknowledge them when they are durable",
         [&restoreTo](const engine::NodeConfig &config) {
             return app::runStore(config, restoreTo);
         }},
        {"traffic", "Send the trace's requests in an open loop and score the answers",
         engine::runTraffic},
    };

    CLI::App program("A process of a Drillroom shop. The agent starts these; by hand they are of "
                     "use for tests only.",
                     "drillroom-node");
    program.set_version_flag("--version", "drillroom-node " DRILLROOM_VERSION);
    program.require_subcommand(1);
    std::string file;
    const Role *chosen = nullptr;
    for (const auto &role : roles) {
        auto *command = program.add_subcommand(role.name, role.help);
        command->add_option("--config", file, "JSON file with target, role, shop and options")
            ->required()
            ->type_name("FILE");
        if (command->get_name() == "store")
            command
                ->add_option("--restore", restoreTo,
                             "First restore from backup and log: newest, a sequence number, or a "
                             "time such as 2026-11-22T14:03:07Z")
                ->type_name("POINT");
        command->callback([&chosen, &role] { chosen = &role; });
    }
    int controllerFd = -1;
    auto *agent = program.add_subcommand(
        "agent", "Start, watch, break and repair the shop of this user and home");
    agent->add_option("--controller-fd", controllerFd,
                      "Pipe whose end means that the controller is gone");
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return program.exit(error) == 0 ? 0 : engine::exitCode(engine::ErrorCode::Usage);
    }
    return agent->parsed() ? runAgentRole(controllerFd) : runRole(*chosen, file);
}
