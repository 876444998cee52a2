// drillroom-replica: serves one model package of a shop over KServe v2.

#include "app/replica/package_source.h"
#include "engine/serving/replica_node.h"

#include <CLI/CLI.hpp>
#include <cstdio>

int main(int argc, char **argv)
{
    CLI::App program("A model replica of a Drillroom shop. The agent starts these; by hand they "
                     "are of use for tests only.",
                     "drillroom-replica");
    program.set_version_flag("--version", "drillroom-replica " DRILLROOM_VERSION);
    std::string file;
    program
        .add_option("--config", file,
                    "JSON file with target, role \"replica\" or \"standby\", shop and options "
                    "(package, applications, threads, unsafe)")
        ->required()
        ->type_name("FILE");
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
        return program.exit(error) == 0 ? 0 : engine::exitCode(engine::ErrorCode::Usage);
    }
    const auto config = engine::readNodeConfig(file);
    if (!config) {
        std::fprintf(stderr, "drillroom-replica: %s\n", config.error().text().c_str());
        return engine::exitCode(config.error().code);
    }
    const auto others = app::servedApplications(*config);
    if (!others) {
        std::fprintf(stderr, "drillroom-replica: %s\n", others.error().text().c_str());
        return engine::exitCode(others.error().code);
    }
    return engine::runReplica(*config, app::packageSource(*config), *others);
}
