#include "app/composition/drill_run.h"

#include "app/composition/shops.h"
#include "engine/base/files.h"
#include "engine/drill/drill_file.h"
#include "engine/recording/open.h"
#include "engine/recording/recorder.h"

#include <fmt/format.h>

namespace app {
namespace {

namespace fs = std::filesystem;
using engine::Result;

Result<DrillOutcome> runOnce(engine::LocalCluster &cluster, const engine::Paths &paths,
                             const engine::Clock &clock, const DrillOrder &order,
                             const engine::Drill &drill, const fs::path &file,
                             const DrillHooks &hooks, std::stop_token stop)
{
    const auto key = engine::SigningKey::loadOrCreate(paths.signingKey());
    if (!key)
        return tl::unexpected(key.error());
    engine::RecorderOptions options;
    options.path = file;
    options.key = &*key;
    options.meta = {{"title", drill.title}, {"build", DRILLROOM_VERSION}};
    auto started = engine::Recorder::start(options, clock);
    if (!started)
        return tl::unexpected(started.error());
    std::shared_ptr<engine::Recorder> recorder = std::move(*started);
    if (hooks.recording)
        hooks.recording(file);

    engine::RunSettings settings;
    settings.runId = file.stem().string();
    settings.shop = order.shop;
    settings.build = DRILLROOM_VERSION;
    settings.seed = order.seed;
    settings.without = order.without;
    settings.unsafe = order.unsafe;
    Result<> ran;
    {
        // Best effort: without it only the note beside the file is lost, should we die.
        (void)cluster.setRecording(file);
        engine::DrillRunner runner(cluster, *recorder, clock, drill, settings, hooks.news);
        if (hooks.on)
            hooks.on({recorder, [&runner](std::string why) { runner.abort(std::move(why)); }});
        ran = runner.run(stop);
        if (hooks.on)
            hooks.on({});
    }
    const auto closed = recorder->close();
    if (!ran) {
        std::error_code error;
        recorder.reset();
        for (const char *tail : {"", "-wal", "-shm"})
            fs::remove(fs::path(file.string() + tail), error);
        return tl::unexpected(ran.error());
    }
    if (!closed)
        return tl::unexpected(closed.error());
    const auto fold = engine::foldFile(file, clock);
    if (!fold)
        return tl::unexpected(fold.error());
    return DrillOutcome{fold->state.verdict(), file, fold->state.run.synthetic, 0};
}

} // namespace

Result<DrillOutcome> runDrill(engine::LocalCluster &cluster, const engine::Paths &paths,
                              const engine::Clock &clock, const DrillOrder &order,
                              const DrillHooks &hooks, std::stop_token stop)
{
    const auto path = engine::findDrill(order.drill, paths.drills);
    if (!path)
        return tl::unexpected(path.error());
    const auto drill = engine::readDrill(*path, order.overrides);
    if (!drill)
        return tl::unexpected(drill.error());
    if (const auto folder = shopFolder(paths, order.shop); !folder)
        return tl::unexpected(folder.error());
    auto file = order.record;
    if (file.empty()) {
        DR_RETURN_IF_ERROR(engine::makePrivateFolder(paths.recordings()));
        file =
            engine::newRecordingPath(paths.recordings(), path->stem().string(), clock.wallMicros());
    } else if (fs::exists(file)) {
        return engine::fail(
            engine::ErrorCode::InvalidInput,
            "There is a file of that name already; recordings are never overwritten",
            file.string());
    }
    DrillOutcome outcome;
    const auto repeated =
        engine::repeatOnHostNoise(order.retryNoise, [&](int attempt) -> Result<engine::Verdict> {
            if (attempt > 0) { // the disturbed run is kept beside the next one
                std::error_code error;
                auto aside = file;
                aside.replace_extension(fmt::format(".noisy{}.drl", attempt));
                fs::rename(file, aside, error);
            }
            auto once = runOnce(cluster, paths, clock, order, *drill, file, hooks, stop);
            if (!once)
                return tl::unexpected(once.error());
            outcome = *once;
            return once->verdict;
        });
    if (!repeated)
        return tl::unexpected(repeated.error());
    outcome.noisy = repeated->noisy;
    return outcome;
}

} // namespace app
