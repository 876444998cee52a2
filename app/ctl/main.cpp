// drillctl: everything the console can do, without a display.

#include "app/ctl/commands.h"
#include "app/ctl/output.h"

#include <csignal>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

int main(int argc, char **argv)
{
    std::signal(SIGPIPE, SIG_IGN);
    // Logs are for developers and go to stderr; operators read results and the recording.
    spdlog::set_default_logger(spdlog::stderr_color_mt("drillctl"));
    spdlog::set_level(std::getenv("DRILLROOM_LOG") ? spdlog::level::debug : spdlog::level::err);

    CLI::App app{"Rehearse disasters of recommendation and search model serving.", "drillctl"};
    app.set_version_flag("--version", "drillctl " DRILLROOM_VERSION);
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 good, 1 verdict FAIL, 2 usage, 3 inconclusive or partial, 4 invalid input,\n"
        "5 untrusted, 6 aborted or errored. --json puts the result alone on stdout.");
    ctl::Context context{engine::Paths::fromEnvironment()};
    ctl::addShopCommands(app, context);
    ctl::addBackupCommands(app, context);
    ctl::addDrillCommands(app, context);
    ctl::addRecordingCommands(app, context);
    ctl::addPlayCommand(app, context);
    ctl::addCompareCommand(app, context);
    ctl::addTrainCommands(app, context);
    ctl::addAnswerCommands(app, context);
    ctl::addModelCommands(app, context);
    ctl::addBenchCommands(app, context);
    ctl::addSystemCommands(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success &done) {
        return app.exit(done); // --help, --version
    } catch (const CLI::ParseError &error) {
        app.exit(error);
        return 2;
    } catch (const std::exception &error) {
        return ctl::report({engine::ErrorCode::Internal, error.what(), {}}, false);
    }
    return context.exit;
}
