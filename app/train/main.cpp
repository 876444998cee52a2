// drillroom-train: trains, evaluates and signs a model of one shop, or does one order with a model
// outside of shops (--job). A child of the console, of drillctl or of the agent, so that it can run
// at low priority and be killed without harm; progress goes to standard output as JSON lines.

#include "app/train/job_main.h"
#include "app/train/shop_application.h"
#include "engine/base/error.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <unistd.h>

namespace {

void say(const nlohmann::json &line)
{
    const auto text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

/// Whoever serves goes first, and does not wait for our time slice to end.
void giveWay()
{
    [[maybe_unused]] const int now = ::nice(10); // below those who started us, wherever they are
    const sched_param none{};
    ::sched_setscheduler(0, SCHED_BATCH, &none);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc == 2 && std::string_view(argv[1]).starts_with("--job"))
        return app::jobMain();
    if (argc == 2 && std::string_view(argv[1]) == "--families")
        return app::familiesMain();
    CLI::App app{"Trains, evaluates and signs a model of one shop.", "drillroom-train"};
    app.set_version_flag("--version", "drillroom-train " DRILLROOM_VERSION);
    app::ShopModelOrder order;
    std::string application;
    bool low = false;
    app.add_option("--shop", order.shop, "The shop's folder")->required();
    app.add_option("--key", order.key, "The signing key's file")->required();
    app.add_option(
        "--as", order.as,
        "first (chosen by validation, promoted), again (as the reference, not promoted), "
        "shuffled or under-trained (bad on purpose, not promoted)");
    app.add_option("--application", application,
                   "search, ads or inventory: data, requests and the first model of another "
                   "application of the shop");
    app.add_option("--seed", order.seed, "The seed of everything drawn");
    app.add_option("--threads", order.threads, "Threads; all cores unless given");
    app.add_option("--time-limit", order.timeLimit, "Seconds; the best model so far is kept then");
    app.add_flag("--low-priority", low, "Run behind everything else");
    CLI11_PARSE(app, argc, argv);
    if (low)
        giveWay();
    int exit = 0;
    try {
        const auto done = application.empty() ? app::makeShopModel(order, say)
                                              : app::makeShopApplication(order, application, say);
        if (!done) {
            say({{"error", done.error().message},
                 {"code", static_cast<int>(done.error().code)},
                 {"place", done.error().place}});
            exit = engine::exitCode(done.error().code);
        }
    } catch (const std::exception &error) {
        say({{"error", error.what()}, {"code", static_cast<int>(engine::ErrorCode::Internal)}});
        exit = 6;
    }
    // LibTorch's threads may still be there: leave without running destructors beside them.
    std::fflush(nullptr);
    ::_exit(exit);
}
